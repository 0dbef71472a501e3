package io.github.dmabuf4j;

/**
 * The figures of a {@link ContiguousRegion}. Immutable: a snapshot, in which the figures of places
 * are of one instant.
 *
 * @param byteSize the size of the region
 * @param freeBytes bytes that nobody has
 * @param largestFreeBytes the longest run of those: what can be allocated without moving anything
 * @param movableBytes bytes of places of movable buffers, and of places that one is on the way to
 * @param movableBuffers how many such places there are
 * @param contiguousBytes bytes of buffers that {@link ContiguousRegion#allocateContiguous} gave
 * @param contiguousBuffers how many of them there are
 * @param allocations buffers that were allocated in the region so far, of either kind
 * @param moves how often a movable buffer was moved so far: out of the region, into it, or within
 * @param movedBytes how many bytes were copied for that
 * @param busy how often a buffer was passed by because it was in use (design rule PN2)
 */
public record RegionStatistics(
    long byteSize,
    long freeBytes,
    long largestFreeBytes,
    long movableBytes,
    long movableBuffers,
    long contiguousBytes,
    long contiguousBuffers,
    long allocations,
    long moves,
    long movedBytes,
    long busy) {}

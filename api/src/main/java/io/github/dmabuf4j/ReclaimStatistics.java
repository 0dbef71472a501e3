package io.github.dmabuf4j;

/**
 * What reclaim has done for a heap. Immutable: a snapshot.
 *
 * @param evictedBuffers how many buffers are in the store now
 * @param evictedBytes how large they are
 * @param storedBytes what they take in the store, of memory or of a file
 * @param purges how often the content of a buffer was dropped so far
 * @param purgedBytes how much memory that gave
 * @param evictions how often a buffer was evicted so far
 * @param evictionBytes how large those were, in all
 * @param refaults how often an evicted buffer was used again and came back so far; many of them
 *     beside as many evictions say that the limit is too low for what is in use
 * @param refaultBytes how large those were, in all
 * @param refusals how often the store had no room, or would have saved too little
 */
public record ReclaimStatistics(
    long evictedBuffers,
    long evictedBytes,
    long storedBytes,
    long purges,
    long purgedBytes,
    long evictions,
    long evictionBytes,
    long refaults,
    long refaultBytes,
    long refusals) {}

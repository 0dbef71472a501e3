package io.github.dmabuf4j;

/**
 * The figures of a heap. Immutable: a snapshot, of which each figure is right but not all at the
 * same instant.
 *
 * @param limitBytes the most bytes the heap commits
 * @param committedBytes bytes taken from the operating system for blocks: live, idle and
 *     quarantined
 * @param peakCommittedBytes the most bytes that were committed at once
 * @param liveBytes bytes of blocks with users or in quarantine
 * @param liveBuffers buffers with users or in quarantine, those over {@link UserMemory} included,
 *     whose bytes no figure here has
 * @param idleBytes bytes of blocks kept for the next user
 * @param storedBytes bytes of blocks in which the content of evicted buffers is kept; evicted
 *     buffers count as live, but have no bytes of their own
 * @param pinnedBytes bytes of blocks whose buffers are pinned, by a {@link Pin}, a pinned {@link
 *     Vmap} or a static importer's mapping; each block once. They can be neither moved nor
 *     reclaimed
 * @param pinnedLimitBytes the most bytes that are pinned at once; a pin beyond is a {@link
 *     DmaBufException} with {@link Errno#ENOMEM}
 * @param allocations buffers allocated so far
 * @param poolHits those of them that were served from an idle block
 */
public record HeapStatistics(
    long limitBytes,
    long committedBytes,
    long peakCommittedBytes,
    long liveBytes,
    long liveBuffers,
    long idleBytes,
    long storedBytes,
    long pinnedBytes,
    long pinnedLimitBytes,
    long allocations,
    long poolHits) {}

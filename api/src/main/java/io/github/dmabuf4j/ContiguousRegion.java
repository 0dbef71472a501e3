package io.github.dmabuf4j;

/**
 * A reserved range of addresses, the kind one registers once with a device, which movable buffers
 * may use until somebody needs a contiguous part of it: then they are moved out under their
 * reservations ({@code CMA}). It belongs to its {@link Heap}, which gives it back when it is
 * closed.
 *
 * <p><b>Who lies in it</b> (design rule AL4): buffers asked for as {@linkplain
 * AllocationRequest.Builder#movable() movable}, for as long as nobody needs their place, and those
 * that {@link #allocateContiguous} gave. The former may be moved while nobody uses them (design
 * rule PN2): they are told of to dynamic importers (design rule PN5), and find their bytes where
 * they were moved to. The latter stay.
 *
 * <p><b>Pins.</b> A long-term pin of a movable buffer first moves it out (design rule PN6), and
 * fails if it is in use, or if there is no room elsewhere: nothing that can move is kept here
 * without end. A short one keeps it here, and makes those who need its place try others, or wait.
 *
 * <p><b>What each policy does</b> (design rule AL2). The cheapest range is the one with the fewest
 * bytes to be moved.
 *
 * <table>
 * <caption>Policies of {@link #allocateContiguous}</caption>
 * <tr><th>policy</th><th>what it does</th></tr>
 * <tr><td>{@link AllocPolicy#NOWAIT}</td><td>takes a range that is free, moves nothing</td></tr>
 * <tr><td>{@link AllocPolicy#FAIL_FAST}</td><td>tries the cheapest range that nobody is seen to use</td></tr>
 * <tr><td>{@link AllocPolicy#NORMAL}</td><td>tries one range after the other, the cheapest first, and passes by those in which
 *   somebody uses a buffer</td></tr>
 * <tr><td>{@link AllocPolicy#TRY_HARD}</td><td>gives back what is idle elsewhere, so that there is room to move to; moves buffers together;
 *   waits a short time at a range for those who use buffers in it, while nobody else can enter it, then at the next; for
 *   250 ms in all</td></tr>
 * <tr><td>{@link AllocPolicy#NO_FAIL}</td><td>as TRY_HARD without an end, and reports at each deadline who is in the way. Gives up at once
 *   if each range has a long-term pin, and names those</td></tr>
 * </table>
 *
 * <p><b>Threads.</b> Any. Several requests at once isolate different ranges. Whoever allocates may
 * hold reservations: those of buffers in the way are only tried.
 *
 * <p>Source: mm/cma.c (cma_alloc), mm/page_alloc.c (alloc_contig_range), mm/page_isolation.c;
 * design rules AL2, AL4, AL5, PN6.
 */
public interface ContiguousRegion {
  /**
   * Allocates one run of bytes in the region, moving movable buffers out of the way as the policy
   * allows.
   *
   * @param request what is wanted; movable or not makes no difference
   * @return the first handle of a buffer that is never moved
   * @throws OutOfBuffersException if no range could be freed, or the region is too small for it:
   *     names the pins, holds and fences in the best range
   * @throws InterruptedException if the thread is interrupted while the policy waits; what was
   *     moved by then stays where it is
   * @throws IllegalArgumentException if the alignment is larger than the region's memory can serve
   * @throws IllegalStateException if the heap is closed, also while waiting
   */
  DmaBuf allocateContiguous(AllocationRequest request) throws InterruptedException;

  /**
   * Moves movable buffers together, towards the start of the region, and passes by those in use, so
   * that what is free is in one piece. Waits for nobody.
   *
   * @return how many bytes were moved
   */
  long compact();

  /**
   * The size of the region.
   *
   * @return bytes
   */
  long byteSize();

  /**
   * The figures of the region.
   *
   * @return a snapshot
   */
  RegionStatistics statistics();

  /**
   * What lies where: before and after {@link #compact()}, for people to look at.
   *
   * @return a snapshot
   */
  FragmentationMap map();
}

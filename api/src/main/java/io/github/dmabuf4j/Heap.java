package io.github.dmabuf4j;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * Where buffers come from: a named pool with a limit on the bytes it commits ({@code struct
 * dma_heap}). Opened by {@link Heaps#open}.
 *
 * <p><b>The limit</b> counts committed bytes: live buffers, idle blocks and quarantined ones
 * (design rule AL9). It is never exceeded.
 *
 * <p><b>Pinned bytes</b> are those that can be neither moved nor reclaimed, a part of the committed
 * ones, with a limit of their own. It is never exceeded either: see {@link
 * HeapStatistics#pinnedLimitBytes} and {@link DmaBuf#pin}.
 *
 * <p><b>Fresh buffers</b> are zeroed unless the request says otherwise (design rule AL7). A
 * zero-length buffer doesn't exist (rule CH2).
 *
 * <p><b>The validator.</b> While it is on, a broken locking rule is a {@link LockdepException}.
 *
 * <p><b>Threads.</b> All methods may be called from any thread. Allocation with a policy above
 * {@link AllocPolicy#NOWAIT} must not be called in a {@link Signalling} section (design rule FN4).
 *
 * <p>Source: drivers/dma-buf/dma-heap.c; rules CH1 to CH5, design rules AL1 to AL11.
 */
public interface Heap extends AutoCloseable {
  /**
   * What this heap is called, without options, for example {@code offheap:system}.
   *
   * @return the name
   */
  String name();

  /**
   * The most bytes this heap commits.
   *
   * @return bytes
   */
  long limitBytes();

  /**
   * Allocates a zeroed buffer with the policy NORMAL and the default alignment.
   *
   * @param size bytes, at least 1
   * @return the first handle of a new buffer
   * @throws OutOfBuffersException if the limit is reached and nothing idle is left
   * @throws IllegalArgumentException if the size isn't positive
   * @throws IllegalStateException if this heap is closed
   */
  DmaBuf allocate(long size);

  /**
   * Allocates a buffer.
   *
   * @param request what is wanted
   * @return the first handle of a new buffer
   * @throws OutOfBuffersException if the limit is reached and the policy doesn't wait for others,
   *     or the request can't ever be met
   * @throws InterruptedException if the thread is interrupted while the policy waits
   * @throws IllegalStateException if this heap is closed, also while waiting
   */
  DmaBuf allocate(AllocationRequest request) throws InterruptedException;

  /**
   * Allocates a buffer as {@link #allocate(AllocationRequest)} does, not interruptibly: an
   * interrupt is kept for later.
   *
   * @param request what is wanted
   * @return the first handle of a new buffer
   * @throws OutOfBuffersException if the limit is reached and the policy doesn't wait for others,
   *     or the request can't ever be met
   * @throws IllegalStateException if this heap is closed, also while waiting
   */
  DmaBuf allocateUninterruptibly(AllocationRequest request);

  /**
   * Allocates a buffer without blocking the caller: the stage completes when the limit allows
   * (design rule JB2). Cancelling it gives up.
   *
   * <p><b>Order.</b> Those who wait are served in the order of the calls, together with threads
   * that wait with the policy NO_FAIL; a call that finds others waiting goes behind them. A later
   * request overtakes an earlier one only while nothing is released, with memory that none before
   * it could use: the first in line may wait for buffers of somebody behind it. Policies that don't
   * wait, and TRY_HARD when its time is up, take what they find.
   *
   * @param request what is wanted; its policy is taken as {@link AllocPolicy#NO_FAIL}
   * @return a future of the first handle of a new buffer; whoever gets it must close it. It fails
   *     with {@link OutOfBuffersException} if the request can never be met or the operating system
   *     refuses, with {@link IllegalArgumentException} if the alignment is too large, with {@link
   *     IllegalStateException} if this heap is closed, also meanwhile
   */
  CompletableFuture<DmaBuf> allocateAsync(AllocationRequest request);

  /**
   * Allocates several buffers of one kind: what there is, or all, as the policy says (design rule
   * AL3).
   *
   * <p><b>Policies that wait</b> take all or nothing, in their turn, and hold nothing while they
   * wait: NO_FAIL until there are all; TRY_HARD for its short time, after which it takes what there
   * is. The others take what there is, one by one, and don't wait for more.
   *
   * @param request what each is to be
   * @param count how many are wanted, at least 1
   * @return up to {@code count} buffers; fewer, or none, where the limit was reached; all of them
   *     with the policy NO_FAIL
   * @throws OutOfBuffersException if not even one could ever be had, or, with the policy NO_FAIL,
   *     not all; or if the operating system refuses the first one, or any with NO_FAIL
   * @throws InterruptedException if the thread is interrupted while the policy waits; nothing is
   *     kept
   * @throws IllegalArgumentException if the count isn't positive
   * @throws IllegalStateException if this heap is closed, also while waiting
   */
  List<DmaBuf> allocateBulk(AllocationRequest request, int count) throws InterruptedException;

  /**
   * The part of this heap in which contiguous ranges can be had at any time (design rule AL4). Its
   * bytes are committed, and count against the limit as a whole, from opening to close.
   *
   * @return the same at each call; empty, the default, if this heap was opened without one
   */
  default Optional<ContiguousRegion> contiguousRegion() {
    return Optional.empty();
  }

  /**
   * Makes buffers of this heap over memory that somebody else allocated (design rules UM1 to UM3).
   * They are live buffers as any other, in the figures and for {@link #close} and {@link #drain},
   * but their bytes have a limit of their own.
   *
   * @return the same at each call; empty, the default, if this heap takes none
   */
  default Optional<UserMemory> userMemory() {
    return Optional.empty();
  }

  /**
   * What gives this heap's memory back, and whom it asks: for caches that keep buffers which they
   * could do without.
   *
   * @return the shrinker, the same at each call
   * @throws UnsupportedOperationException if this heap asks nobody
   */
  default Shrinker shrinker() {
    throw new UnsupportedOperationException(name() + " asks nobody to give memory back");
  }

  /**
   * Gives idle memory back to the operating system.
   *
   * @return how many bytes were given back
   */
  long trim();

  /**
   * The figures of this heap.
   *
   * @return a snapshot
   */
  HeapStatistics statistics();

  /**
   * The buffers of this heap that are live or in quarantine.
   *
   * @return a snapshot
   */
  BufInfo info();

  /**
   * Whether this heap was closed.
   *
   * @return true once a close succeeded or draining began
   */
  boolean isClosed();

  /**
   * Gives all memory back, if no buffer is live or in quarantine (design rule AL11). Afterwards
   * allocation fails with {@link IllegalStateException}, and the figures can still be read. Closing
   * again does nothing.
   *
   * @throws IllegalStateException if buffers are live: names them; the heap stays open
   */
  @Override
  void close();

  /**
   * Refuses new allocations at once, waits for live buffers to be closed, then gives all memory
   * back (design rule AL11).
   *
   * @param timeout how long to wait for the users
   * @return true if the heap is empty and closed; false if buffers were still live: allocation
   *     stays refused, the last one's close gives the memory back, and the call may be repeated
   * @throws InterruptedException if the thread is interrupted while waiting
   */
  boolean drain(Duration timeout) throws InterruptedException;
}

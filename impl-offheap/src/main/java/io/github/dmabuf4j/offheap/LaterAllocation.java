package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import java.lang.ref.Reference;
import java.util.concurrent.CompletableFuture;

/**
 * An allocation that somebody waits for by a future: a virtual thread waits in the caller's stead,
 * and is interrupted when somebody else completes the future first.
 *
 * <p><b>Invariant.</b> Its place in the queue is taken by the caller, before the future is handed
 * out, so that the order of calls is that of the queue; whatever becomes of the thread, the place
 * is given up. {@code served} is set by that thread before it completes the future: which thread
 * runs a future's callbacks says nothing about who completed it. {@code heap} keeps the heap
 * reachable while somebody waits for its memory.
 */
final class LaterAllocation implements Runnable {
  private final PooledHeap heap;
  private final AllocationRequest request;
  private final CompletableFuture<DmaBuf> future = new CompletableFuture<>();
  private final Waiters.Waiter place;
  private volatile boolean served;

  private LaterAllocation(PooledHeap heap, AllocationRequest request) {
    this.heap = heap;
    this.request = request;
    this.place =
        new Waiters.Waiter(
            Thread.ofVirtual().name("allocate from " + heap.name()).unstarted(this),
            heap.pool.patient(request).bytes());
  }

  /** Queues the allocation. */
  static CompletableFuture<DmaBuf> begin(PooledHeap heap, AllocationRequest request) {
    LaterAllocation allocation = new LaterAllocation(heap, request);
    allocation.begin();
    return allocation.future;
  }

  private void begin() {
    var _ =
        future.whenComplete(
            (buffer, error) -> {
              if (!served) {
                place.thread.interrupt();
              }
            });
    heap.pool.waiters.join(place);
    boolean started = false;
    try {
      place.thread.start();
      started = true;
    } finally {
      if (!started) {
        heap.pool.waiters.leave(place);
      }
    }
  }

  @Override
  public void run() {
    try {
      DmaBuf buffer = heap.pool.allocateInTurn(request, place);
      served = true;
      if (!future.complete(buffer)) { // cancelled meanwhile: nobody will get it
        buffer.close();
      }
    } catch (InterruptedException | RuntimeException | Error e) {
      served = true;
      future.completeExceptionally(e);
    } finally {
      heap.pool.waiters.leave(place);
      Reference.reachabilityFence(heap);
    }
  }
}

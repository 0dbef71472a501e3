package io.github.dmabuf4j.device;

import io.github.dmabuf4j.DmaBuf;
import java.lang.ref.Reference;
import java.util.concurrent.CompletableFuture;

/**
 * An allocation that somebody waits for by a future: a virtual thread waits in the caller's stead,
 * and is interrupted when somebody else completes the future first.
 *
 * <p><b>Invariant.</b> Its place in the line is taken by the caller, before the future is handed
 * out, so that the order of calls is that of the line; whatever becomes of the thread, the place is
 * given up. {@code served} is set by that thread before it completes the future. {@code heap} keeps
 * the heap reachable while somebody waits for its memory.
 */
final class LaterAllocation implements Runnable {
  private final DeviceHeap heap;
  private final CompletableFuture<DmaBuf> future = new CompletableFuture<>();
  private final Turns.Turn turn;
  private volatile boolean served;

  private LaterAllocation(DeviceHeap heap, Wanted wanted) {
    this.heap = heap;
    this.turn = heap.pool.supply.turns.join(wanted);
  }

  /** Queues the allocation. */
  static CompletableFuture<DmaBuf> begin(DeviceHeap heap, Wanted wanted) {
    LaterAllocation allocation = new LaterAllocation(heap, wanted);
    boolean started = false;
    try {
      allocation.start();
      started = true;
    } finally {
      if (!started) {
        heap.pool.supply.turns.leave(allocation.turn);
      }
    }
    return allocation.future;
  }

  private void start() {
    Thread thread = Thread.ofVirtual().name("allocate from " + heap.name()).unstarted(this);
    var _ =
        future.whenComplete(
            (buffer, error) -> {
              if (!served) {
                thread.interrupt();
              }
            });
    thread.start();
  }

  @Override
  public void run() {
    try {
      DmaBuf buffer = heap.pool.supply.allocateInTurn(turn);
      served = true;
      if (!future.complete(buffer)) { // cancelled meanwhile: nobody will get it
        buffer.close();
      }
    } catch (InterruptedException | RuntimeException | Error e) {
      served = true;
      future.completeExceptionally(e);
    } finally {
      heap.pool.supply.turns.leave(turn);
      Reference.reachabilityFence(heap);
    }
  }
}

package io.github.dmabuf4j.tck.exporters;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import java.util.concurrent.CompletableFuture;

/**
 * An allocation that waits for room on a virtual thread of its own, until it is cancelled.
 *
 * <p><b>Threads.</b> Any; there is no state here.
 */
final class WaitingAllocation {
  private WaitingAllocation() {}

  /** Begins one. */
  static CompletableFuture<DmaBuf> begin(KitHeap heap, AllocationRequest request) {
    AllocationRequest waits = patient(request);
    CompletableFuture<DmaBuf> future = new CompletableFuture<>();
    Thread waiter =
        Thread.ofVirtual()
            .name("allocating from " + heap.name())
            .start(
                () -> {
                  try {
                    DmaBuf buffer = heap.allocate(waits);
                    request.layout().ifPresent(buffer::setLayout);
                    if (!future.complete(buffer)) {
                      buffer.close(); // cancelled meanwhile
                    }
                  } catch (InterruptedException | RuntimeException | Error e) {
                    future.completeExceptionally(e);
                  }
                });
    return cancelling(future, waiter);
  }

  private static AllocationRequest patient(AllocationRequest request) {
    AllocationRequest.Builder patient = AllocationRequest.of(request.size());
    patient.alignment(request.alignment()).policy(AllocPolicy.NO_FAIL);
    request.name().ifPresent(patient::name);
    if (request.content() == AllocationRequest.Content.UNINITIALIZED) {
      patient.uninitialized();
    }
    return patient.build();
  }

  private static CompletableFuture<DmaBuf> cancelling(
      CompletableFuture<DmaBuf> future, Thread waiter) {
    var _ =
        future.whenComplete(
            (buffer, error) -> {
              if (future.isCancelled()) {
                waiter.interrupt();
              }
            });
    return future;
  }
}

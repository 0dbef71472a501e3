package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.BufferProducer;
import io.github.dmabuf4j.BufferSlot;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.FrameLayout;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.device.sharing.BufferConnection;
import io.github.dmabuf4j.examples.BadInputException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The memory of a decoder whose pictures go to another process: the buffers of a queue, which the
 * client was sent once. The decoder writes into a buffer, it is queued, the client gives it back,
 * and the decoder gets it again, once it no longer reads it itself, as a reference for other
 * pictures.
 *
 * <p><b>Invariant.</b> Each slot is in the queue, or in {@code taken}: the decoder may write it, or
 * has a picture in it that wasn't queued yet. A slot in the queue may still be read by the decoder:
 * then its buffer has a hold, and it isn't given out.
 *
 * <p><b>Threads.</b> {@link #allocate} runs on FFmpeg's threads; all else for one. The lock is held
 * while waiting for the client: others would wait for the same.
 */
final class SharedSlots implements FrameBuffers.Source, AutoCloseable {
  /** As many as a decoder may need, and some on their way. */
  private static final int MOST = 24;

  private static final int FEWEST = 8;
  private static final Duration A_MOMENT = Duration.ofMillis(20);

  private final Heap heap;
  private final BufferConnection client;
  private final Duration patience;
  private final long budgetBytes;

  // Guarded by this.
  private final List<BufferSlot> taken = new ArrayList<>();
  private @Nullable BufferProducer queue;

  SharedSlots(Heap heap, BufferConnection client, long budgetBytes, Duration patience) {
    this.heap = heap;
    this.client = client;
    this.budgetBytes = budgetBytes;
    this.patience = patience;
  }

  @Override
  public synchronized DmaBuf allocate(AllocationRequest request) throws Exception {
    BufferProducer open = queue;
    if (open == null) {
      open = begin(request);
      queue = open;
    }
    BufferSlot slot = unused(open);
    slot.fence().await(patience);
    taken.add(slot);
    return slot.buffer().dup();
  }

  /** Sends the client buffers for such pictures. */
  private BufferProducer begin(AllocationRequest request) throws Exception {
    FrameLayout layout = request.layout().orElseThrow();
    long size = FrameStamp.sizeWith(layout.totalBytes());
    long fitting = Math.min(MOST, budgetBytes / size);
    if (fitting < FEWEST) {
      throw new BadInputException(
          "a budget of %d bytes is too small, %d frames of %d bytes are needed: give at least %dMiB"
              .formatted(budgetBytes, FEWEST, size, Math.ceilDiv(FEWEST * size, 1 << 20) + 1));
    }
    AllocationRequest one = AllocationRequest.of(size).uninitialized().name("shared frame").build();
    List<DmaBuf> buffers = heap.allocateBulk(one, (int) fitting);
    try {
      if (buffers.size() < FEWEST) {
        throw new BadInputException(
            "a budget of %d bytes has room for %d more frames only, %d are needed for each client"
                .formatted(budgetBytes, buffers.size(), FEWEST));
      }
      buffers.forEach(buffer -> buffer.setLayout(layout));
      return client.offerQueue("frames", buffers, Access.READ, patience);
    } finally {
      buffers.forEach(DmaBuf::close);
    }
  }

  /** A slot whose buffer the decoder doesn't read, either. */
  private BufferSlot unused(BufferProducer open) throws InterruptedException {
    List<BufferSlot> stillRead = new ArrayList<>();
    long start = System.nanoTime();
    try {
      while (true) {
        BufferSlot slot = next(open, stillRead);
        if (slot != null) {
          return slot;
        }
        if (System.nanoTime() - start > patience.toNanos()) {
          throw new OutOfBuffersException(
              0,
              budgetBytes,
              budgetBytes,
              "%s gave no frame back for %s: %s".formatted(client.peer(), patience, open));
        }
      }
    } finally {
      stillRead.forEach(open::cancel);
    }
  }

  private static @Nullable BufferSlot next(BufferProducer open, List<BufferSlot> stillRead)
      throws InterruptedException {
    for (int i = 0; i < stillRead.size(); i++) {
      if (!isRead(stillRead.get(i))) {
        return stillRead.remove(i);
      }
    }
    try {
      BufferSlot slot = open.dequeue(A_MOMENT);
      if (!isRead(slot)) {
        return slot;
      }
      stillRead.add(slot);
    } catch (OutOfBuffersException e) {
      // The decoder may have given one up meanwhile.
    }
    return null;
  }

  private static boolean isRead(BufferSlot slot) {
    return slot.buffer().info().holds() > 0;
  }

  /**
   * Hands a picture on.
   *
   * @param picture where the decoder wrote it
   * @param number of the picture
   * @return false if the decoder delivered it before
   */
  synchronized boolean queue(DmaBuf picture, long number) throws InterruptedException {
    for (BufferSlot slot : taken) {
      if (slot.buffer().isSameBuffer(picture)) {
        FrameLayout layout = slot.buffer().layout().orElseThrow();
        slot.buffer()
            .write(
                bytes ->
                    new FrameStamp(number, FrameStamp.checksum(layout, bytes))
                        .write(layout, bytes));
        taken.remove(slot);
        Objects.requireNonNull(queue, "it came from there").queue(slot);
        return true;
      }
    }
    return false;
  }

  /** No more pictures will come; the client takes what is there. */
  synchronized void end() {
    if (queue != null) {
      queue.end();
    }
  }

  /** The decoder must be closed first. */
  @Override
  public synchronized void close() {
    BufferProducer open = queue;
    if (open != null) {
      taken.forEach(open::cancel);
      taken.clear();
      open.close();
    }
  }
}

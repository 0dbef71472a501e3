package io.github.dmabuf4j;

import java.util.List;
import java.util.Optional;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;

/**
 * What two hands may do with a queue of two buffers, rightly or wrongly, for Lincheck. Run by
 * {@link LincheckTest}, without the validator: a slot is the same object at each turn.
 */
@Param(name = "slot", gen = IntGen.class, conf = "0:1")
public class BufferQueueLincheck {
  /** Made once: what is looked at is the queue. */
  private static final List<DmaBuf> BUFFERS = List.of(TestExporter.buffer(), TestExporter.buffer());

  private final BufferQueue queue;
  private final BufferSlot[] slots = new BufferSlot[2];

  /** All buffers are free. */
  public BufferQueueLincheck() {
    queue = BufferQueue.of("linear", BUFFERS);
    for (int i = 0; i < 2; i++) {
      slots[i] = queue.tryDequeue().orElseThrow();
    }
    for (BufferSlot slot : slots) {
      queue.cancel(slot);
    }
  }

  @Operation
  public int dequeue() {
    return taken(queue.tryDequeue());
  }

  @Operation
  public int acquire() {
    return taken(queue.tryAcquire());
  }

  private static int taken(Optional<BufferSlot> slot) {
    return slot.isPresent() ? slot.get().index() : -1;
  }

  @Operation
  public void queue(@Param(name = "slot") int slot) {
    queue.queue(slots[slot]);
  }

  @Operation
  public void cancel(@Param(name = "slot") int slot) {
    queue.cancel(slots[slot]);
  }

  @Operation
  public void release(@Param(name = "slot") int slot) {
    queue.release(slots[slot]);
  }

  @Operation
  public void end() {
    queue.end();
  }

  @Operation
  public boolean isDrained() {
    return queue.isDrained();
  }
}

package io.github.dmabuf4j.tck.exporters;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.ScatterList;
import io.github.dmabuf4j.spi.Exporter;
import java.lang.foreign.MemorySegment;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * An exporter whose CPU and devices don't see the same bytes: each has a copy, and brackets, and
 * nothing else, synchronise the two (design rule CA3). It shows on any machine what a missing
 * bracket does where caches aren't coherent.
 *
 * <ul>
 *   <li>A bracket that reads begins with the device's bytes.
 *   <li>One that only writes begins with rubbish: it has said that what was there doesn't matter.
 *   <li>One that writes hands the CPU's bytes to the device when it ends.
 *   <li>Outside of brackets the CPU's copy is spoiled.
 * </ul>
 *
 * <p><b>Threads.</b> As {@link Exporter}; the copies are guarded by this object's monitor while
 * brackets begin and end. Brackets at the same time share the CPU's copy.
 */
public class SeparateCopiesExporter extends PlainExporter {
  private final MemorySegment device;
  private int inside;

  /**
   * Creates an exporter with two copies.
   *
   * @param heap whose buffers it exports
   * @param bytes how much memory for each, a multiple of {@link #PAGE}
   * @param shared the reservation that the buffer shares with others, or null for one of its own
   */
  protected SeparateCopiesExporter(KitHeap heap, long bytes, @Nullable Reservation shared) {
    super(heap, bytes, shared);
    device = allocate(bytes);
  }

  /**
   * Makes a heap of such exporters.
   *
   * @param limitBytes the most bytes the heap commits; the CPU's copies count
   * @param around what each exporter is wrapped in, for example a {@link Recorder}
   * @return a new heap
   */
  public static KitHeap heap(long limitBytes, UnaryOperator<Exporter> around) {
    return new KitHeap("kit:separate-copies", limitBytes, around, SeparateCopiesExporter::new);
  }

  @Override
  void prepare(boolean zero) {
    if (zero) {
      device.fill((byte) 0);
    }
  }

  @Override
  public synchronized void beginCpuAccess(Access access) {
    if (inside == 0) {
      if (access.reads()) {
        toCpu();
      } else {
        spoil(memory);
      }
    }
    inside++;
  }

  @Override
  public synchronized void endCpuAccess(Access access) {
    if (inside == 0) {
      throw new IllegalStateException("end of CPU access to " + object + " without a begin");
    }
    if (access.writes()) {
      toDevice();
    }
    inside--;
    if (inside == 0) {
      spoil(memory);
    }
  }

  /** Invalidates the CPU's copy. Monitor held. */
  void toCpu() {
    MemorySegment.copy(device, 0, memory, 0, bytes);
  }

  /** Writes the CPU's copy back. Monitor held. */
  void toDevice() {
    MemorySegment.copy(memory, 0, device, 0, bytes);
  }

  @Override
  public ScatterList map(Attachment attachment, Access access) {
    return pieces(device, access);
  }

  /** The device's copy stays where it is: its pieces needn't be made anew each time. */
  @Override
  public boolean cachesMappings() {
    return true;
  }

  @Override
  public void release() {
    spoil(device);
    super.release();
  }
}

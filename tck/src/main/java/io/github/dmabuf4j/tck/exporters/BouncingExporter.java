package io.github.dmabuf4j.tck.exporters;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.ScatterList;
import io.github.dmabuf4j.spi.Exporter;
import java.lang.foreign.MemorySegment;
import java.util.IdentityHashMap;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * An exporter whose devices reach only memory of their own: each mapping has a bounce buffer, as in
 * kernel/dma/swiotlb.c. Mapping copies the bytes into it and unmapping copies them back; meanwhile
 * the brackets of the CPU do, once for each attachment that is mapped (rule CH6). So it shows when
 * a bracket forgets an attachment.
 *
 * <p><b>Threads.</b> As {@link Exporter}; the bounce buffers are guarded by this object's monitor.
 */
public class BouncingExporter extends PlainExporter {
  private final IdentityHashMap<ScatterList, MemorySegment> bounces = new IdentityHashMap<>();

  /**
   * Creates an exporter without bounce buffers.
   *
   * @param heap whose buffers it exports
   * @param bytes how much memory, a multiple of {@link #PAGE}
   * @param shared the reservation that the buffer shares with others, or null for one of its own
   */
  protected BouncingExporter(KitHeap heap, long bytes, @Nullable Reservation shared) {
    super(heap, bytes, shared);
  }

  /**
   * Makes a heap of such exporters.
   *
   * @param limitBytes the most bytes the heap commits, without the bounce buffers
   * @param around what each exporter is wrapped in, for example a {@link Recorder}
   * @return a new heap
   */
  public static KitHeap heap(long limitBytes, UnaryOperator<Exporter> around) {
    return new KitHeap("kit:bouncing", limitBytes, around, BouncingExporter::new);
  }

  @Override
  public synchronized ScatterList map(Attachment attachment, Access access) {
    MemorySegment bounce = allocate(bytes);
    MemorySegment.copy(memory, 0, bounce, 0, bytes);
    ScatterList list = pieces(bounce, access);
    bounces.put(list, bounce);
    return list;
  }

  @Override
  public synchronized void unmap(Attachment attachment, ScatterList pieces, Access access) {
    MemorySegment bounce = bounceOf(pieces);
    if (access.writes()) {
      MemorySegment.copy(bounce, 0, memory, 0, bytes);
    }
    spoil(bounce);
    bounces.remove(pieces);
  }

  @Override
  public synchronized void syncForCpu(Attachment attachment, ScatterList pieces, Access access) {
    MemorySegment.copy(bounceOf(pieces), 0, memory, 0, bytes);
  }

  @Override
  public synchronized void syncForDevice(Attachment attachment, ScatterList pieces, Access access) {
    if (access.writes()) {
      MemorySegment.copy(memory, 0, bounceOf(pieces), 0, bytes);
    }
  }

  private MemorySegment bounceOf(ScatterList pieces) {
    return Objects.requireNonNull(
        bounces.get(pieces), "pieces that were unmapped, or never mapped here");
  }
}

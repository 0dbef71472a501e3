package io.github.dmabuf4j.tck.exporters;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.ScatterList;
import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.spi.MappedBytes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The plainest exporter: one piece of memory, the same for the CPU and for devices. What is
 * released, or left behind, is {@linkplain #POISON spoiled}, so that whoever still uses it reads
 * rubbish. The memory itself stays for as long as anybody can reach the exporter: no mistake in a
 * test crashes the JVM.
 *
 * <p><b>Threads.</b> As {@link Exporter}: the callbacks that have the reservation are guarded by
 * it.
 */
public class PlainExporter implements Exporter {
  /** What memory looks like that nobody should use. */
  public static final byte POISON = (byte) 0xDE;

  /** How memory is aligned, in bytes: a page. */
  public static final long PAGE = 4096;

  final KitHeap heap;
  final long bytes;
  final BufferObject object;

  /** What is mapped for the CPU and given to devices. Guarded by the reservation. */
  MemorySegment memory;

  /**
   * Creates an exporter with memory of its own.
   *
   * @param heap whose buffers it exports
   * @param bytes how much memory, a multiple of {@link #PAGE}
   * @param shared the reservation that the buffer shares with others, or null for one of its own
   */
  @SuppressWarnings("this-escape") // nobody calls the exporter before the heap exports it
  protected PlainExporter(KitHeap heap, long bytes, @Nullable Reservation shared) {
    this.heap = heap;
    this.bytes = bytes;
    this.memory = allocate(bytes);
    Exporter seen = heap.around().apply(this);
    this.object = shared == null ? new BufferObject(seen) : new BufferObject(seen, shared);
  }

  /**
   * Makes a heap of such exporters.
   *
   * @param limitBytes the most bytes the heap commits
   * @param around what each exporter is wrapped in, for example a {@link Recorder}
   * @return a new heap
   */
  public static KitHeap heap(long limitBytes, UnaryOperator<Exporter> around) {
    return new KitHeap("kit:plain", limitBytes, around, PlainExporter::new);
  }

  static MemorySegment allocate(long bytes) {
    return Arena.ofAuto().allocate(bytes, PAGE);
  }

  static void spoil(MemorySegment segment) {
    segment.fill(POISON);
  }

  /** Whether the memory can be given to another user with this alignment. */
  boolean suits(long alignment) {
    return memory.address() % alignment == 0;
  }

  /** Before the memory is exported again, by its owner. */
  void prepare(boolean zero) {
    if (zero) {
      memory.fill((byte) 0);
    }
  }

  /** A mapping: one object for each vmap, so that a vunmap of another one can be told. */
  record Mapping(MemorySegment all) implements MappedBytes {
    @Override
    public MemorySegment segment(long byteSize) {
      return all.asSlice(0, byteSize);
    }

    @Override
    public MemorySegment segment(long byteSize, Arena arena) {
      return all.asSlice(0, byteSize).reinterpret(arena, null);
    }
  }

  /**
   * The object that the core keeps the buffer's state in.
   *
   * @return the same at each call
   */
  public final BufferObject object() {
    return object;
  }

  /**
   * Gives up the mapping that nobody uses, as a cache would.
   *
   * @return true if there was one; where somebody uses it, it is unmapped after the last of them
   */
  public boolean dropIdleMapping() {
    return object.dropIdleMapping();
  }

  @Override
  public String name() {
    return heap.name();
  }

  @Override
  public MappedBytes vmap() {
    return new Mapping(memory);
  }

  @Override
  public ScatterList map(Attachment attachment, Access access) {
    return pieces(memory, access);
  }

  /** Two pieces where there is room for two, so that nobody gets used to one. */
  final ScatterList pieces(MemorySegment all, Access access) {
    MemorySegment shown = access.writes() ? all : all.asReadOnly();
    return bytes < 2 * PAGE
        ? ScatterList.of(shown)
        : ScatterList.of(shown.asSlice(0, PAGE), shown.asSlice(PAGE));
  }

  @Override
  public void release() {
    spoil(memory);
    heap.released(this);
  }

  /** Gives the memory back for good: the heap doesn't want it any more. */
  void dispose() {}

  @Override
  public String toString() {
    return "%s of %d B of %s".formatted(getClass().getSimpleName(), bytes, name());
  }
}

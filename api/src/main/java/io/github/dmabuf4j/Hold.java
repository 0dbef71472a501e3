package io.github.dmabuf4j;

import io.github.dmabuf4j.spi.MappedBytes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the bytes of a buffer in place while somebody touches them: what every CPU access, view and
 * native address takes (design rule VM2). A hold is not a {@link Pin}: it is short, needs no room
 * in a budget, and only makes reclaim pass by.
 *
 * <p><b>What a segment's life hangs on.</b> A segment shares the arena of the hold that gave it
 * ({@link ArenaKind}). Closing the hold first closes the arena, so that the segment is dead, and
 * only then lets the bytes go. A hold owns a reference: the buffer lives at least as long, whoever
 * closes handles meanwhile.
 *
 * <p>A hold gives neither coherency nor order: that is what {@link DmaBuf#beginCpuAccess}, the
 * closure forms and {@link Job} add.
 *
 * <p><b>Threads.</b> Of kind CONFINED: all methods on the thread that opened it. Otherwise any
 * thread; closing while another thread is inside a segment is refused by the JVM with an {@link
 * IllegalStateException}, and the hold stays open.
 *
 * <p>Source: design rules VM2, VM4, PN2.
 */
public final class Hold implements AutoCloseable {
  private static final VarHandle CLOSED;

  static {
    try {
      CLOSED = MethodHandles.lookup().findVarHandle(Hold.class, "closed", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final BufferObject object;
  private final @Nullable Arena arena;
  private final MemorySegment segment;

  @SuppressWarnings("unused") // by CLOSED
  private boolean closed;

  /** Takes over a reference and a hold count of the object, which the caller has raised. */
  Hold(BufferObject object, MappedBytes bytes, ArenaKind kind, boolean readOnly) {
    this.object = object;
    this.arena = kind.open();
    MemorySegment all = segment(bytes, object.size(), arena);
    this.segment = readOnly ? all.asReadOnly() : all;
  }

  /** The bytes with the life of an arena, or of the exporter's own memory. */
  static MemorySegment segment(MappedBytes bytes, long byteSize, @Nullable Arena arena) {
    return arena == null ? bytes.segment(byteSize) : bytes.segment(byteSize, arena);
  }

  /**
   * The bytes of the buffer.
   *
   * @return a segment of the buffer's size; read-only if the handle or the access is
   */
  public MemorySegment segment() {
    return segment;
  }

  /**
   * The bytes as a buffer for APIs that know no segments.
   *
   * @return a direct byte buffer; its byte order is big-endian, the default of {@link ByteBuffer}
   * @throws UnsupportedOperationException if the buffer is larger than 2 GiB - 1, which a
   *     ByteBuffer can't span
   */
  public ByteBuffer byteBuffer() {
    return segment.asByteBuffer();
  }

  /**
   * The address of the first byte, for native code. Valid until this hold is closed, and no longer.
   *
   * @return the address
   */
  public long address() {
    return segment.address();
  }

  /**
   * Ends the life of the segment and lets the bytes go. Closing again does nothing.
   *
   * @throws WrongThreadException if the hold is CONFINED to another thread; it stays open
   * @throws IllegalStateException if another thread is inside the segment; the hold stays open
   */
  @Override
  public void close() {
    if ((boolean) CLOSED.getVolatile(this)) {
      return;
    }
    if (arena != null && !segment.isAccessibleBy(Thread.currentThread())) {
      throw new WrongThreadException(
          "this hold was opened on another thread, with a confined arena");
    }
    if (!CLOSED.compareAndSet(this, false, true)) {
      return;
    }
    try {
      endSegment();
    } catch (RuntimeException e) {
      CLOSED.setVolatile(this, false);
      throw e;
    }
    try {
      object.dropUser();
    } finally { // whatever the exporter has to say about the mapping
      object.put();
    }
  }

  /** Kills the segment; the bytes stay in place. Refused while somebody is inside the segment. */
  void endSegment() {
    if (arena != null && arena.scope().isAlive()) {
      arena.close();
    }
  }
}

package io.github.dmabuf4j;

import io.github.dmabuf4j.spi.MappedBytes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the bytes of a buffer in place while somebody touches them: what every CPU access, view and
 * native address takes (design rule VM2). A hold is not a {@link Pin}: it is short, needs no room
 * in a budget, and only makes reclaim pass by.
 *
 * <p><b>What a segment's life hangs on.</b> A segment shares the arena of the hold that gave it
 * ({@link ArenaKind}). Closing the hold first closes the arena, so that the segment is dead, and
 * only then lets the bytes go. Of kind POOL there is no arena to close: nothing but the validator
 * notices a use after close. A hold owns a reference: the buffer lives at least as long, whoever
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
  /*
   * Small on purpose, and without atomic operations on itself where it is confined: so the compiler can do without the
   * object, the arena and the segment, where none of them leaves the method.
   */
  private final BufferObject object;
  private final boolean readOnly;

  /** Whose it is; null for those that any thread may use. */
  private final @Nullable Thread owner;

  /** Of those that any thread may use, whether they are open. */
  private final @Nullable AtomicBoolean open;

  // The owner's, made when first asked for; of others from the start.
  private @Nullable Arena arena;
  private @Nullable MemorySegment segment;

  private boolean ended; // the owner's

  /** Begins a hold for a caller that has taken a reference for it; gives it back on failure. */
  static Hold begin(BufferObject object, ArenaKind kind, boolean readOnly) {
    addUser(object);
    try {
      return new Hold(object, kind, readOnly);
    } catch (Throwable e) {
      drop(object);
      throw e;
    }
  }

  /** Counts one more user of the mapping, for whom the reference is; gives that back on failure. */
  private static void addUser(BufferObject object) {
    boolean done = false;
    try {
      Reservation reservation = object.reservation();
      reservation.lock();
      try {
        object.holdLocked();
        done = true;
      } finally {
        reservation.unlock();
      }
    } finally {
      if (!done) {
        object.put();
      }
    }
  }

  /** Takes over a reference, and counts as a user of the mapping: both are the caller's. */
  Hold(BufferObject object, ArenaKind kind, boolean readOnly) {
    this.object = object;
    this.readOnly = readOnly;
    if (kind == ArenaKind.CONFINED) {
      this.owner = Thread.currentThread();
      this.open = null;
    } else {
      this.owner = null;
      this.open = new AtomicBoolean(true);
      map(kind.open());
    }
  }

  private MemorySegment map(@Nullable Arena life) {
    MemorySegment all = segment(object.bytes(), object.size(), life);
    MemorySegment mine = readOnly ? all.asReadOnly() : all;
    arena = life;
    segment = mine;
    return mine;
  }

  /** The bytes with the life of an arena, or of the exporter's own memory. */
  static MemorySegment segment(MappedBytes bytes, long byteSize, @Nullable Arena arena) {
    return arena == null ? bytes.segment(byteSize) : bytes.segment(byteSize, arena);
  }

  /**
   * The bytes of the buffer.
   *
   * @return a segment of the buffer's size, the same at each call; read-only if the handle or the
   *     access is
   * @throws WrongThreadException if the hold is CONFINED to another thread
   * @throws IllegalStateException if this hold is closed and gave no segment before
   */
  public MemorySegment segment() {
    MemorySegment made = segment;
    return made != null ? made : map(openConfined());
  }

  private Arena openConfined() {
    checkOwner();
    if (ended) {
      throw new IllegalStateException("segment of a closed hold on " + object);
    }
    return Arena.ofConfined();
  }

  private void checkOwner() {
    if (owner != null && owner != Thread.currentThread()) {
      throw new WrongThreadException(
          "this was begun on %s, with a confined arena; it can't be used on %s"
              .formatted(owner, Thread.currentThread()));
    }
  }

  /**
   * The bytes as a buffer for APIs that know no segments. It lives as long as the segment does. A
   * part, such as a plane ({@link FrameLayout#plane}), is {@code segment.asByteBuffer()} of its
   * segment.
   *
   * @return a direct byte buffer; its byte order is big-endian, the default of {@link ByteBuffer}
   * @throws UnsupportedOperationException if the buffer is larger than 2 GiB - 1, which a
   *     ByteBuffer can't span
   * @throws WrongThreadException as {@link #segment} does
   * @throws IllegalStateException as {@link #segment} does
   */
  public ByteBuffer byteBuffer() {
    MemorySegment all = segment();
    if (all.byteSize() > Integer.MAX_VALUE) {
      throw new UnsupportedOperationException(
          "%s has %d bytes, and a ByteBuffer spans at most %d: use segment(), or asSlice(…).asByteBuffer() of a part"
              .formatted(object, all.byteSize(), Integer.MAX_VALUE));
    }
    return all.asByteBuffer();
  }

  /**
   * The address of the first byte, for native code. Valid until this hold is closed, and no longer.
   *
   * @return the address
   * @throws WrongThreadException as {@link #segment} does
   * @throws IllegalStateException as {@link #segment} does
   */
  public long address() {
    return segment().address();
  }

  /**
   * Ends the life of the segment and lets the bytes go. Closing again does nothing. What the
   * exporter throws where it unmaps for the last user is thrown afterwards; the hold is closed.
   *
   * @throws WrongThreadException if the hold is CONFINED to another thread; it stays open
   * @throws IllegalStateException if another thread is inside the segment; the hold stays open
   */
  @Override
  public void close() {
    if (endSegment()) {
      drop(object);
    }
  }

  /**
   * Kills the segment; the bytes stay in place. Refused while somebody is inside the segment.
   *
   * @return true for the one who did it, and {@linkplain #drop lets go of} the bytes next
   */
  boolean endSegment() {
    return owner == null ? endShared(Objects.requireNonNull(open, "open")) : endConfined();
  }

  private boolean endConfined() {
    if (ended) {
      return false;
    }
    checkOwner();
    if (arena != null) {
      arena.close(); // refused while native code is inside: then this stays open
    }
    ended = true;
    return true;
  }

  private boolean endShared(AtomicBoolean stillOpen) {
    if (!stillOpen.compareAndSet(true, false)) {
      return false;
    }
    try {
      if (arena != null) {
        arena.close();
      }
    } catch (RuntimeException e) { // another thread is inside
      stillOpen.set(true);
      throw e;
    }
    return true;
  }

  /** Lets the bytes go, and gives back a reference. */
  static void drop(BufferObject object) {
    try {
      object.dropUser();
    } finally { // whatever the exporter has to say about the mapping
      object.put();
    }
  }
}

package io.github.dmabuf4j;

import io.github.dmabuf4j.spi.MappedBytes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The bytes of a buffer for whoever holds its reservation or has pinned it ({@code struct
 * iosys_map}; design rule VM2). Others use a {@link Hold}, or what takes one: {@link DmaBuf#read},
 * {@link DmaBuf#write}, {@link Job}.
 *
 * <table>
 * <caption>Two ways, and a hold for comparison</caption>
 * <tr><th>made by</th><th>under the reservation</th><th>its segment dies at</th><th>the bytes may move</th></tr>
 * <tr><td>{@link DmaBuf#vmapLocked}</td><td>all of its life</td><td>close or unlock, whichever is first</td><td>from the
 *   unlock on</td></tr>
 * <tr><td>{@link DmaBuf#vmapPinned}</td><td>to make and to close it</td><td>close</td><td>no: it owns a pin</td></tr>
 * <tr><td>{@link DmaBuf#hold()}</td><td>not at all</td><td>close</td><td>no</td></tr>
 * </table>
 *
 * <p>It owns a reference, so the buffer lives at least as long. It gives neither coherency nor
 * order: who needs coherent bytes of a device begins a {@link CpuAccess}.
 *
 * <p><b>Threads.</b> The segment on the threads of its arena: that of {@link DmaBuf#vmapLocked} on
 * the thread that holds the reservation. {@link #close} under the reservation.
 *
 * <p>Source: dma_buf_vmap; rules CL1, CV1, CV2.
 */
public final class Vmap implements AutoCloseable {
  private final BufferObject object;
  private final Reservation reservation;
  private final @Nullable Arena arena;
  private final MemorySegment segment;

  /** What its pin is; null where it ends with the lock. */
  private final Pin.@Nullable Term pinned;

  /** The next of those that end with the lock. Guarded by the reservation. */
  @Nullable Vmap next;

  /**
   * Written under the reservation. {@link #close} reads it first without: whoever sees neither the
   * other close nor the lock is refused there, where it would have been ignored.
   */
  private boolean closed;

  private Vmap(
      BufferObject object,
      MappedBytes bytes,
      ArenaKind kind,
      Pin.@Nullable Term pinned,
      boolean readOnly) {
    this.object = object;
    this.reservation = object.reservationForUser();
    this.pinned = pinned;
    this.arena = kind.open();
    MemorySegment all = Hold.segment(bytes, object.size(), arena);
    this.segment = readOnly ? all.asReadOnly() : all;
  }

  /** Maps until the reservation is unlocked. Takes over a reference, also where it fails. */
  static Vmap locked(BufferObject object, boolean readOnly) {
    return make(object, ArenaKind.CONFINED, null, readOnly);
  }

  /** Pins and maps. Takes over a reference, also where it fails. */
  static Vmap pinned(BufferObject object, Pin.Term term, ArenaKind kind, boolean readOnly) {
    return make(object, kind, term, readOnly);
  }

  private static Vmap make(
      BufferObject object, ArenaKind kind, Pin.@Nullable Term term, boolean readOnly) {
    boolean pinned = false;
    MappedBytes bytes = null;
    try {
      object.reservation().assertHeld("vmap");
      if (term != null) {
        object.pinLocked(term);
        pinned = true;
      }
      bytes = object.holdLocked();
      Vmap made = new Vmap(object, bytes, kind, term, readOnly);
      if (term == null) {
        made.next = made.reservation.vmaps;
        made.reservation.vmaps = made;
      }
      return made;
    } catch (Throwable e) {
      RunAll steps = new RunAll();
      steps.failed(e);
      if (bytes != null) {
        steps.run(object::dropUser);
      }
      if (pinned) {
        steps.run(() -> object.unpinLocked(Objects.requireNonNull(term)));
      }
      steps.run(object::put).finish();
      throw e;
    }
  }

  /**
   * The bytes of the buffer.
   *
   * @return a segment of the buffer's size; read-only if the handle is
   */
  public MemorySegment segment() {
    return segment;
  }

  /**
   * The address of the first byte, for native code. Valid for as long as the segment is.
   *
   * @return the address
   */
  public long address() {
    return segment.address();
  }

  /**
   * Ends the life of the segment, and takes the pin back if there is one. Closing again does
   * nothing, also after the unlock that has ended it.
   *
   * @throws IllegalStateException if the calling thread doesn't hold the reservation, or somebody
   *     is inside the segment; it stays open
   * @throws WrongThreadException if its arena is confined to another thread; it stays open
   */
  @Override
  public void close() {
    if (closed) {
      return; // the memory may be somebody else's by now
    }
    reservation.assertHeld("vunmap");
    endSegment();
    if (pinned == null) {
      reservation.vmaps = without(reservation.vmaps);
    }
    new RunAll().run(this::end).run(object::put).finish();
  }

  private void endSegment() {
    if (arena != null && !closed) {
      arena.close(); // refused while somebody is inside: then this stays open
    }
    closed = true;
  }

  /**
   * Ends the segments of those that end with the lock, and nothing else yet. Reservation held.
   *
   * @throws IllegalStateException if native code is inside one; the unlock is to be tried again
   */
  static void endSegments(Reservation reservation) {
    for (Vmap vmap = reservation.vmaps; vmap != null; vmap = vmap.next) {
      vmap.endSegment();
    }
  }

  /** Everything after the segment but the reference, which keeps what the lock protects. */
  private void end() {
    RunAll steps = new RunAll().run(object::dropUser);
    if (pinned != null) {
      steps.run(() -> object.unpinLocked(pinned));
    }
    steps.finish();
  }

  /** A list without this one. */
  private @Nullable Vmap without(@Nullable Vmap list) {
    if (list == this) {
      return next;
    }
    for (Vmap before = list; before != null; before = before.next) {
      if (before.next == this) {
        before.next = next;
        return list;
      }
    }
    return list;
  }

  /**
   * Ends those that end with the lock, after {@link #endSegments}. Reservation held.
   *
   * @param steps does the rest: failures of exporters don't keep the lock
   * @return those that have ended, for {@link #putAll}, which may end the buffer
   */
  static @Nullable Vmap endLocked(Reservation reservation, RunAll steps) {
    Vmap ended = null;
    while (reservation.vmaps != null) {
      Vmap vmap = reservation.vmaps;
      vmap.endSegment(); // of one that an exporter made meanwhile
      reservation.vmaps = vmap.next;
      steps.run(vmap::end);
      vmap.next = ended;
      ended = vmap;
    }
    return ended;
  }

  /** Gives the references back. */
  static void putAll(@Nullable Vmap ended, RunAll steps) {
    for (Vmap vmap = ended; vmap != null; vmap = vmap.next) {
      steps.run(vmap.object::put);
    }
  }
}

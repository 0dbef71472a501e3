package io.github.dmabuf4j;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A bracket around accesses of the CPU to one buffer ({@code DMA_BUF_IOCTL_SYNC}): between begin
 * and close it sees and leaves coherent bytes (design rule CA1). Made by {@link
 * DmaBuf#beginCpuAccess}.
 *
 * <p>A bracket waits for what conflicts when it begins, and is not itself waited for: it gives
 * coherency, not exclusion (rule CV7). {@link DmaBuf#read} and {@link DmaBuf#write} also publish a
 * fence; several buffers at once are the business of a {@link Job}.
 *
 * <p><b>Threads.</b> {@link #segment} and {@link #close} on the thread that began it: its arena is
 * confined. {@link #access} on any. Begun without the buffer's reservation, which its close doesn't
 * need either.
 *
 * <p>Source: dma_buf_begin_cpu_access; rules CV4 to CV7.
 */
public final class CpuAccess implements AutoCloseable {
  private final BufferObject object;
  private final Access access;
  private final Hold hold;
  private final @Nullable Fence published;
  private boolean closed;

  private CpuAccess(BufferObject object, Access access, Hold hold, @Nullable Fence published) {
    this.object = object;
    this.access = access;
    this.hold = hold;
    this.published = published;
  }

  /**
   * Begins an access for a caller that has taken a reference for it; gives the reference back on
   * failure.
   *
   * @param fence what to publish, or null for a bracket that nobody waits for
   */
  static CpuAccess begin(BufferObject object, Access access, @Nullable Fence fence, Waiting waiting)
      throws InterruptedException {
    List<Fence> conflicts = enter(object, access, fence, waiting);
    Hold hold = null;
    try {
      hold = new Hold(object, ArenaKind.CONFINED, !access.writes());
      CpuAccess begun = new CpuAccess(object, access, hold, fence); // first: the heap may be full
      begun.await(conflicts, waiting);
      return begun;
    } catch (Throwable e) {
      if (fence != null) {
        fence.signal(e); // nothing was touched, but it is published
      }
      if (hold != null) {
        hold.endSegment();
      }
      Hold.drop(object);
      throw e;
    }
  }

  /**
   * The part under the reservation: counts as a user, collects what conflicts, publishes the fence.
   */
  private static @Nullable List<Fence> enter(
      BufferObject object, Access access, @Nullable Fence fence, Waiting waiting)
      throws InterruptedException {
    Reservation reservation = object.reservation();
    boolean held = false;
    try {
      waiting.lock(reservation);
      try {
        if (fence != null) {
          reservation.reserve(1);
        }
        object.holdLocked();
        held = true;
        List<Fence> conflicts = object.conflictsLocked(access, null);
        if (fence != null) {
          reservation.add(fence, FenceUsage.of(access));
        }
        return conflicts;
      } finally {
        reservation.unlock();
      }
    } catch (Throwable e) {
      if (held) {
        Hold.drop(object);
      } else {
        object.put();
      }
      throw e;
    }
  }

  /** The part after publication: whoever waits for the fence waits for this, too. */
  private void await(@Nullable List<Fence> conflicts, Waiting waiting) throws InterruptedException {
    try (var _ = published == null ? null : Signalling.begin(published)) {
      if (conflicts != null) {
        waiting.await(Deadline.after(Fences.defaultTimeout()), conflicts);
      }
      object.beginCpuAccess(access);
    }
  }

  /**
   * What this bracket is for.
   *
   * @return the access it was begun with
   */
  public Access access() {
    return access;
  }

  /**
   * The bytes, valid until this bracket is closed.
   *
   * @return a segment of the buffer's size; read-only in a {@link Access#READ} bracket
   * @throws WrongThreadException if it was begun on another thread
   * @throws IllegalStateException if it is closed and gave no segment before
   */
  public MemorySegment segment() {
    return hold.segment();
  }

  /**
   * Ends the access: what was written becomes visible to others, the segment dies, the bytes may
   * move again. Closing again does nothing. What the exporter throws where it makes the bytes
   * visible is thrown once all of that is over; the bracket is closed.
   *
   * @throws WrongThreadException if it was begun on another thread; it stays open
   * @throws IllegalStateException if native code is inside the segment; it stays open
   */
  @Override
  public void close() {
    if (closed || !hold.endSegment()) { // refused while native code is inside: then this stays open
      return;
    }
    closed = true;
    Throwable failure = endCpuAccess();
    if (published != null) {
      published.signal(failure);
    }
    Hold.drop(object);
    if (failure != null) {
      RunAll.rethrow(failure);
    }
  }

  private @Nullable Throwable endCpuAccess() {
    try (var _ = published == null ? null : Signalling.begin(published)) {
      object.endCpuAccess(access);
      return null;
    } catch (Throwable e) {
      return e;
    }
  }
}

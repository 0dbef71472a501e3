package io.github.dmabuf4j;

import io.github.dmabuf4j.spi.MappedBytes;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
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
 * <p><b>Threads.</b> All methods on the thread that began it, if it was begun with a confined
 * arena; else any.
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

  /** How to wait. */
  enum Waiting {
    INTERRUPTIBLY,
    UNINTERRUPTIBLY
  }

  /**
   * Begins an access for a caller that has taken a reference for it; gives the reference back on
   * failure.
   */
  static CpuAccess begin(
      BufferObject object, Access access, ArenaKind kind, boolean publish, Waiting waiting)
      throws InterruptedException {
    Fence fence = publish ? Fence.single(FenceOrigin.CPU_ACCESS) : null;
    List<Fence> conflicts = new ArrayList<>(0);
    Hold hold = hold(object, access, kind, fence, waiting, conflicts);
    try {
      try (var _ = Signalling.begin(fence)) {
        await(conflicts, waiting);
      }
      object.beginCpuAccess(access);
      return new CpuAccess(object, access, hold, fence);
    } catch (InterruptedException | RuntimeException | Error e) {
      if (fence != null) {
        fence.signal(e); // nothing was touched, but it is published
      }
      hold.close();
      throw e;
    }
  }

  /**
   * The part under the reservation: takes the hold, collects what conflicts, publishes the fence.
   */
  private static Hold hold(
      BufferObject object,
      Access access,
      ArenaKind kind,
      @Nullable Fence fence,
      Waiting waiting,
      List<Fence> conflicts)
      throws InterruptedException {
    Reservation reservation = object.reservation();
    MappedBytes bytes = null;
    try {
      lock(reservation, waiting);
      try {
        if (fence != null) {
          reservation.reserve(1);
        }
        bytes = object.holdLocked();
        Hold hold = new Hold(object, bytes, kind, !access.writes());
        FenceUsage conflicting = FenceUsage.conflictingWith(access);
        reservation.collect(conflicting, conflicts);
        if (fence != null) {
          reservation.add(fence, FenceUsage.of(access));
        }
        return hold;
      } finally {
        reservation.unlock();
      }
    } catch (InterruptedException | RuntimeException | Error e) {
      if (bytes != null) {
        object.dropUser();
      }
      object.put();
      throw e;
    }
  }

  private static void lock(Reservation reservation, Waiting waiting) throws InterruptedException {
    if (waiting == Waiting.INTERRUPTIBLY) {
      reservation.lockInterruptibly();
    } else {
      reservation.lock();
    }
  }

  private static void await(List<Fence> conflicts, Waiting waiting) throws InterruptedException {
    if (conflicts.isEmpty()) {
      return;
    }
    Deadline deadline = Deadline.after(Fences.defaultTimeout());
    if (waiting == Waiting.INTERRUPTIBLY) {
      deadline.awaitAll(conflicts);
    } else {
      deadline.awaitAllUninterruptibly(conflicts);
    }
  }

  /** The fence that others wait for, if this access has one. */
  @Nullable Fence published() {
    return published;
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
   */
  public MemorySegment segment() {
    return hold.segment();
  }

  /**
   * Ends the access: what was written becomes visible to others, the segment dies, the bytes may
   * move again. Closing again does nothing.
   *
   * @throws WrongThreadException if it was begun on another thread with a confined arena; it stays
   *     open
   * @throws IllegalStateException if native code is inside the segment; it stays open
   */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    checkThread();
    hold.endSegment(); // refused while native code is inside: then this stays open
    closed = true;
    RunAll steps = new RunAll().run(() -> object.endCpuAccess(access));
    if (published != null) {
      published.signal(steps.failure());
    }
    steps.run(hold::close).finish();
  }

  private void checkThread() {
    if (!hold.segment().isAccessibleBy(Thread.currentThread())) {
      throw new WrongThreadException(
          "this access was begun on another thread, with a confined arena");
    }
  }
}

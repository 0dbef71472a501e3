package io.github.dmabuf4j;

import io.github.dmabuf4j.spi.MappedBytes;
import java.lang.System.Logger.Level;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The buffers of a {@link Job} and what it holds on them. Separate from the job, and known to its
 * {@linkplain JobFence fence}, which drops the holds however it comes to signal.
 *
 * <p><b>Invariant.</b> The holds and references are dropped exactly once, by whoever makes {@code
 * ended && open == 0} true, hence never while a thread has segments. CPU access is begun by the
 * first that opens and ended before the fence signals, or with the last close where the fence
 * signaled from elsewhere. Publishing counts as open: a context that is closed meanwhile drops
 * nothing under the publisher's hands. {@code open}, {@code cpuAccess}, {@code ended}, {@code
 * dropped} and {@code failure} are guarded by this object's monitor, under which exporters begin
 * and end CPU access; nothing else runs under it.
 */
final class JobUses {
  /** One buffer of the job. */
  static final class Use {
    final DmaBuf handle;
    final BufferObject object;
    Access access;
    @Nullable MappedBytes bytes;
    @Nullable Use next;

    Use(DmaBuf handle, Access access) {
      this.handle = handle;
      this.object = handle.object();
      this.access = access;
    }

    MappedBytes bytes() {
      MappedBytes mapped = bytes;
      if (mapped == null) {
        throw new IllegalStateException(handle + " is not held by a published job");
      }
      return mapped;
    }
  }

  private @Nullable Use first; // a list: by the builder, then constant
  private int count;
  private int retained; // by the publisher, then constant
  private int open = 1; // until published() or abandon()
  private int cpuAccess;
  private boolean ending;
  private boolean ended;
  private boolean dropped;

  /** What an exporter threw when CPU access ended: what was written may not be visible. */
  private @Nullable Throwable failure;

  /** Notes a buffer; the same one given twice is used once, with both accesses. */
  void add(DmaBuf buffer, Access access) {
    buffer.checkWritable("a job", access);
    Use present = find(buffer);
    if (present == null) {
      append(new Use(buffer, access));
      return;
    }
    buffer.checkOpen("a job");
    if (access.writes()) {
      present.access = access;
    }
  }

  private void append(Use use) {
    if (first == null) {
      first = use;
    } else {
      Use last = first;
      for (Use following = last.next; following != null; following = following.next) {
        last = following;
      }
      last.next = use;
    }
    count++;
  }

  /** Takes a reference to each buffer, or none. */
  void retain() {
    try {
      for (Use use = first; use != null; use = use.next) {
        use.handle.retain("a job");
        retained++;
      }
    } catch (Throwable e) {
      abandon();
      throw e;
    }
  }

  /** The use of a buffer, by the handle that was given or any other of the same buffer. */
  Use of(DmaBuf buffer) {
    Use use = find(buffer);
    if (use == null) {
      throw new IllegalArgumentException(
          "%s is not a buffer of this job: give it to reads() or writes() before publishing"
              .formatted(buffer));
    }
    return use;
  }

  private @Nullable Use find(DmaBuf buffer) {
    Use use = first;
    while (use != null && !use.handle.refersToSame(buffer)) {
      use = use.next;
    }
    return use;
  }

  // ---- prepare and publish ----

  boolean isEmpty() {
    return count == 0;
  }

  /** The reservation of the only buffer, or null if there are more or none. */
  @Nullable Reservation onlyReservation() {
    return first != null && count == 1 ? first.object.reservation() : null;
  }

  Reservation[] reservations() {
    Reservation[] reservations = new Reservation[count];
    int i = 0;
    for (Use use = first; use != null; use = use.next) {
      reservations[i++] = use.object.reservation();
    }
    return reservations;
  }

  /** Takes holds, reserves slots and collects what to wait for. All reservations are held. */
  void prepareLocked(List<Fence> dependencies) {
    for (Use use = first; use != null; use = use.next) {
      use.bytes = use.object.holdLocked();
      Reservation reservation = use.object.reservation();
      reservation.reserve(1);
      use.object.conflictsLocked(use.access, dependencies);
    }
  }

  /** Adds the fence to every buffer. Can't fail: the slots are reserved. */
  void publishLocked(Fence fence) {
    for (Use use = first; use != null; use = use.next) {
      use.object.reservation().add(fence, FenceUsage.of(use.access));
    }
  }

  /** The job stands: from here on its fence's end drops what it holds. */
  void published() {
    leave();
  }

  /** The job isn't published after all, whatever may become of its fence. */
  void abandon() {
    synchronized (this) {
      open--;
      ended = true;
      if (!isOver()) {
        return;
      }
    }
    giveUp();
  }

  /** Drops holds and references, of all buffers even where an exporter fails. */
  private void giveUp() {
    RunAll failures = null;
    Use use = first;
    for (int i = 0; i < retained && use != null; i++, use = use.next) {
      try {
        if (use.bytes == null) {
          use.object.put();
        } else {
          Hold.drop(use.object);
        }
      } catch (Throwable e) {
        failures = failures == null ? new RunAll() : failures;
        failures.failed(e);
      }
    }
    if (failures != null) {
      failures.finish();
    }
  }

  // ---- access ----

  synchronized void enter(Job job) {
    if (ended || ending) {
      throw new IllegalStateException(job + " has ended: its buffers are no longer its own");
    }
    if (cpuAccess == 0) {
      beginCpuAccess();
    }
    open++;
  }

  void leave() {
    boolean last;
    synchronized (this) {
      open--;
      last = isOver();
    }
    if (last) {
      giveUp();
    }
  }

  /**
   * Called before the job signals: what was written becomes visible first.
   *
   * @return why it could not be made visible, or null
   */
  synchronized @Nullable Throwable endAccess(Job job) {
    if (open > 0) {
      throw new IllegalStateException(
          "%s has %d open accesses: close them before it is signaled or failed"
              .formatted(job, open));
    }
    ending = true;
    endCpuAccess();
    return failure;
  }

  /** Called once, by the thread that signals the fence. */
  void fenceSignaled() {
    boolean last;
    synchronized (this) {
      ended = true;
      last = isOver();
    }
    if (last) {
      giveUp();
    }
  }

  /** Whether the caller is the one who drops holds and references. Monitor held. */
  private boolean isOver() {
    if (!ended || open > 0 || dropped) {
      return false;
    }
    endCpuAccess();
    dropped = true;
    return true;
  }

  /** Begins for all buffers; where one fails, ends what has begun. */
  private void beginCpuAccess() {
    try {
      for (Use use = first; use != null; use = use.next) {
        use.object.beginCpuAccess(use.access);
        cpuAccess++;
      }
    } catch (Throwable e) {
      endCpuAccess();
      throw e;
    }
  }

  private void endCpuAccess() {
    for (Use use = first; cpuAccess > 0 && use != null; use = use.next, cpuAccess--) {
      try {
        use.object.endCpuAccess(use.access);
      } catch (Throwable e) {
        failure = failure == null ? e : failure;
        System.getLogger(Job.class.getName())
            .log(Level.ERROR, "ending the CPU access to " + use.object + " failed", e);
      }
    }
  }
}

package io.github.dmabuf4j;

import io.github.dmabuf4j.spi.MappedBytes;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The buffers of a {@link Job} and what it holds on them. Separate from the job, and a callback of
 * its fence, so that the holds are dropped however the fence comes to signal: by the job, by its
 * context's end, or because the job was lost.
 *
 * <p><b>Invariant.</b> The holds and references are dropped exactly once, by whoever makes {@code
 * ended && open == 0} true, hence never while a thread has segments. CPU access is begun by the
 * first that opens and ended before the fence signals, or with the last close where the fence
 * signaled from elsewhere.
 */
final class JobUses implements Fence.Callback {
  /** One buffer of the job. */
  static final class Use {
    final DmaBuf handle;
    final BufferObject object;
    Access access;
    @Nullable MappedBytes bytes;

    Use(DmaBuf handle, BufferObject object, Access access) {
      this.handle = handle;
      this.object = object;
      this.access = access;
    }
  }

  private final List<Use> uses = new ArrayList<>();
  private final ReentrantLock lock = new ReentrantLock();

  // Guarded by lock.
  private int open;
  private boolean cpuAccessBegun;
  private boolean ended;
  private boolean dropped;

  private JobUses() {}

  /**
   * Takes a reference to each buffer; the same buffer given twice is used once, with both accesses.
   */
  static JobUses retain(List<DmaBuf> buffers, List<Access> accesses) {
    JobUses result = new JobUses();
    try {
      for (int i = 0; i < buffers.size(); i++) {
        DmaBuf buffer = buffers.get(i);
        Access access = accesses.get(i);
        buffer.checkWritable("a job", access);
        Use present = result.find(buffer);
        if (present != null) {
          present.access = access.writes() ? access : present.access;
        } else {
          result.uses.add(new Use(buffer, buffer.retain("a job"), access));
        }
      }
      return result;
    } catch (RuntimeException | Error e) {
      result.giveUp();
      throw e;
    }
  }

  private @Nullable Use find(DmaBuf buffer) {
    for (Use use : uses) {
      if (use.handle.isSameBuffer(buffer)) {
        return use;
      }
    }
    return null;
  }

  List<Reservation> reservations() {
    return uses.stream().map(use -> use.object.reservation()).toList();
  }

  /** Takes holds, reserves slots and collects what to wait for. All reservations are held. */
  void prepareLocked(List<Fence> dependencies) {
    for (Use use : uses) {
      use.bytes = use.object.holdLocked();
      Reservation reservation = use.object.reservation();
      reservation.reserve(1);
      dependencies.addAll(reservation.fences(FenceUsage.conflictingWith(use.access)));
    }
  }

  /** Adds the fence to every buffer. Can't fail: the slots are reserved. */
  void publishLocked(Fence fence) {
    for (Use use : uses) {
      use.object.reservation().add(fence, FenceUsage.of(use.access));
    }
  }

  /** Undoes what {@link #retain} and {@link #prepareLocked} did, for a job that isn't published. */
  void giveUp() {
    for (Use use : uses) {
      if (use.bytes != null) {
        use.object.dropHold();
      }
      use.object.put();
    }
  }

  // ---- access ----

  void enter(Job job) {
    lock.lock();
    try {
      if (ended) {
        throw new IllegalStateException(job + " has ended: its buffers are no longer its own");
      }
      if (!cpuAccessBegun) {
        cpuAccessBegun = true;
        uses.forEach(use -> use.object.exporter().beginCpuAccess(use.access));
      }
      open++;
    } finally {
      lock.unlock();
    }
  }

  void leave() {
    lock.lock();
    try {
      open--;
      if (ended && open == 0) {
        endCpuAccess();
        drop();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Called before the job signals: what was written becomes visible first. */
  void checkNoneOpen(Job job) {
    lock.lock();
    try {
      if (open > 0) {
        throw new IllegalStateException(
            "%s has %d open accesses: close them before it is signaled or failed"
                .formatted(job, open));
      }
      endCpuAccess();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void signaled(Fence fence) {
    lock.lock();
    try {
      ended = true;
      if (open == 0) {
        endCpuAccess();
        drop();
      }
    } finally {
      lock.unlock();
    }
  }

  private void endCpuAccess() {
    if (cpuAccessBegun) {
      cpuAccessBegun = false;
      for (Use use : uses) {
        try {
          use.object.exporter().endCpuAccess(use.access);
        } catch (RuntimeException e) {
          System.getLogger(Job.class.getName())
              .log(Level.ERROR, "ending the CPU access to " + use.object + " failed", e);
        }
      }
    }
  }

  private void drop() {
    if (!dropped) {
      dropped = true;
      giveUp();
    }
  }

  /** The use of a buffer, by the handle that was given or any other of the same buffer. */
  Use of(DmaBuf buffer) {
    for (Use use : uses) {
      if (use.handle == buffer || use.handle.isSameBuffer(buffer)) {
        return use;
      }
    }
    throw new IllegalArgumentException(
        "%s is not a buffer of this job: give it to reads() or writes() before publishing"
            .formatted(buffer));
  }
}

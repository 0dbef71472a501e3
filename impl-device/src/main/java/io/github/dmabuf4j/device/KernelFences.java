package io.github.dmabuf4j.device;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.Fences;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.SyncFiles;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.Poller;
import io.github.dmabuf4j.device.linux.SyncFile;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The fences of the kernel in this process: a {@code sync_file} becomes a {@link Fence}, and a
 * fence becomes a {@code sync_file} (design rule FN6).
 *
 * <p><b>In.</b> An imported fence is watched from the beginning, so that it signals, and its
 * descriptor is closed, whether or not anybody asks (design rule DV4). It signals on the thread of
 * {@link Poller}, with the kernel's error if there is one. Its context is never lost: the kernel
 * promises that its fences signal in finite time (rule CF2). Until then it is kept, and a waiter
 * gives up after {@link FenceContext#DEFAULT_SILENCE}.
 *
 * <p><b>Out.</b> A pending fence is exported as a duplicate of its descriptor, a container as the
 * merge of its pending parts. What has signaled has no descriptor any more: like the kernel, which
 * leaves signaled fences out of a merge, this leaves them out, with their errors. If nothing is
 * pending, the export is a {@code sync_file} that has signaled.
 *
 * <p><b>Invariant.</b> {@code pending} has each imported fence from before it is watched until
 * after it has signaled; its descriptor is closed just before that. So one that isn't there has
 * signaled, or isn't ours; and whoever finds it there with its descriptor closed takes it for
 * signaled.
 *
 * <p><b>Threads.</b> Any, with or without reservations held; nothing here waits.
 *
 * <p>Source: drivers/dma-buf/sync_file.c; rules CS1 to CS3.
 */
public final class KernelFences implements SyncFiles {
  private static final KernelFences OF_THIS_PROCESS = new KernelFences(Poller.ofThisProcess());

  private final Poller poller;
  private final SignaledSyncFile signaled = new SignaledSyncFile();
  private final Map<Fence, Descriptor> pending = new ConcurrentHashMap<>();

  KernelFences(Poller poller) {
    this.poller = poller;
  }

  /**
   * Those of this process.
   *
   * @return the same at each call
   */
  public static KernelFences ofThisProcess() {
    return OF_THIS_PROCESS;
  }

  // ---- in ----

  /**
   * {@inheritDoc}
   *
   * @throws IllegalArgumentException if it is no sync_file's; it is closed then, too
   * @throws DmaBufException if the kernel has no room to watch it (ENOSPC, ENOMEM, EMFILE)
   */
  @Override
  public Fence importFence(int fd) {
    if (fd < 0) {
      throw new IllegalArgumentException("wanted the descriptor of a sync_file, got " + fd);
    }
    return importFence(
        DescriptorBudget.OF_THIS_PROCESS.adopt(Descriptor.Kind.FENCE, "an imported fence", fd));
  }

  /**
   * Takes a sync_file over, as {@link #importFence(int)} does. Another kind of file is told from
   * its name, so that no code of its own runs, which may sleep.
   *
   * @param file the fence's from now on, even if this call fails, and closed when it signals
   * @return a kernel fence
   * @throws IllegalArgumentException if it is no sync_file's
   * @throws IllegalStateException if it was detached or closed
   * @throws DmaBufException if the kernel has no room to watch it (ENOSPC, ENOMEM, EMFILE)
   */
  public Fence importFence(OwnedFd file) {
    Descriptor owned = EventFences.descriptor(file, "an imported fence");
    boolean isOne = false;
    try {
      SyncFile.check(owned);
      isOne = true;
    } finally {
      if (!isOne) {
        owned.close();
      }
    }
    return own(owned);
  }

  /** Makes a fence of a sync_file, whose descriptor is the fence's from now on, come what may. */
  Fence own(Descriptor file) {
    boolean watched = false;
    try {
      int status = SyncFile.status(file);
      if (status != SyncFile.PENDING) {
        return over(file, status);
      }
      Watched made = new Watched(file, SyncFile.leaves(file));
      pending.put(made.fence, file);
      made.watch();
      watched = true;
      return made.fence;
    } finally {
      if (!watched) {
        signaled.keepOrClose(file);
      }
    }
  }

  /**
   * A fence that signals when a file that isn't the fence's own becomes ready, such as a dma-buf.
   * Can't be exported.
   */
  Fence whenReady(Descriptor file, int events) {
    FenceContext context = context("dma-buf", file.toString(), new FenceContext.Operations() {});
    Fence fence = context.newFence();
    boolean watched = false;
    try {
      poller.register(
          file,
          events,
          happened -> {
            try (context) {
              if (happened != 0) {
                context.signal(fence);
              }
            }
          });
      watched = true;
      return fence;
    } finally {
      if (!watched) {
        context.close();
      }
    }
  }

  private static FenceContext context(
      String driver, String timeline, FenceContext.Operations operations) {
    return FenceContext.builder(timeline)
        .driverName(driver)
        .kernel()
        .foreign(FenceContext.DEFAULT_SILENCE)
        .operations(operations)
        .build();
  }

  private static Fence over(Descriptor file, int status) {
    try (FenceContext context =
        context("sync_file", "signaled", new FenceContext.Operations() {})) {
      Fence fence = context.newFence();
      end(context, fence, file, status);
      return fence;
    }
  }

  /** Ends a fence as a status of the kernel's says. */
  static void end(FenceContext context, Fence fence, Object name, int status) {
    if (status >= SyncFile.SIGNALED) {
      context.signal(fence);
    } else {
      context.fail(
          fence,
          new DmaBufException(
              "signal",
              Errno.of(-status).orElse(null),
              "the device gave up the work that %s stands for: error %d".formatted(name, -status),
              null));
    }
  }

  /**
   * A fence that the kernel is going to signal. The poller keeps it, and so its context, until
   * then.
   */
  private final class Watched implements Poller.Callback {
    private final Descriptor file;
    private final FenceContext context;
    private final Fence fence;

    /** Named after the first of its leaves, which may all have been dropped meanwhile. */
    Watched(Descriptor file, List<SyncFile.Leaf> leaves) {
      this.file = file;
      this.context =
          leaves.isEmpty()
              ? context("sync_file", file.toString(), new Hints(file))
              : context(leaves.getFirst().driver(), leaves.getFirst().timeline(), new Hints(file));
      this.fence = context.newFence();
    }

    /** Watches, or finishes. */
    void watch() {
      boolean watched = false;
      try {
        poller.register(file, Poller.IN, this);
        watched = true;
      } finally {
        if (!watched) {
          finish(SyncFile.PENDING);
        }
      }
    }

    @Override
    public void ready(int events) {
      int status = SyncFile.PENDING;
      boolean isOver = true;
      try {
        status = SyncFile.status(file);
        isOver = status != SyncFile.PENDING || events == 0;
      } finally {
        if (isOver) {
          finish(status);
        }
      }
      if (!isOver) {
        watch(); // woken for nothing
      }
    }

    /**
     * Ends the fence, whatever fails here; with the loss of its context where nobody watches any
     * more.
     */
    private void finish(int status) {
      try (context) {
        try {
          signaled.keepOrClose(file);
        } finally {
          if (status != SyncFile.PENDING) {
            end(context, fence, fence, status);
          }
        }
      } finally {
        pending.remove(fence);
      }
    }
  }

  /** Passes deadlines on. Must not refer to the context, which could not be lost otherwise. */
  private record Hints(Descriptor file) implements FenceContext.Operations {
    @Override
    public void setDeadline(Fence fence, long nanoTime) {
      try {
        boolean _ = SyncFile.setDeadline(file, nanoTime);
      } catch (IllegalStateException closed) {
        // it has signaled meanwhile
      }
    }
  }

  // ---- out ----

  /**
   * {@inheritDoc}
   *
   * @throws IllegalArgumentException if a part is pending and the kernel doesn't signal it: names
   *     it
   * @throws DmaBufException if no descriptor is left (EMFILE); or nothing is pending, and there is
   *     no dma-heap to make a signaled sync_file with (EOPNOTSUPP)
   */
  @Override
  public OwnedFd exportFence(Fence fence) {
    List<Fence> leaves = Fences.unwrap(List.of(fence));
    leaves.forEach(this::checkExportable);
    Descriptor merged = null;
    boolean done = false;
    try {
      for (Fence leaf : leaves) {
        Descriptor file = pending.get(leaf);
        if (file != null) {
          merged = with(merged, file);
        }
      }
      if (merged == null) {
        merged = signaled.duplicate();
      }
      done = true;
      return merged;
    } finally {
      if (!done && merged != null) {
        merged.close();
      }
    }
  }

  private void checkExportable(Fence leaf) {
    if (!pending.containsKey(leaf) && !leaf.isSignaled()) {
      throw new IllegalArgumentException(
          "%s is pending and isn't a sync_file of the kernel's: only those can be exported as one. Wait for it first, or send it as an event, see EventFences"
              .formatted(leaf));
    }
  }

  /** Merges one more file, and closes what that replaces. */
  private static @Nullable Descriptor with(@Nullable Descriptor merged, Descriptor file) {
    Descriptor more;
    try {
      more =
          merged == null
              ? file.duplicate("an exported fence")
              : SyncFile.merge(merged, file, "dmabuf4j");
    } catch (IllegalStateException closed) { // for it has signaled
      return merged;
    }
    if (merged != null) {
      merged.close();
    }
    return Objects.requireNonNull(more);
  }

  /** How many imported fences have not signaled, for tests. */
  int pending() {
    return pending.size();
  }
}

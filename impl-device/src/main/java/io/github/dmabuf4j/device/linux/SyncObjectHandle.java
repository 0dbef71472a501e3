package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.device.linux.bindings.drm_syncobj_destroy;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * All of a {@link KernelSyncObject} but the object that users have: reachable from the cleaner.
 *
 * <p><b>Invariant.</b> {@code state} is the number of requests that use the handle, plus ENDED once
 * it was closed; nothing begins after that. The handle is destroyed once, by whoever makes the
 * state ENDED with no user left: its number may be another object's at once.
 *
 * <p><b>Threads.</b> Any.
 */
final class SyncObjectHandle implements Runnable {
  private static final System.Logger LOG = System.getLogger(SyncObjectHandle.class.getName());
  private static final int ENDED = 1 << 31;

  final RenderNode node;
  final int handle;
  final String name;
  private final AtomicInteger state = new AtomicInteger();

  SyncObjectHandle(RenderNode node, int handle, String name) {
    this.node = node;
    this.handle = handle;
    this.name = name;
    node.countHandle(1);
  }

  boolean hasEnded() {
    return (state.get() & ENDED) != 0;
  }

  /** Begins a request with the handle, unless it was closed. */
  boolean tryBegin() {
    while (true) {
      int now = state.get();
      if ((now & ENDED) != 0) {
        return false;
      }
      if (state.compareAndSet(now, now + 1)) {
        return true;
      }
    }
  }

  /** Ends a request. */
  void end() {
    if (state.decrementAndGet() == ENDED) {
      end(node, handle);
    }
  }

  /** True for the first one only. */
  boolean tryClose() {
    int before = state.getAndUpdate(now -> now | ENDED);
    if (before == 0) {
      end(node, handle);
    }
    return (before & ENDED) == 0;
  }

  private static void end(RenderNode node, int handle) {
    try {
      destroy(node, handle);
    } finally {
      node.countHandle(-1);
    }
  }

  /** Gives a handle back to the kernel. */
  static void destroy(RenderNode node, int handle) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment request = drm_syncobj_destroy.allocate(arena);
      drm_syncobj_destroy.handle(request, handle);
      int result = node.request(linux_h.DRM_IOCTL_SYNCOBJ_DESTROY(), request);
      if (result < 0) {
        LOG.log(Level.WARNING, "giving syncobj {0} back failed: error {1}", handle, -result);
      }
    } catch (IllegalStateException e) {
      // The node was closed, and its handles with it.
    }
  }

  /** The object is gone. */
  @Override
  public void run() {
    if (tryClose()) {
      LOG.log(Level.WARNING, "syncobj {0} was lost without close(); it is closed now", name);
    }
  }
}

package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.device.linux.bindings.drm_syncobj_array;
import io.github.dmabuf4j.device.linux.bindings.drm_syncobj_handle;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** What whoever has a descriptor of a syncobj may do to it. */
public final class HostileSyncObject {
  private HostileSyncObject() {}

  /** Signals a point, in any order. */
  public static void signal(RenderNode node, Descriptor file, long point) {
    try (KernelSyncObject taken = KernelSyncObject.of(node, file, "hostile")) {
      taken.signal(point);
    }
  }

  /** Signals a point, and forgets it at once. */
  public static void signalAndReset(RenderNode node, Descriptor file, long point) {
    signal(node, file, point);
    reset(node, file);
  }

  /** Forgets all points. */
  public static void reset(RenderNode node, Descriptor file) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment taken = drm_syncobj_handle.allocate(arena);
      drm_syncobj_handle.fd(taken, file.fd());
      checked("take", node.request(linux_h.DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE(), taken));
      int handle = drm_syncobj_handle.handle(taken);
      MemorySegment array = drm_syncobj_array.allocate(arena);
      drm_syncobj_array.handles(array, arena.allocateFrom(ValueLayout.JAVA_INT, handle).address());
      drm_syncobj_array.count_handles(array, 1);
      checked("reset", node.request(linux_h.DRM_IOCTL_SYNCOBJ_RESET(), array));
      SyncObjectHandle.destroy(node, handle);
    }
  }

  private static void checked(String what, int result) {
    int _ = SyscallFailure.check(what, "syncobj", result);
  }
}

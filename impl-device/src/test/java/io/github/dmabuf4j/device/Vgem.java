package io.github.dmabuf4j.device;

import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.dma_heap_allocation_data;
import io.github.dmabuf4j.device.linux.bindings.drm_get_cap;
import io.github.dmabuf4j.device.linux.bindings.drm_mode_create_dumb;
import io.github.dmabuf4j.device.linux.bindings.drm_prime_handle;
import io.github.dmabuf4j.device.linux.bindings.drm_syncobj_create;
import io.github.dmabuf4j.device.linux.bindings.drm_version;
import io.github.dmabuf4j.device.linux.bindings.drm_vgem_fence_attach;
import io.github.dmabuf4j.device.linux.bindings.drm_vgem_fence_signal;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The kernel's virtual graphics device, which makes fences and signals them when it is told to, or
 * by itself after 10 s: its own buffers, and fences in them.
 */
final class Vgem implements AutoCloseable {
  private static final Path HEAP = Path.of("/dev/dma_heap/system");

  private final Descriptor device;

  Vgem() {
    device = device().orElseThrow();
  }

  private static Optional<Descriptor> device() {
    try (Stream<Path> nodes = Files.list(Path.of("/dev/dri"))) {
      return nodes
          .filter(node -> node.getFileName().toString().startsWith("card"))
          .map(node -> open(node.toString()))
          .filter(Vgem::isVgem)
          .findFirst();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Descriptor open(String path) {
    return DescriptorBudget.OF_THIS_PROCESS.make(
        Descriptor.Kind.DEVICE,
        path,
        "open",
        () -> Syscalls.open(path, linux_h.O_RDWR() | linux_h.O_CLOEXEC()));
  }

  private static boolean isVgem(Descriptor device) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocate(16);
      MemorySegment version = drm_version.allocate(arena);
      drm_version.name_len(version, 15);
      drm_version.name(version, name);
      if (call(device, linux_h.DRM_IOCTL_VERSION(), version) == 0
          && name.getString(0).equals("vgem")) {
        return true;
      }
      device.close();
      return false;
    }
  }

  private static int call(Descriptor device, long request, MemorySegment argument) {
    return device.use(fd -> Syscalls.ioctl(fd, request, argument));
  }

  /** A buffer of the device. */
  record Buffer(int handle, Descriptor file) implements AutoCloseable {
    @Override
    public void close() {
      file.close();
    }
  }

  Buffer allocate() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment dumb = drm_mode_create_dumb.allocate(arena);
      drm_mode_create_dumb.width(dumb, 1024);
      drm_mode_create_dumb.height(dumb, 1);
      drm_mode_create_dumb.bpp(dumb, 32);
      checked("create", call(device, linux_h.DRM_IOCTL_MODE_CREATE_DUMB(), dumb));
      return new Buffer(
          drm_mode_create_dumb.handle(dumb), export(drm_mode_create_dumb.handle(dumb)));
    }
  }

  private Descriptor export(int handle) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment prime = drm_prime_handle.allocate(arena);
      drm_prime_handle.handle(prime, handle);
      drm_prime_handle.flags(prime, linux_h.DRM_CLOEXEC() | linux_h.DRM_RDWR());
      return DescriptorBudget.OF_THIS_PROCESS.make(
          Descriptor.Kind.BUFFER,
          "a vgem buffer",
          "DRM_IOCTL_PRIME_HANDLE_TO_FD",
          () -> {
            int result = call(device, linux_h.DRM_IOCTL_PRIME_HANDLE_TO_FD(), prime);
            return result < 0 ? result : drm_prime_handle.fd(prime);
          });
    }
  }

  /** Begins work on a buffer; returns what ends it. */
  int begin(Buffer buffer, boolean writes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment attach = drm_vgem_fence_attach.allocate(arena);
      drm_vgem_fence_attach.handle(attach, buffer.handle());
      drm_vgem_fence_attach.flags(attach, writes ? linux_h.VGEM_FENCE_WRITE() : 0);
      checked("attach", call(device, linux_h.DRM_IOCTL_VGEM_FENCE_ATTACH(), attach));
      return drm_vgem_fence_attach.out_fence(attach);
    }
  }

  /** Ends work. */
  void end(int work) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment signal = drm_vgem_fence_signal.allocate(arena);
      drm_vgem_fence_signal.fence(signal, work);
      checked("signal", call(device, linux_h.DRM_IOCTL_VGEM_FENCE_SIGNAL(), signal));
    }
  }

  /** What it says of a capability. */
  long capability(long which) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment capability = drm_get_cap.allocate(arena);
      drm_get_cap.capability(capability, which);
      checked("capability", call(device, linux_h.DRM_IOCTL_GET_CAP(), capability));
      return drm_get_cap.value(capability);
    }
  }

  /** What it answers when a synchronization object is wanted: 0, or a negative error number. */
  int createSyncObject() {
    try (Arena arena = Arena.ofConfined()) {
      return call(device, linux_h.DRM_IOCTL_SYNCOBJ_CREATE(), drm_syncobj_create.allocate(arena));
    }
  }

  /** A page of the system heap, which knows nothing of devices. */
  static Descriptor page() {
    try (Descriptor heap = open(HEAP.toString());
        Arena arena = Arena.ofConfined()) {
      MemorySegment request = dma_heap_allocation_data.allocate(arena);
      dma_heap_allocation_data.len(request, 4096);
      dma_heap_allocation_data.fd_flags(request, linux_h.O_RDWR() | linux_h.O_CLOEXEC());
      return DescriptorBudget.OF_THIS_PROCESS.make(
          Descriptor.Kind.BUFFER,
          "a page",
          "DMA_HEAP_IOCTL_ALLOC",
          () -> {
            int result = call(heap, linux_h.DMA_HEAP_IOCTL_ALLOC(), request);
            return result < 0 ? result : dma_heap_allocation_data.fd(request);
          });
    }
  }

  private static void checked(String what, int result) {
    SyscallFailure.check(what, "vgem", result);
  }

  @Override
  public void close() {
    device.close();
  }
}

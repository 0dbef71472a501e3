package io.github.dmabuf4j.device;

import io.github.dmabuf4j.ByteSize;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.linux.bindings.udmabuf_create;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * dma-bufs that the udmabuf device makes of sealed memory files. The memory file's descriptor is
 * closed as soon as there is the dma-buf, which keeps the pages.
 *
 * <p>Source: drivers/dma-buf/udmabuf.c; rule CH7.
 */
final class UdmabufFiles implements BufferFiles {
  static final Path NODE = Path.of("/dev/udmabuf");
  private static final Path SIZE_LIMIT = Path.of("/sys/module/udmabuf/parameters/size_limit_mb");
  private static final Path LIST_LIMIT = Path.of("/sys/module/udmabuf/parameters/list_limit");

  /** What udmabuf allows unless it is told otherwise, in MiB. */
  private static final long USUAL_MEBIBYTES = 64;

  private static final int USUAL_ENTRIES = 1024;

  private final long pageSize = Syscalls.getpagesize();
  private final Descriptor device = DmaHeapFiles.open(NODE);

  @Override
  public String heapName() {
    return "udmabuf:system";
  }

  @Override
  public long pageSize() {
    return pageSize;
  }

  @Override
  public boolean areDmaBufs() {
    return true;
  }

  @Override
  public Largest largest() {
    long mebibytes = parameter(SIZE_LIMIT, USUAL_MEBIBYTES);
    return new Largest(
        mebibytes << 20,
        "udmabuf's size_limit_mb is %d: echo %d | sudo tee %s"
            .formatted(mebibytes, 4 * mebibytes, SIZE_LIMIT));
  }

  /** What limits udmabuf on this machine, in words, for descriptions. */
  static String limits() {
    return "at most %d MiB a buffer (%s), made of at most %d pieces (list_limit)"
        .formatted(
            parameter(SIZE_LIMIT, USUAL_MEBIBYTES),
            SIZE_LIMIT,
            parameter(LIST_LIMIT, USUAL_ENTRIES));
  }

  private static long parameter(Path path, long usual) {
    try {
      return Math.clamp(Long.parseLong(Files.readString(path).strip()), 0, Integer.MAX_VALUE);
    } catch (IOException | NumberFormatException e) {
      return usual; // the kernel's own default: it will say so itself if that is wrong
    }
  }

  @Override
  public Descriptor create(long bytes) {
    try (Descriptor memory = MemoryFiles.create(bytes, heapName());
        Arena arena = Arena.ofConfined()) {
      MemorySegment request = udmabuf_create.allocate(arena); // offset 0
      udmabuf_create.flags(request, linux_h.UDMABUF_FLAGS_CLOEXEC());
      udmabuf_create.size(request, bytes);
      String subject = "%s for %s".formatted(ByteSize.exact(bytes), heapName());
      return DescriptorBudget.OF_THIS_PROCESS.make(
          Descriptor.Kind.BUFFER,
          heapName(),
          new SyscallFailure.Subject("UDMABUF_CREATE", subject, this::advice),
          () -> memory.use(fd -> create(request, fd)));
    }
  }

  private int create(MemorySegment request, int memory) {
    udmabuf_create.memfd(request, memory);
    return device.use(fd -> Syscalls.ioctl(fd, linux_h.UDMABUF_CREATE(), request));
  }

  private String advice(Errno errno) {
    return switch (errno) {
      case EINVAL -> "ask for less, or raise the limit: " + largest().knob();
      case ENOMEM -> "free memory of this machine or container: udmabuf pins what it makes";
      default -> "";
    };
  }

  @Override
  public void close() {
    device.close();
  }
}

package io.github.dmabuf4j.device;

import io.github.dmabuf4j.ByteSize;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.Restarted;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.util.function.IntUnaryOperator;

/**
 * Memory files: shareable with any process, not dma-bufs.
 *
 * <p><b>What a file is like.</b> Its memory is there when it is handed out, so that a system that
 * is short of memory refuses then, and nobody who touches a page later is killed for it. Its size
 * is sealed, and so are its seals: whoever gets a descriptor can neither shrink it under somebody's
 * hands nor forbid writing to it (design rule DV6). It can't be run.
 *
 * <p><b>Who may write.</b> Whoever has a descriptor that is open for writing; and who opens the
 * file anew by one that isn't, through {@code /proc}, which the kernel allows by the mode of the
 * file: 0600. So a process of another user that got a descriptor for reading can only read (design
 * rule DV7). One of the same user can open the file anew for writing, and root's can: a mode
 * doesn't stop them, and a seal that does would stop this process as well. Whom that matters to
 * runs the reader as another user.
 *
 * <p>Source: memfd_create(2), fallocate(2), mm/shmem.c.
 */
final class MemoryFiles implements BufferFiles {
  /**
   * How much memory is provided by one call. One that a signal interrupts takes all back that it
   * has provided, as long as it heeds signals there at all (6.12 doesn't), so the rest of a large
   * file must not hang on one call; and where signals come faster than a call can be done, such as
   * a profiler's, it is tried with half as much.
   */
  private static final long PIECE = 16L << 20;

  /** Who may open a file anew: its descriptors have rights of their own. */
  private static final int OWNER_ONLY = 0600;

  /** Less than this is not tried: the call is about as long as it takes to make it. */
  private static final long SMALLEST_PIECE = 1 << 12;

  /** What the files are called in {@code /proc}. */
  private static final String FILE_NAME = "dmabuf4j";

  private final long pageSize = Syscalls.getpagesize();

  @Override
  public String heapName() {
    return "memfd:system";
  }

  @Override
  public long pageSize() {
    return pageSize;
  }

  @Override
  public boolean areDmaBufs() {
    return false;
  }

  @Override
  public Largest largest() {
    return MachineMemory.swappable(pageSize);
  }

  @Override
  public Descriptor create(long bytes) {
    return create(bytes, heapName());
  }

  /**
   * Makes a sealed file with memory.
   *
   * @param bytes its size, whole pages
   * @param holder who has it, for reports
   * @return its descriptor
   * @throws io.github.dmabuf4j.DmaBufException if it can't be made
   */
  static Descriptor create(long bytes, String holder) {
    Descriptor file =
        DescriptorBudget.OF_THIS_PROCESS.make(
            Descriptor.Kind.BUFFER,
            holder,
            "memfd_create",
            () -> create(flags -> Syscalls.memfdCreate(FILE_NAME, flags)));
    boolean done = false;
    try {
      provide(file, bytes, "%s for %s".formatted(ByteSize.exact(bytes), holder));
      done = true;
      return file;
    } finally {
      if (!done) {
        file.close();
      }
    }
  }

  /**
   * Makes an empty file that can be sealed and never be run, as a system may demand ({@code
   * vm.memfd_noexec=2}); or, before Linux 6.3, one that can be sealed.
   *
   * @param call given the flags, returns a descriptor or a negative error number
   * @return the same
   */
  static int create(IntUnaryOperator call) {
    int neverRun = linux_h.MFD_CLOEXEC() | linux_h.MFD_NOEXEC_SEAL();
    int result = Restarted.call(() -> call.applyAsInt(neverRun));
    return result == -linux_h.EINVAL()
        ? call.applyAsInt(linux_h.MFD_CLOEXEC() | linux_h.MFD_ALLOW_SEALING())
        : result;
  }

  private static void provide(Descriptor file, long bytes, String subject) {
    new SyscallFailure.Subject("fchmod", subject)
        .check(file.use(fd -> Syscalls.fchmod(fd, OWNER_ONLY)));
    new SyscallFailure.Subject("ftruncate", subject, MemoryFiles::advice)
        .check(Restarted.call(() -> file.use(fd -> Syscalls.ftruncate(fd, bytes))));
    SyscallFailure.Subject pieces =
        new SyscallFailure.Subject("fallocate", subject, MemoryFiles::advice);
    provide(
        bytes,
        pieces,
        (offset, length) -> file.use(fd -> Syscalls.fallocate(fd, 0, offset, length)));
    int seals = linux_h.F_SEAL_SHRINK() | linux_h.F_SEAL_GROW() | linux_h.F_SEAL_SEAL();
    new SyscallFailure.Subject("F_ADD_SEALS", subject)
        .check(file.use(fd -> Syscalls.fcntl(fd, linux_h.F_ADD_SEALS(), seals)));
  }

  /** The call that provides a range: 0, or the negative error number. */
  @FunctionalInterface
  interface Provider {
    int provide(long offset, long length);
  }

  /** Provides all bytes piece by piece, in smaller ones for as long as calls are interrupted. */
  static void provide(long bytes, SyscallFailure.Subject about, Provider call) {
    long piece = PIECE;
    long done = 0;
    while (done < bytes) {
      long length = Math.min(piece, bytes - done);
      int result = call.provide(done, length);
      if (result == -linux_h.EINTR()) {
        piece = Math.max(piece / 2, SMALLEST_PIECE);
      } else {
        about.check(result);
        done += length;
        piece = Math.min(piece * 2, PIECE);
      }
    }
  }

  private static String advice(Errno errno) {
    return switch (errno) {
      case ENOMEM, ENOSPC ->
          "free memory of this machine or container, raise the container's limit (memory.max), or"
              + " lower the heap's (?limit=…)";
      case EFBIG -> "ask for less, or raise the limit on files: ulimit -f, LimitFSIZE= of systemd";
      default -> "";
    };
  }
}

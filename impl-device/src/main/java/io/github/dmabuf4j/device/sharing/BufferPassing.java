package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.FenceTimeoutException;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.device.DeviceBuffers;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.linux.bindings.statx;
import io.github.dmabuf4j.device.sharing.PeerException.Problem;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;

/**
 * Memory of buffers on its way to another process, and in from one.
 *
 * <p><b>Threads.</b> Any.
 *
 * <p>Source: design rules DV6, DV7.
 */
final class BufferPassing {
  /** No descriptor is left. */
  static final Set<Errno> FULL = EnumSet.of(Errno.EMFILE, Errno.ENFILE);

  private static final int ACCESS_MODE = 3; // O_ACCMODE
  private static final int OTHERS = 077;
  private static final int OWNER_ONLY = 0600;

  private BufferPassing() {}

  /**
   * A descriptor to send. A peer that may only read gets one that can't be mapped for writing,
   * which the kernel enforces. A process of another user can't get more of a memory file by opening
   * it anew, through {@code /proc}: the file is its owner's alone, or becomes that here (0600),
   * unless it is sealed against writing. A process of the owner can, and root's. A memory file of
   * another user is sent to be read only where it came as that, and as its owner's alone.
   *
   * @param buffer whose
   * @param access what the peer may do
   * @return a descriptor, the caller's
   * @throws UnsupportedOperationException if the buffer has no file behind it
   * @throws DmaBufException if no descriptor is left; or if the peer may only read, and the kernel
   *     can't enforce that (EOPNOTSUPP)
   * @throws FenceTimeoutException if a host fence on the buffer didn't signal in time
   * @throws IllegalArgumentException if the peer may only write, or the handle may only read and
   *     the peer more
   * @throws InterruptedException if the thread is interrupted while waiting
   */
  static OwnedFd export(DmaBuf buffer, Access access) throws InterruptedException {
    if (access == Access.WRITE || (access.writes() && buffer.isReadOnly())) {
      throw new IllegalArgumentException(
          "wanted READ, or READ_WRITE with a handle that can write, got %s of %s"
              .formatted(access, buffer));
    }
    OwnedFd whole = buffer.exportFd();
    if (access.writes()) {
      return whole;
    }
    OwnedFd sent = null;
    try {
      sent = isReadOnly(whole) ? whole : readOnly(whole, buffer.name());
      keepFromOthers(sent, buffer.name());
      return sent;
    } catch (RuntimeException | Error e) {
      if (sent != null) {
        sent.close();
      }
      throw e;
    } finally {
      if (sent != whole) {
        whole.close();
      }
    }
  }

  private static boolean isReadOnly(OwnedFd file) {
    int flags = Syscalls.fcntl(file.fd(), linux_h.F_GETFL(), 0);
    return flags >= 0 && (flags & ACCESS_MODE) == linux_h.O_RDONLY();
  }

  /** Has nobody but the owner open a file anew: another program may have made it for everybody. */
  private static void keepFromOthers(OwnedFd file, String name) {
    if (isSealed(file) || (mode(file, name) & OTHERS) == 0) {
      return;
    }
    int result = Syscalls.fchmod(file.fd(), OWNER_ONLY);
    if (result < 0) {
      throw new DmaBufException(
          "send",
          Errno.EOPNOTSUPP,
          "wanted to send %s to be read only, but its file is another user's, who lets everybody open it anew for writing: have its maker call fchmod(fd, 0600) or seal it against writing, or send it READ_WRITE"
              .formatted(name),
          new SyscallFailure("fchmod", name, -result).exception());
    }
  }

  /** No file but a memory file has seals. */
  private static boolean isSealed(OwnedFd file) {
    int seals = Syscalls.fcntl(file.fd(), linux_h.F_GET_SEALS(), 0);
    return seals >= 0 && (seals & (linux_h.F_SEAL_WRITE() | linux_h.F_SEAL_FUTURE_WRITE())) != 0;
  }

  private static int mode(OwnedFd file, String name) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment status = statx.allocate(arena);
      int mask = linux_h.STATX_BASIC_STATS();
      SyscallFailure.check("statx", name, Syscalls.statx(file.fd(), mask, status));
      return statx.stx_mode(status);
    }
  }

  private static Descriptor readOnly(OwnedFd whole, String name) {
    String path = "/proc/self/fd/" + whole.fd();
    try {
      return DescriptorBudget.OF_THIS_PROCESS.make(
          Descriptor.Kind.BUFFER,
          name,
          "open",
          () -> Syscalls.open(path, linux_h.O_RDONLY() | linux_h.O_CLOEXEC()));
    } catch (DmaBufException e) {
      if (e.errno().filter(FULL::contains).isPresent()) {
        throw e;
      }
      throw new DmaBufException(
          "send",
          Errno.EOPNOTSUPP,
          "wanted to send %s to be read only, which the kernel enforces for memory files alone: allocate from memfd:system, or send it READ_WRITE"
              .formatted(name),
          e);
    }
  }

  /**
   * Makes a buffer of what came.
   *
   * @param frame what it came with
   * @param index which of its descriptors is the memory
   * @param description what the peer says of it
   * @param holder who has it from now on, as a report names it
   * @return a handle, the caller's
   * @throws PeerException if it is no memory that can be shared, can be taken away, or isn't as
   *     large as was said; or if there are too many
   */
  static DmaBuf importBuffer(Frame frame, int index, BufferDescription description, String holder) {
    Descriptor memory = frame.take(index, Descriptor.Kind.BUFFER, holder);
    DmaBuf whole;
    try {
      whole =
          DeviceBuffers.importFd(
              memory, description.name(), Optional.ofNullable(description.layout()));
    } catch (DmaBufException e) {
      boolean isFull = e.errno().filter(FULL::contains).isPresent();
      throw frame.wrong(
          isFull ? Problem.LIMIT : Problem.MEMORY,
          "memory that can be shared",
          e.getMessage() + "");
    }
    return checked(frame, whole, description);
  }

  /** The handle, or one that may only read. */
  private static DmaBuf checked(Frame frame, DmaBuf whole, BufferDescription description) {
    if (whole.size() >= description.size() && description.isWritable()) {
      return whole;
    }
    try (whole) {
      if (whole.size() < description.size()) {
        throw frame.wrong(
            Problem.MEMORY,
            "memory of %d bytes, as was said,".formatted(description.size()),
            whole.size());
      }
      return whole.dupReadOnly();
    }
  }
}

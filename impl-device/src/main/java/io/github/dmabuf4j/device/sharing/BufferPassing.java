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
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.sharing.PeerException.Problem;
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

  private BufferPassing() {}

  /**
   * A descriptor to send. A peer that may only read gets one that can't be mapped for writing,
   * which the kernel enforces. A process of another user can't get more of a memory file of ours by
   * opening it anew, through {@code /proc}: the file is its maker's alone. A process of the same
   * user can, and root's. A memory file of another user is sent to be read only where it came as
   * that.
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
    if (access.writes() || isReadOnly(whole)) {
      return whole;
    }
    try (whole) {
      return readOnly(whole, buffer.name());
    }
  }

  private static boolean isReadOnly(OwnedFd file) {
    int flags = Syscalls.fcntl(file.fd(), linux_h.F_GETFL(), 0);
    return flags >= 0 && (flags & ACCESS_MODE) == linux_h.O_RDONLY();
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

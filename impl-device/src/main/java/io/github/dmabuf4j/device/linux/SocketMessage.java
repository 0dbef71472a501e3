package io.github.dmabuf4j.device.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.github.dmabuf4j.device.linux.bindings.cmsghdr;
import io.github.dmabuf4j.device.linux.bindings.iovec;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.linux.bindings.msghdr;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;

/**
 * The memory in which messages with descriptors are sent and received, used again for each: {@code
 * sendmsg} and {@code recvmsg} with {@code SCM_RIGHTS}. Neither call ever waits, raises a signal,
 * or lets a descriptor be inherited.
 *
 * <p><b>Life of descriptors.</b> Those that were received are this object's until {@link
 * #takeDescriptors}, {@link #takeFiles} or {@link #closeDescriptors} is called, one of which must
 * follow each {@link #receive}, whatever it returned or threw.
 *
 * <p><b>Invariant.</b> While {@code mayHaveDescriptors}, the numbers of those that came and weren't
 * taken are in {@code control}, in front of what {@code header} gives as its length, and nowhere
 * else. It is set before the call that receives, with no message in {@code control}, and taken back
 * once their numbers are with the caller. So wherever the Java heap runs out in between, they are
 * still there.
 *
 * <p><b>Threads.</b> One at a time.
 *
 * <p>Source: net/core/scm.c, net/unix/af_unix.c; design rule DV3.
 */
public final class SocketMessage {
  /** The most descriptors that the kernel passes in one message ({@code SCM_MAX_FD}). */
  public static final int MAX_DESCRIPTORS = 253;

  private static final int[] NONE = {};

  /** Room for all descriptors, and for a message of another kind beside them. */
  private static final long CONTROL_BYTES =
      ControlMessages.space((long) MAX_DESCRIPTORS * Integer.BYTES) + ControlMessages.space(64);

  private final MemorySegment bytes;
  private final MemorySegment vector;
  private final MemorySegment control;
  private final MemorySegment header;
  private int flags;
  private boolean mayHaveDescriptors;

  /**
   * Makes the memory.
   *
   * @param arena what it lives in
   * @param capacity the most bytes of a message
   */
  public SocketMessage(Arena arena, long capacity) {
    bytes = arena.allocate(capacity, Long.BYTES);
    vector = iovec.allocate(arena);
    control = arena.allocate(CONTROL_BYTES, Long.BYTES);
    header = msghdr.allocate(arena);
    iovec.iov_base(vector, bytes);
    msghdr.msg_iov(header, vector);
    msghdr.msg_iovlen(header, 1);
  }

  /**
   * The bytes of the message: to be written before it is sent, to be read after it was received.
   *
   * @return all of the memory, of which a message uses the first part
   */
  public MemorySegment bytes() {
    return bytes;
  }

  /**
   * Sends a message, all of it or nothing.
   *
   * @param socket a socket that keeps the boundaries of messages
   * @param length how many of {@link #bytes} to send, at least 1
   * @param descriptors what goes with them, at most {@link #MAX_DESCRIPTORS}; they stay open here
   *     and must not be closed meanwhile
   * @return {@code length}, or the negative error number: EAGAIN if there is no room now
   * @throws IllegalStateException if the socket was closed
   * @throws IllegalArgumentException if there are too many descriptors
   */
  public int send(Descriptor socket, int length, int... descriptors) {
    if (descriptors.length > MAX_DESCRIPTORS) {
      throw new IllegalArgumentException(
          "wanted at most %d descriptors in a message, the kernel's limit, got %d: send several messages"
              .formatted(MAX_DESCRIPTORS, descriptors.length));
    }
    iovec.iov_len(vector, length);
    msghdr.msg_flags(header, 0);
    if (descriptors.length == 0) {
      msghdr.msg_control(header, MemorySegment.NULL);
      msghdr.msg_controllen(header, 0);
    } else {
      writeDescriptors(descriptors);
    }
    int how = linux_h.MSG_NOSIGNAL() | linux_h.MSG_DONTWAIT();
    return socket.use(fd -> (int) Restarted.callLong(() -> SocketCalls.sendmsg(fd, header, how)));
  }

  private void writeDescriptors(int[] descriptors) {
    long size = (long) descriptors.length * Integer.BYTES;
    cmsghdr.cmsg_len(control, ControlMessages.length(size));
    cmsghdr.cmsg_level(control, linux_h.SOL_SOCKET());
    cmsghdr.cmsg_type(control, linux_h.SCM_RIGHTS());
    MemorySegment.copy(
        descriptors, 0, control, JAVA_INT, ControlMessages.dataOffset(), descriptors.length);
    msghdr.msg_control(header, control);
    msghdr.msg_controllen(header, ControlMessages.space(size));
  }

  /**
   * Receives a message if there is one.
   *
   * @param socket a socket that keeps the boundaries of messages
   * @return how many bytes there are now, 0 if the other side has closed, or the negative error
   *     number: EAGAIN if there is nothing yet
   * @throws IllegalStateException if the socket was closed, or the descriptors of the last message
   *     weren't taken
   */
  public int receive(Descriptor socket) {
    if (mayHaveDescriptors) {
      throw new IllegalStateException("the descriptors of the last message are still to be taken");
    }
    iovec.iov_len(vector, bytes.byteSize());
    msghdr.msg_control(header, control);
    msghdr.msg_controllen(header, control.byteSize());
    msghdr.msg_flags(header, 0);
    cmsghdr.cmsg_len(control, 0);
    mayHaveDescriptors = true;
    int how = linux_h.MSG_CMSG_CLOEXEC() | linux_h.MSG_DONTWAIT();
    int result =
        socket.use(fd -> (int) Restarted.callLong(() -> SocketCalls.recvmsg(fd, header, how)));
    flags = result < 0 ? 0 : msghdr.msg_flags(header);
    mayHaveDescriptors = result >= 0 && msghdr.msg_controllen(header) >= cmsghdr.sizeof();
    return result;
  }

  /**
   * Whether the last message was longer than there was room for: the rest is lost.
   *
   * @return true if it was cut off
   */
  public boolean wasCutOff() {
    return (flags & linux_h.MSG_TRUNC()) != 0;
  }

  /**
   * Whether descriptors of the last message got lost: the process has none left.
   *
   * @return true if there are fewer than were sent
   */
  public boolean lostDescriptors() {
    return (flags & linux_h.MSG_CTRUNC()) != 0;
  }

  /**
   * What came with the last message.
   *
   * @return descriptors, close-on-exec, which the caller has to close; at the second call none
   */
  public int[] takeDescriptors() {
    if (!mayHaveDescriptors) {
      return NONE;
    }
    int[] taken = descriptorsIn(control, msghdr.msg_controllen(header));
    mayHaveDescriptors = false;
    return taken;
  }

  /**
   * What came with the last message, for somebody who may not take all of it.
   *
   * @return files that the caller has to take or close; at the second call none
   */
  public List<LooseFile> takeFiles() {
    if (!mayHaveDescriptors) {
      return List.of();
    }
    List<LooseFile> files =
        Arrays.stream(descriptorsIn(control, msghdr.msg_controllen(header)))
            .mapToObj(LooseFile::new)
            .toList();
    mayHaveDescriptors = false;
    return files;
  }

  /**
   * Has closed what came with the last message and wasn't taken. At the second call nothing. Needs
   * no Java heap.
   *
   * @param closing by whom; by the calling thread where it has no room left
   */
  public void closeDescriptors(ClosingThread closing) {
    if (mayHaveDescriptors) {
      mayHaveDescriptors = false; // closed once, whatever is thrown
      closeAll(control, msghdr.msg_controllen(header), closing);
    }
  }

  // ---- control messages ----

  /**
   * The descriptors among control messages, in order. Stops at the first message that contradicts
   * the length of all: what is behind it can't be found.
   *
   * @param control the messages
   * @param length how many bytes of it count
   * @return new descriptors
   */
  static int[] descriptorsIn(MemorySegment control, long length) {
    long end = Math.min(length, control.byteSize());
    int count = 0;
    for (long at = 0; sizeAt(control, at, end) > 0; at = after(control, at, end)) {
      count += countAt(control, at, end);
    }
    int[] found = new int[count];
    int next = 0;
    for (long at = 0; sizeAt(control, at, end) > 0; at = after(control, at, end)) {
      int more = countAt(control, at, end);
      MemorySegment.copy(control, JAVA_INT, at + ControlMessages.dataOffset(), found, next, more);
      next += more;
    }
    return found;
  }

  /** Closes what {@link #descriptorsIn} finds, without Java heap. */
  private static void closeAll(MemorySegment control, long length, ClosingThread closing) {
    long end = Math.min(length, control.byteSize());
    for (long at = 0; sizeAt(control, at, end) > 0; at = after(control, at, end)) {
      int count = countAt(control, at, end);
      for (long i = 0; i < count; i++) {
        long place = at + ControlMessages.dataOffset() + i * Integer.BYTES;
        int fd = control.get(JAVA_INT, place);
        if (!closing.tryClose(fd)) {
          int _ = Syscalls.close(fd);
        }
      }
    }
  }

  /** The size of the message there, without its padding; 0 if there is none, or it can't be. */
  private static long sizeAt(MemorySegment control, long at, long end) {
    if (end - at < cmsghdr.sizeof()) {
      return 0;
    }
    long size = control.get(JAVA_LONG, at + cmsghdr.cmsg_len$offset());
    return size < ControlMessages.dataOffset() || size > end - at ? 0 : size;
  }

  /** Where the message after that one begins. */
  private static long after(MemorySegment control, long at, long end) {
    return at + ControlMessages.align(sizeAt(control, at, end));
  }

  /** How many descriptors are in the message there. */
  private static int countAt(MemorySegment control, long at, long end) {
    boolean hasDescriptors =
        control.get(JAVA_INT, at + cmsghdr.cmsg_level$offset()) == linux_h.SOL_SOCKET()
            && control.get(JAVA_INT, at + cmsghdr.cmsg_type$offset()) == linux_h.SCM_RIGHTS();
    long bytes = sizeAt(control, at, end) - ControlMessages.dataOffset();
    return hasDescriptors ? (int) (bytes / Integer.BYTES) : 0;
  }
}

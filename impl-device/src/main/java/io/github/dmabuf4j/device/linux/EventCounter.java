package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A number in the kernel, behind a descriptor that is readable while the number isn't 0 ({@code
 * eventfd}).
 *
 * <p><b>Only among ourselves.</b> Adding waits for room if the descriptor blocks; and whoever has a
 * duplicate of it can have it block, and take the room. What is given to others is an {@link
 * EventTimer}.
 *
 * <p><b>Threads.</b> Any.
 *
 * <p>Source: fs/eventfd.c.
 */
public final class EventCounter {
  private EventCounter() {}

  /**
   * Makes a counter of 0, which never blocks.
   *
   * @param kind what for
   * @param holder who will have it, as a report names it
   * @return its descriptor
   * @throws DmaBufException if no descriptor is left (EMFILE, ENFILE), or no memory (ENOMEM)
   */
  public static Descriptor create(Descriptor.Kind kind, String holder) {
    return DescriptorBudget.OF_THIS_PROCESS.make(
        kind,
        holder,
        "eventfd",
        () -> Syscalls.eventfd(0, linux_h.EFD_CLOEXEC() | linux_h.EFD_NONBLOCK()));
  }

  /**
   * Adds to a counter: whoever waits for it is woken.
   *
   * @param descriptor a counter that doesn't block
   * @param value at least 1
   * @return false if the counter has no room for more, which makes it readable all the same
   * @throws IllegalStateException if the descriptor was detached or closed
   * @throws DmaBufException if it is no counter, or can't be written
   */
  public static boolean add(Descriptor descriptor, long value) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocateFrom(ValueLayout.JAVA_LONG, value);
      int result = descriptor.use(fd -> (int) Restarted.callLong(() -> Syscalls.write(fd, bytes)));
      return result != -linux_h.EAGAIN()
          && SyscallFailure.check("write", descriptor.toString(), result) > 0;
    }
  }

  /**
   * Takes all of the number out: the counter isn't readable any more.
   *
   * @param descriptor a counter that doesn't block
   * @return the number, unsigned; 0 if there was none
   * @throws IllegalStateException if the descriptor was detached or closed
   * @throws DmaBufException if it is no counter
   */
  public static long take(Descriptor descriptor) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(ValueLayout.JAVA_LONG);
      int result = descriptor.use(fd -> (int) Restarted.callLong(() -> Syscalls.read(fd, bytes)));
      return result != -linux_h.EAGAIN()
              && SyscallFailure.check("read", descriptor.toString(), result) > 0
          ? bytes.get(ValueLayout.JAVA_LONG, 0)
          : 0;
    }
  }
}

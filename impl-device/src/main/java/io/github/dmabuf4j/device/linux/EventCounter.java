package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.stream.Stream;

/**
 * A number in the kernel, behind a descriptor that is readable while the number isn't 0 ({@code
 * eventfd}).
 *
 * <p><b>Threads.</b> Any.
 *
 * <p>Source: fs/eventfd.c.
 */
public final class EventCounter {
  private static final String COUNT = "eventfd-count:";

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
   * The value of a counter, which stays as it is: reading it as a file would take the value away
   * from all others who have the counter, and would wait where one of them was faster. The kernel
   * tells it in {@code /proc}.
   *
   * @param descriptor any
   * @return the value, unsigned; empty if the descriptor is no counter's
   * @throws IllegalStateException if the descriptor was detached or closed
   * @throws UncheckedIOException if {@code /proc} can't be read
   */
  public static OptionalLong value(Descriptor descriptor) {
    long[] found = {0, 0};
    int _ =
        descriptor.use(
            fd -> {
              lines(fd)
                  .filter(line -> line.startsWith(COUNT))
                  .forEach(
                      line -> {
                        found[0] = 1;
                        found[1] =
                            Long.parseUnsignedLong(line.substring(COUNT.length()).strip(), 16);
                      });
              return 0;
            });
    return found[0] == 0 ? OptionalLong.empty() : OptionalLong.of(found[1]);
  }

  private static Stream<String> lines(int fd) {
    try {
      return Files.readString(Path.of("/proc/self/fdinfo", Integer.toString(fd))).lines();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

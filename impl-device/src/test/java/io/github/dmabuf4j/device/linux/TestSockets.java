package io.github.dmabuf4j.device.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Sockets that are connected with each other. */
final class TestSockets {
  private TestSockets() {}

  /** Two ends, to be closed. */
  static Descriptor[] pair() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment ends = arena.allocate(JAVA_INT, 2);
      int type = linux_h.SOCK_STREAM() | linux_h.SOCK_CLOEXEC();
      SyscallFailure.check(
          "socketpair", "a test", SocketCalls.socketpair(linux_h.AF_UNIX(), type, ends));
      return new Descriptor[] {
        adopt(ends.getAtIndex(JAVA_INT, 0)), adopt(ends.getAtIndex(JAVA_INT, 1))
      };
    }
  }

  private static Descriptor adopt(int fd) {
    return DescriptorBudget.OF_THIS_PROCESS.adopt(Descriptor.Kind.SOCKET, "a test", fd);
  }
}

package io.github.dmabuf4j.device.linux;

import java.lang.foreign.MemorySegment;

/** The two calls that a {@link Poller} makes all the time: a test can let them fail. */
interface EpollCalls {
  /** Those of the kernel. */
  EpollCalls OF_THE_KERNEL =
      new EpollCalls() {
        @Override
        public int control(int epoll, int operation, int fd, MemorySegment event) {
          return Syscalls.epollControl(epoll, operation, fd, event);
        }

        @Override
        public int await(int epoll, MemorySegment events, int most, int millis) {
          return Syscalls.epollWait(epoll, events, most, millis);
        }
      };

  /**
   * As {@link Syscalls#epollControl}.
   *
   * @return 0, or the negative error number
   */
  int control(int epoll, int operation, int fd, MemorySegment event);

  /**
   * As {@link Syscalls#epollWait}.
   *
   * @return how many events there are, or the negative error number
   */
  int await(int epoll, MemorySegment events, int most, int millis);
}

package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.lang.foreign.MemorySegment;

/** Pollers that have not begun yet: what they wait with is made at the first wait. */
public final class FreshPoller {
  private FreshPoller() {}

  /** Begins one, waits for nothing, and ends it. */
  public static void begin(Descriptor descriptor) {
    try (Poller poller = new Poller("fresh-poller")) {
      boolean _ = poller.register(descriptor, Poller.IN, events -> {}).cancel();
    }
  }

  /** One from which nothing can be taken while it is watched. */
  public static Poller thatKeepsAll() {
    EpollCalls calls =
        new EpollCalls() {
          @Override
          public int control(int epoll, int operation, int fd, MemorySegment event) {
            if (operation == linux_h.EPOLL_CTL_DEL()) {
              throw new StackOverflowError("thrown on purpose");
            }
            return OF_THE_KERNEL.control(epoll, operation, fd, event);
          }

          @Override
          public int await(int epoll, MemorySegment events, int most, int millis) {
            return OF_THE_KERNEL.await(epoll, events, most, millis);
          }
        };
    return new Poller("poller-that-keeps-all", calls);
  }
}

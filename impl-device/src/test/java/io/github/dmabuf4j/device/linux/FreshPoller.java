package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.lang.foreign.MemorySegment;
import java.util.function.BooleanSupplier;
import java.util.function.IntPredicate;

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
    return poller("poller-that-keeps-all", operation -> operation == linux_h.EPOLL_CTL_DEL());
  }

  /** One that can't be had watch more while somebody says so. */
  public static Poller thatTakesNoMore(String name, BooleanSupplier isFull) {
    return poller(name, operation -> operation != linux_h.EPOLL_CTL_DEL() && isFull.getAsBoolean());
  }

  private static Poller poller(String name, IntPredicate isRefused) {
    EpollCalls calls =
        new EpollCalls() {
          @Override
          public int control(int epoll, int operation, int fd, MemorySegment event) {
            if (isRefused.test(operation)) {
              throw operation == linux_h.EPOLL_CTL_DEL()
                  ? new StackOverflowError("thrown on purpose")
                  : new OutOfMemoryError("thrown on purpose");
            }
            return OF_THE_KERNEL.control(epoll, operation, fd, event);
          }

          @Override
          public int await(int epoll, MemorySegment events, int most, int millis) {
            return OF_THE_KERNEL.await(epoll, events, most, millis);
          }
        };
    return new Poller(name, calls);
  }
}

package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a {@link Poller} waits for: the descriptors that its epoll has.
 *
 * <p><b>Invariant.</b>
 *
 * <ul>
 *   <li>A watch is in both maps from before epoll may have its descriptor until it surely hasn't;
 *       so whatever epoll finds is found here, and can be taken from it. Numbers are never given
 *       again.
 *   <li>Epoll wants of a descriptor what its registrations want together, and each watch has a
 *       registration; but for those where an Error came between. These are {@code unsettled}, and
 *       settled at the next event that concerns them, or the next {@link #settleAll}.
 * </ul>
 *
 * <p><b>Threads.</b> Guarded by the lock of the poller.
 */
final class Watches {
  /** The number of what wakes the poller's thread. */
  static final long WAKE = 0;

  private static final System.Logger LOG = System.getLogger(Watches.class.getName());

  private final EpollCalls calls;
  private final Map<Integer, Watch> byDescriptor = new HashMap<>();
  private final Map<Long, Watch> byNumber = new HashMap<>();
  private long lastNumber = WAKE;
  private boolean unsettled;

  Watches(EpollCalls calls) {
    this.calls = calls;
  }

  /** How many there are. */
  int count() {
    return byNumber.size();
  }

  /** The one of a number; null if it is over, or what wakes the thread. */
  @Nullable Watch find(long number) {
    return byNumber.get(number);
  }

  /** The one of a held descriptor, or a new one. */
  Watch of(Descriptor descriptor) {
    Watch present = byDescriptor.get(descriptor.heldNumber());
    return present != null ? present : new Watch(descriptor, ++lastNumber);
  }

  // ---- changing ----

  /**
   * Adds a registration to its watch, and has epoll want what it wants. If that fails, it isn't
   * added, and its watch is here only if it was before, or epoll may have it.
   */
  void add(Descriptor epoll, Poller.Registration registration) {
    Watch watch = registration.watch;
    boolean fresh = watch.wanted == Watch.NOTHING;
    boolean added = false;
    try {
      if (fresh) {
        byDescriptor.put(watch.descriptorKey, watch);
        byNumber.put(watch.numberKey, watch);
      }
      watch.add(registration);
      control(
          epoll,
          fresh ? linux_h.EPOLL_CTL_ADD() : linux_h.EPOLL_CTL_MOD(),
          watch,
          watch.wantedTogether());
      added = true;
    } finally {
      if (!added) {
        boolean _ = watch.remove(registration);
        if (watch.wanted == Watch.NOTHING) {
          remove(watch);
        }
      }
    }
  }

  /** Whether a watch is here. */
  boolean has(Watch watch) {
    return byNumber.get(watch.numberKey) == watch;
  }

  private void remove(Watch watch) {
    byDescriptor.remove(watch.descriptorKey, watch);
    byNumber.remove(watch.numberKey, watch);
  }

  /**
   * Has epoll want what the registrations want; or nothing any more: then true, and the watch is
   * over. Where the Java heap is full, that is done later.
   */
  boolean settle(Descriptor epoll, Watch watch) {
    int together = watch.wantedTogether();
    boolean over = watch.isEmpty();
    if (!has(watch) || (!over && together == watch.wanted)) {
      return false;
    }
    try {
      change(epoll, watch, over, together);
    } catch (OutOfMemoryError e) {
      unsettled = true;
      return false;
    }
    if (over) {
      remove(watch);
    }
    return over;
  }

  private void change(Descriptor epoll, Watch watch, boolean over, int together) {
    boolean mayBeThere = watch.wanted != Watch.UNKNOWN;
    try {
      control(epoll, over ? linux_h.EPOLL_CTL_DEL() : linux_h.EPOLL_CTL_MOD(), watch, together);
    } catch (DmaBufException | IllegalArgumentException e) {
      if (mayBeThere) { // somebody closed the number behind its owner's back
        LOG.log(Level.WARNING, "what was waited for is gone: " + watch.descriptor, e);
      }
    }
  }

  /** Whether something is left for {@link #settleAll}. */
  boolean isUnsettled() {
    return unsettled;
  }

  /** Settles what an Error has kept from it. */
  void settleAll(Descriptor epoll, Taken over) {
    if (!unsettled) {
      return;
    }
    unsettled = false;
    boolean done = false;
    try {
      for (Watch watch : byNumber.values().toArray(new Watch[0])) {
        if (settle(epoll, watch)) {
          over.add(watch);
        }
      }
      done = true;
    } finally {
      unsettled |= !done;
    }
  }

  /** The poller ends: takes all out. */
  void takeAll(Taken to) {
    for (Watch watch : byNumber.values()) { // where this fails, nothing has happened yet
      watch.takeDue(0, true, to);
      to.add(watch);
    }
    byDescriptor.clear();
    byNumber.clear();
  }

  // ---- the call ----

  /**
   * Tells epoll what is wanted.
   *
   * @throws IllegalArgumentException if the descriptor can't be waited for
   * @throws DmaBufException if the kernel refuses for another reason
   */
  void control(Descriptor epoll, int operation, Watch watch, int events) {
    int before = watch.wanted;
    int result;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment event = EpollEvent.allocateArray(1, arena);
      EpollEvent.events(event, events);
      EpollEvent.data(event, watch.number);
      watch.wanted = Watch.UNKNOWN; // until it is known; an Error leaves it so
      result = call(epoll, operation, watch, event);
      if (result == -linux_h.ENOENT()
          && before == Watch.UNKNOWN
          && operation == linux_h.EPOLL_CTL_MOD()) {
        result = call(epoll, linux_h.EPOLL_CTL_ADD(), watch, event);
      }
      watch.wanted = result < 0 ? before : events;
    } finally {
      unsettled |= watch.wanted == Watch.UNKNOWN;
    }
    if (result < 0) {
      throw refusal(watch.descriptor, -result);
    }
  }

  private int call(Descriptor epoll, int operation, Watch watch, MemorySegment event) {
    int fd = watch.descriptor.heldNumber();
    return epoll.use(own -> calls.control(own, operation, fd, event));
  }

  private static RuntimeException refusal(Descriptor descriptor, int number) {
    SyscallFailure failure = new SyscallFailure("epoll_ctl", descriptor.toString(), number);
    return switch (Errno.of(number).orElse(Errno.EIO)) {
      case EPERM ->
          new IllegalArgumentException(
              "wanted a descriptor that can be waited for, such as a fence's or a socket's; %s is none: plain files are always ready"
                  .formatted(descriptor));
      case ENOSPC ->
          failure.exception(
              "raise it: sysctl fs.epoll.max_user_watches; or wait for fewer at once");
      default -> failure.exception();
    };
  }
}

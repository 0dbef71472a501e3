package io.github.dmabuf4j.device.linux;

import org.jspecify.annotations.Nullable;

/**
 * What epoll knows of one descriptor, and who is interested in it.
 *
 * <p><b>Invariant.</b> The registrations are linked through themselves, so that taking one off
 * needs no Java heap; one that is on this list says so itself. {@code wanted} is what epoll was
 * told last, {@link #NOTHING} before it was told anything, or {@link #UNKNOWN} if that call ended
 * by an Error.
 *
 * <p><b>Threads.</b> Guarded by the lock of the poller.
 */
final class Watch {
  /** Epoll doesn't have the descriptor. */
  static final int NOTHING = -1;

  /** Maybe epoll has it, maybe not, and who knows what for. */
  static final int UNKNOWN = -2;

  final Descriptor descriptor;
  final long number;

  /** The keys of the maps that it is in. */
  final Integer descriptorKey;

  final Long numberKey;
  int wanted = NOTHING;

  /** The next one that is over; see {@link Taken}. */
  @Nullable Watch nextOver;

  private Poller.@Nullable Registration first;
  private Poller.@Nullable Registration last;

  Watch(Descriptor descriptor, long number) {
    this.descriptor = descriptor;
    this.number = number;
    this.descriptorKey = descriptor.heldNumber();
    this.numberKey = number;
  }

  /** Whether nobody is interested. */
  boolean isEmpty() {
    return first == null;
  }

  /** What all want together. */
  int wantedTogether() {
    int together = 0;
    for (Poller.Registration one = first; one != null; one = one.next) {
      together |= one.events;
    }
    return together;
  }

  /** Puts a registration on the list, behind the others. */
  void add(Poller.Registration registration) {
    if (last == null) {
      first = registration;
    } else {
      last.next = registration;
    }
    last = registration;
    registration.isListed = true;
  }

  /** Takes a registration off the list; false if it isn't there. */
  boolean remove(Poller.Registration registration) {
    if (!registration.isListed) {
      return false;
    }
    Poller.Registration before = null;
    for (Poller.Registration one = first; one != registration && one != null; one = one.next) {
      before = one;
    }
    unlink(registration, before);
    return true;
  }

  private void unlink(Poller.Registration registration, Poller.@Nullable Registration before) {
    if (before == null) {
      first = registration.next;
    } else {
      before.next = registration.next;
    }
    if (last == registration) {
      last = before;
    }
    registration.next = null;
    registration.isListed = false;
  }

  /** Takes those off whom some events concern, or all if the poller ends: they are told then. */
  void takeDue(int happened, boolean all, Taken to) {
    Poller.Registration before = null;
    Poller.Registration one = first;
    while (one != null) {
      Poller.Registration next = one.next;
      int concerned = happened & (one.events | Poller.FAILED);
      if (all || concerned != 0) {
        unlink(one, before);
        one.happened = concerned;
        to.add(one);
      } else {
        before = one;
      }
      one = next;
    }
  }
}

package io.github.dmabuf4j.device.linux;

import org.jspecify.annotations.Nullable;

/**
 * What was taken off its lists in one round of a poller: registrations to be told, and watches that
 * are over, whose descriptors may be closed now. Linked through them, so that adding can't fail.
 *
 * <p><b>Threads.</b> Filled under the lock of the poller by its thread, which then goes through it
 * without the lock.
 */
final class Taken {
  private Poller.@Nullable Registration firstDue;
  private Poller.@Nullable Registration lastDue;
  private @Nullable Watch firstOver;

  /** A registration that is on no list any more is to be told. */
  void add(Poller.Registration due) {
    if (lastDue == null) {
      firstDue = due;
    } else {
      lastDue.next = due;
    }
    lastDue = due;
  }

  /** A watch that epoll has let go of is over. */
  void add(Watch over) {
    over.nextOver = firstOver;
    firstOver = over;
  }

  /** Without the lock: users' code runs, and descriptors are closed. Doesn't fail. */
  void tell() {
    for (Watch over = firstOver; over != null; over = over.nextOver) {
      endHold(over.descriptor);
    }
    Poller.Registration due = firstDue;
    while (due != null) {
      Poller.Registration next = due.next; // before it can be collected
      due.next = null;
      due.run();
      due = next;
    }
  }

  private static void endHold(Descriptor descriptor) {
    try {
      descriptor.endHold();
    } catch (RuntimeException | Error e) { // the others wait to be told
      Poller.log("closing", descriptor, e);
    }
  }
}

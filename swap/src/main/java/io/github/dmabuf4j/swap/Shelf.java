package io.github.dmabuf4j.swap;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The tickets of a store.
 *
 * <p><b>Invariant.</b> A ticket is in one of the two sets from when it was stored to when it was
 * discarded: in {@code young}, the oldest first, until somebody looked whether to move it on, and
 * in {@code settled} afterwards.
 *
 * <p><b>Guard.</b> All by the monitor.
 */
final class Shelf {
  private final LinkedHashSet<StoredTicket> young = new LinkedHashSet<>();
  private final Set<StoredTicket> settled = new HashSet<>();

  synchronized void add(StoredTicket ticket) {
    young.add(ticket);
  }

  synchronized void remove(StoredTicket ticket) {
    if (!young.remove(ticket)) {
      settled.remove(ticket);
    }
  }

  /** Settles the oldest of the young, if it was stored or used so long ago; else null. */
  synchronized @Nullable StoredTicket settleOldest(long now, long age) {
    if (young.isEmpty() || now - young.getFirst().usedAt() < age) {
      return null;
    }
    StoredTicket oldest = young.removeFirst();
    settled.add(oldest);
    return oldest;
  }

  /** Makes it the oldest of the young again, unless it was discarded. */
  synchronized void putBack(StoredTicket ticket) {
    if (settled.remove(ticket)) {
      young.addFirst(ticket);
    }
  }

  /** Makes it the youngest, for it is in use; not if it was discarded. */
  synchronized void renew(StoredTicket ticket, long now) {
    if (settled.remove(ticket)) {
      ticket.usedAt(now);
      young.addLast(ticket);
    }
  }

  /** How many there are. */
  synchronized int size() {
    return young.size() + settled.size();
  }

  /** Takes all out. */
  synchronized List<StoredTicket> clear() {
    List<StoredTicket> all = new ArrayList<>(young);
    all.addAll(settled);
    young.clear();
    settled.clear();
    return all;
  }
}

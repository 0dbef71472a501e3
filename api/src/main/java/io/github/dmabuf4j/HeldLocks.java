package io.github.dmabuf4j;

import io.github.dmabuf4j.LockdepException.Rule;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * What one thread holds and waits for; exists only while the validator is on.
 *
 * <p><b>Invariant.</b> A thread is in {@code ALL} while it holds or waits for something, or runs a
 * callback. {@code entries} and {@code callbacks} are changed by the thread alone, under this
 * object's monitor, and read by others under it. {@code wait} is a new object for each wait: who
 * reads the same one twice knows that the thread was waiting all the time between.
 */
final class HeldLocks {
  private static final Map<Thread, HeldLocks> ALL = new ConcurrentHashMap<>();

  /**
   * One lock.
   *
   * @param lock the reservation, the fence to be signaled, or what else stands for it
   */
  record Entry(LockClass lockClass, @Nullable Object lock) {}

  /** One wait of a thread, told from its other waits by identity. */
  static final class Wait {
    final Object target;

    /** Whether it ends by itself where it would close a cycle of such waits. */
    final boolean backsOff;

    Wait(Object target, boolean backsOff) {
      this.target = target;
      this.backsOff = backsOff;
    }
  }

  final Thread thread = Thread.currentThread();
  private final List<Entry> entries = new ArrayList<>(4);
  private final List<String> callbacks = new ArrayList<>(0);
  private final List<ReservationClass> contexts = new ArrayList<>(1);
  private volatile @Nullable Wait wait;

  private HeldLocks() {}

  /** What the calling thread holds, to be changed. */
  static HeldLocks current() {
    return ALL.computeIfAbsent(Thread.currentThread(), thread -> new HeldLocks());
  }

  /** What the calling thread holds, or null if nothing. */
  static @Nullable HeldLocks currentOrNull() {
    return ALL.get(Thread.currentThread());
  }

  static Collection<HeldLocks> all() {
    return ALL.values();
  }

  static @Nullable HeldLocks of(Thread thread) {
    return ALL.get(thread);
  }

  void forgetIfEmpty() {
    if (entries.isEmpty() && callbacks.isEmpty() && contexts.isEmpty() && wait == null) {
      ALL.remove(thread);
    }
  }

  // ---- locks ----

  synchronized void add(LockClass lockClass, @Nullable Object lock) {
    entries.add(new Entry(lockClass, lock));
  }

  void remove(LockClass lockClass, @Nullable Object lock) {
    boolean had = removeLast(new Entry(lockClass, lock));
    forgetIfEmpty();
    if (!had) {
      throw new LockdepException(
          Rule.NOT_HELD,
          "%s is given back by %s, which doesn't have it".formatted(lockClass, thread));
    }
  }

  private synchronized boolean removeLast(Entry entry) {
    int i = entries.lastIndexOf(entry);
    if (i >= 0) {
      entries.remove(i);
    }
    return i >= 0;
  }

  /** The classes of what is held, for the thread itself. */
  List<LockClass> classes() {
    return entries.stream().map(Entry::lockClass).distinct().toList();
  }

  List<Object> locksOf(LockClass lockClass) {
    List<Object> locks = new ArrayList<>();
    for (Entry entry : snapshot()) {
      if (entry.lockClass == lockClass && entry.lock != null) {
        locks.add(entry.lock);
      }
    }
    return locks;
  }

  synchronized List<Entry> snapshot() {
    return List.copyOf(entries);
  }

  // ---- contexts ----

  boolean hasContext(ReservationClass reservationClass) {
    return contexts.contains(reservationClass);
  }

  void contextBegun(ReservationClass reservationClass) {
    contexts.add(reservationClass);
  }

  void contextEnded(ReservationClass reservationClass) {
    contexts.remove(reservationClass);
    forgetIfEmpty();
  }

  // ---- callbacks ----

  void mayBlock(String operation) {
    if (!callbacks.isEmpty()) {
      throw new LockdepException(
          Rule.BLOCKING,
          "%s inside %s, which must not block: the thread may be the one that others wait for. Hand the work to an executor"
              .formatted(operation, callbacks.getLast()));
    }
  }

  synchronized void callbackBegun(String name) {
    callbacks.add(name);
  }

  void callbackEnded() {
    synchronized (this) {
      callbacks.removeLast();
    }
    forgetIfEmpty();
  }

  /** How much the thread holds, to be compared by {@link #checkNothingLeft}. */
  int mark() {
    return entries.size() + contexts.size();
  }

  void checkNothingLeft(int mark, String body, Object subject) {
    if (mark() > mark) {
      throw new LockdepException(
          Rule.LEFT_HELD,
          "%s %s returned and left %s held%s: give them back in a finally block"
              .formatted(
                  body,
                  subject,
                  entries.stream().map(HeldLocks::inWords).toList(),
                  contexts.isEmpty() ? "" : ", and an acquire context open"));
    }
  }

  private static String inWords(Entry entry) {
    return entry.lock == null ? entry.lockClass.toString() : entry.lock.toString();
  }

  // ---- waits ----

  void waitBegun(Wait begun) {
    wait = begun;
  }

  void waitEnded() {
    wait = null;
    forgetIfEmpty();
  }

  @Nullable Wait waitsFor() {
    return wait;
  }

  @Override
  public String toString() {
    return "%s holding %s".formatted(thread, snapshot().stream().map(HeldLocks::inWords).toList());
  }
}

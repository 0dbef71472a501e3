package io.github.dmabuf4j.device.linux;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Closes the files that somebody else made or has, too, on a thread of their own: a close may sleep
 * in the kernel for as long as that somebody likes, and then holds up only what else is his (design
 * rules DV5, FN5). One object for each peer.
 *
 * <p><b>Why a close sleeps.</b> The last one of a file that an {@code epoll} watches takes the
 * {@code epoll}'s mutex, which its owner can hold while he copies events to memory that is never
 * there; that of a file in user space (FUSE) asks the program behind it, each time; that of a
 * socket with {@code SO_LINGER} waits for the other end. And a descriptor of any file can be sent.
 *
 * <p><b>The thread</b> is a daemon. It begins when there is something to close, and ends when there
 * was nothing for a while. While it works it isn't woken for each file: it looks again after a
 * millisecond, or when many wait.
 *
 * <p><b>Invariant.</b> A file that was handed over is on the list, or its number in {@code spare},
 * until the thread takes it off and closes it, once. {@code waiting} is how many aren't closed yet.
 * While {@code waiting} isn't 0, {@code thread} is there, unless none could be started: then
 * whoever calls next tries again, and a timer of the JDK does each second. While {@code waiting} is
 * above {@link #MOST_BEHIND}, {@code behindSince} is when it came to be.
 *
 * <p><b>Failures.</b> Handing a file over needs no Java heap and doesn't fail.
 *
 * <p><b>Threads.</b> Any; the lock is held for a short time, and never while a file is closed.
 *
 * <p>Source: eventpoll_release_file in fs/eventpoll.c, fuse_flush in fs/fuse/file.c, inet_release
 * in net/ipv4/af_inet.c.
 */
public final class ClosingThread {
  /** How many wait before the thread is woken early. */
  private static final int MANY = 32;

  /** How many may wait behind a close that doesn't come to an end. */
  static final int MOST_BEHIND = 64;

  /** With more than that there is less patience. */
  static final int CROWD = 256;

  private static final int CROWD_HASTE = 50;
  private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(1);
  private static final long LINGER_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(5);

  /** A file on its way here: the link of a list. */
  abstract static class Closing {
    private @Nullable Closing next;

    /** Closes it. On the thread, once. */
    abstract void closeNow();
  }

  private final String owner;
  private final long patienceNanos;
  private final ThreadFactory threads;
  private final ReentrantLock lock = new ReentrantLock();

  // Guarded by the lock.
  private final int[] spare;
  private int spareCount;
  private @Nullable Closing first;
  private @Nullable Closing last;
  private int waiting;
  private @Nullable Thread thread;
  private boolean isAsleep;
  private long behindSince; // since when more wait than may

  /**
   * Nothing to close yet, and no thread.
   *
   * @param owner whose files they are, for the thread's name
   * @param spare how many numbers can be handed over for which there is no Java heap, see {@link
   *     #tryClose}
   */
  public ClosingThread(String owner, int spare) {
    this(owner, spare, PATIENCE_NANOS);
  }

  /** The same with another time after which a close counts as stuck. */
  ClosingThread(String owner, int spare, long patienceNanos) {
    this(
        owner,
        spare,
        patienceNanos,
        Thread.ofPlatform()
            .name("dmabuf4j-closing files of " + owner)
            .daemon()
            .inheritInheritableThreadLocals(false)
            .factory());
  }

  /** The same with threads that may not be there. */
  ClosingThread(String owner, int spare, long patienceNanos, ThreadFactory threads) {
    this.owner = owner;
    this.threads = threads;
    this.spare = new int[spare];
    this.patienceNanos = patienceNanos;
  }

  // ---- handing over ----

  /** Has a file closed that is on no list. Doesn't fail. */
  void close(Closing file) {
    lock.lock();
    try {
      if (last == null) {
        first = file;
      } else {
        last.next = file;
      }
      last = file;
      count();
      wake();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Has a number closed for which there was no Java heap. Doesn't fail.
   *
   * @param fd a descriptor, this object's from now on if there is room for it
   * @return false if there isn't: it is still the caller's
   */
  public boolean tryClose(int fd) {
    lock.lock();
    try {
      if (spareCount == spare.length) {
        return false;
      }
      spare[spareCount] = fd;
      spareCount++;
      count();
      wake();
      return true;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Whether there is room for numbers: who takes no more descriptors than that from somebody before
   * asking again can always have them closed.
   *
   * @param numbers how many
   * @return false if too many wait
   */
  public boolean hasRoom(int numbers) {
    lock.lock();
    try {
      if (waiting > 0) {
        wake(); // there may have been no thread
      }
      return spare.length - spareCount >= numbers;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Whether many have waited for seconds, or very many for a moment, without getting fewer than
   * many: somebody doesn't want them closed, or only one now and then.
   *
   * @return true if nothing more should be taken from him
   */
  public boolean isStuck() {
    lock.lock();
    try {
      long patience = waiting > CROWD ? patienceNanos / CROWD_HASTE : patienceNanos;
      return waiting > MOST_BEHIND && System.nanoTime() - behindSince > patience;
    } finally {
      lock.unlock();
    }
  }

  /** How many are still open, for tests. */
  int waiting() {
    lock.lock();
    try {
      return waiting;
    } finally {
      lock.unlock();
    }
  }

  /** One more waits. Lock held. */
  private void count() {
    waiting++;
    if (waiting == MOST_BEHIND + 1) {
      behindSince = System.nanoTime();
    }
  }

  /** Sees to it that the thread looks soon. Lock held. */
  private void wake() {
    if (thread == null) {
      start();
    } else if (isAsleep || waiting >= MANY) {
      LockSupport.unpark(thread);
    }
  }

  private void start() {
    try {
      Thread fresh = threads.newThread(this::run);
      fresh.start();
      thread = fresh; // which waits for the lock
    } catch (RuntimeException | Error e) { // no Java heap, no thread
      Poller.log("starting a thread to close files of", owner, e);
      startLater();
    }
  }

  private void startLater() {
    try {
      CompletableFuture.delayedExecutor(1, TimeUnit.SECONDS, Runnable::run).execute(this::again);
    } catch (RuntimeException | Error e) {
      // Whoever calls next tries again.
    }
  }

  private void again() {
    lock.lock();
    try {
      if (waiting > 0) {
        wake();
      }
    } finally {
      lock.unlock();
    }
  }

  // ---- the thread ----

  private void run() {
    boolean isOver = false;
    while (!isOver) {
      if (!closeOne()) {
        isOver = !awaitMore();
      }
    }
  }

  /** Closes one file; false if there is none. */
  private boolean closeOne() {
    Closing file;
    int number = -1;
    lock.lock();
    try {
      if (waiting == 0) {
        return false;
      }
      file = first;
      if (file != null) {
        first = file.next;
        last = first == null ? null : last;
        file.next = null;
      } else {
        spareCount--;
        number = spare[spareCount];
      }
    } finally {
      lock.unlock();
    }
    close(file, number);
    lock.lock();
    try {
      waiting--;
    } finally {
      lock.unlock();
    }
    return true;
  }

  private void close(@Nullable Closing file, int number) {
    try {
      if (file != null) {
        file.closeNow();
      } else {
        int _ = Syscalls.close(number);
      }
    } catch (RuntimeException | Error e) { // it is closed all the same
      Poller.log("closing a file of", owner, e);
    }
  }

  /** Waits for more; false if the thread ends. */
  private boolean awaitMore() {
    LockSupport.parkNanos(PAUSE_NANOS); // what comes meanwhile need wake nobody
    if (!fallAsleep()) {
      return true;
    }
    LockSupport.parkNanos(LINGER_NANOS);
    lock.lock();
    try {
      isAsleep = false;
      if (waiting == 0) {
        thread = null;
      }
      return waiting > 0;
    } finally {
      lock.unlock();
    }
  }

  private boolean fallAsleep() {
    lock.lock();
    try {
      isAsleep = waiting == 0;
      return isAsleep;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public String toString() {
    return "what closes files of " + owner;
  }
}

package io.github.dmabuf4j.swap;

import java.util.BitSet;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Which pages of a file are taken. Next fit: what is stored one after the other lies one after the
 * other, and what was freed just now isn't written over at once.
 *
 * <p><b>Invariant.</b> {@code free} is the number of pages not in {@code used}. If {@code tooLong}
 * isn't more than the pages there are, no run of so many free ones exists.
 *
 * <p><b>Guard.</b> All by {@code lock}, which is held without any input or output.
 */
final class FileExtents {
  private final ReentrantLock lock = new ReentrantLock();
  private final BitSet used;
  private final int pages;
  private int free;
  private int next;
  private int tooLong;

  /**
   * Creates a file full of free pages.
   *
   * @param pages how many
   */
  FileExtents(int pages) {
    this.pages = pages;
    this.used = new BitSet(pages);
    this.free = pages;
    this.tooLong = pages + 1;
  }

  /**
   * Takes a run of pages.
   *
   * @param count how many, at least 1
   * @return the first one, or -1 if there is no such run
   */
  int take(int count) {
    lock.lock();
    try {
      if (count > free || count >= tooLong) {
        return -1;
      }
      int start = find(count, next, pages);
      if (start < 0) {
        start = find(count, 0, Math.min(pages, next + count - 1));
      }
      if (start < 0) {
        tooLong = count;
        return -1;
      }
      used.set(start, start + count);
      free -= count;
      next = start + count == pages ? 0 : start + count;
      return start;
    } finally {
      lock.unlock();
    }
  }

  private int find(int count, int from, int to) {
    int start = used.nextClearBit(from);
    while (start + count <= to) {
      int blocked = used.nextSetBit(start);
      if (blocked < 0 || blocked >= start + count) {
        return start;
      }
      start = used.nextClearBit(blocked);
    }
    return -1;
  }

  /** Gives a run back that was taken. */
  void give(int start, int count) {
    lock.lock();
    try {
      used.clear(start, start + count);
      free += count;
      tooLong = pages + 1;
    } finally {
      lock.unlock();
    }
  }

  /** How many pages are free. */
  int free() {
    lock.lock();
    try {
      return free;
    } finally {
      lock.unlock();
    }
  }
}

package io.github.dmabuf4j.device;

import org.jspecify.annotations.Nullable;

/**
 * Files in a row, linked through themselves: moving one needs no Java heap, so it can't fail
 * halfway.
 *
 * <p><b>Invariant.</b> A file is on at most one list, and {@code DeviceBuffer.list} says on which.
 * {@code count} and {@code bytes} are those of the files here. A call that finds a file where it
 * shouldn't be is refused before anything has changed.
 *
 * <p><b>Threads.</b> Guarded by the lock of the pool. One that a single thread has filled and that
 * nobody else knows is that thread's alone.
 */
final class FileList {
  private @Nullable DeviceBuffer first;
  private @Nullable DeviceBuffer last;
  private int count;
  private long bytes;

  /** How many files are here. */
  int count() {
    return count;
  }

  /** How many bytes they have together. */
  long bytes() {
    return bytes;
  }

  /** Whether there is none. */
  boolean isEmpty() {
    return first == null;
  }

  /** The first one, or null. */
  @Nullable DeviceBuffer first() {
    return first;
  }

  /** The last one, or null. */
  @Nullable DeviceBuffer last() {
    return last;
  }

  /** Whether a file is here. */
  boolean has(DeviceBuffer file) {
    return file.list == this;
  }

  /**
   * Puts a file that is on no list before all others.
   *
   * @throws IllegalStateException if it is on a list
   */
  void addFirst(DeviceBuffer file) {
    begin(file);
    DeviceBuffer next = first;
    file.next = next;
    first = file;
    if (next == null) {
      last = file;
    } else {
      next.previous = file;
    }
  }

  /**
   * Puts a file that is on no list behind all others.
   *
   * @throws IllegalStateException if it is on a list
   */
  void addLast(DeviceBuffer file) {
    begin(file);
    DeviceBuffer before = last;
    file.previous = before;
    last = file;
    if (before == null) {
      first = file;
    } else {
      before.next = file;
    }
  }

  private void begin(DeviceBuffer file) {
    if (file.list != null) {
      throw new IllegalStateException(file + " is on a list: it can't be put on another one");
    }
    file.list = this;
    count++;
    bytes += file.bytes;
  }

  /**
   * Takes a file off that is here.
   *
   * @throws IllegalStateException if it isn't
   */
  void remove(DeviceBuffer file) {
    if (file.list != this) {
      throw new IllegalStateException(file + " isn't on this list: it was taken off already");
    }
    DeviceBuffer before = file.previous;
    DeviceBuffer behind = file.next;
    if (before == null) {
      first = behind;
    } else {
      before.next = behind;
    }
    if (behind == null) {
      last = before;
    } else {
      behind.previous = before;
    }
    file.previous = null;
    file.next = null;
    file.list = null;
    count--;
    bytes -= file.bytes;
  }

  /** Takes the first one off; null if there is none. */
  @Nullable DeviceBuffer takeFirst() {
    DeviceBuffer file = first;
    if (file != null) {
      remove(file);
    }
    return file;
  }

  /** Takes the last one off; null if there is none. */
  @Nullable DeviceBuffer takeLast() {
    DeviceBuffer file = last;
    if (file != null) {
      remove(file);
    }
    return file;
  }
}

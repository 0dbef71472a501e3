package io.github.dmabuf4j.device;

/**
 * What an allocation has of a pool before its buffers begin.
 *
 * <p><b>Invariant.</b> {@code files} were idle, the first {@code hits} of them, or were made for
 * this. {@code missing} more are charged to the account of the pool and weren't made yet. The
 * allocating thread gives each file an owner, or puts all that is left back, whatever fails.
 *
 * <p><b>Threads.</b> Filled with the lock of the pool, and then the allocating thread's alone.
 */
final class Grant {
  /** The size of a file that is to be made. Those that were idle may be a little larger. */
  final long fileBytes;

  final FileList files = new FileList();
  int hits;
  int missing;

  Grant(long fileBytes) {
    this.fileBytes = fileBytes;
  }

  /** A file that is charged was made. */
  void made(DeviceBuffer file) {
    files.addLast(file);
    missing--;
  }

  /** Whether there is nothing left to put back. */
  boolean isEmpty() {
    return files.isEmpty() && missing == 0;
  }
}

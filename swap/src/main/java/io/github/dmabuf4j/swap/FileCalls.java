package io.github.dmabuf4j.swap;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * What is asked of the operating system about the file. As system calls do, each returns its result
 * or the negative error number. An interrupt of the thread changes nothing.
 */
interface FileCalls {
  /** Those of Linux. */
  FileCalls LINUX = new LinuxFiles();

  /** Opens a new file without a name, for reading and writing: its descriptor. */
  int openUnnamed(Path directory);

  /** Takes room on the disk for the file's first bytes. */
  int allocate(int descriptor, long bytes);

  /** Reads: how many bytes, 0 at the end of the file. */
  long read(int descriptor, MemorySegment target, long offset);

  /** Writes: how many bytes. */
  long write(int descriptor, MemorySegment source, long offset);

  /** Closes the file, which is gone then. */
  int close(int descriptor);
}

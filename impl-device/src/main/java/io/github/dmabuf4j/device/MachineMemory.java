package io.github.dmabuf4j.device;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;

/**
 * How much memory the machine has. Where a buffer wants more than all of it, Linux doesn't refuse:
 * it looks for pages until it has to kill a process. So it isn't asked.
 *
 * <p>Source: proc_meminfo(5); drivers/dma-buf/heaps/system_heap.c, mm/shmem.c.
 */
final class MachineMemory {
  private static final Path MEMINFO = Path.of("/proc/meminfo");

  /** The unit there. */
  private static final long BYTES_OF_ONE = 1024;

  private MachineMemory() {}

  /**
   * The largest file whose pages can't be swapped out.
   *
   * @param pageSize the unit of files, in bytes
   */
  static BufferFiles.Largest unswappable(long pageSize) {
    return largest(Set.of("MemTotal"), pageSize, "that is all memory of this machine");
  }

  /**
   * The largest file whose pages can.
   *
   * @param pageSize the unit of files, in bytes
   */
  static BufferFiles.Largest swappable(long pageSize) {
    return largest(
        Set.of("MemTotal", "SwapTotal"),
        pageSize,
        "that is all memory and swap space of this machine");
  }

  private static BufferFiles.Largest largest(Set<String> fields, long pageSize, String knob) {
    long bytes = sum(fields);
    return bytes == 0
        ? new BufferFiles.Largest(Long.MAX_VALUE & -pageSize, "the largest file of Linux")
        : new BufferFiles.Largest(bytes & -pageSize, knob + ": ask for less");
  }

  /** In bytes; 0 if the kernel doesn't say. */
  private static long sum(Set<String> fields) {
    try {
      return Files.readAllLines(MEMINFO).stream()
          .map(line -> line.split("[: ]+"))
          .filter(words -> words.length > 1 && fields.contains(words[0]))
          .mapToLong(words -> Long.parseLong(words[1]) * BYTES_OF_ONE)
          .sum();
    } catch (IOException | NumberFormatException e) {
      return 0; // a sandbox: the kernel will say so itself, in its way
    }
  }
}

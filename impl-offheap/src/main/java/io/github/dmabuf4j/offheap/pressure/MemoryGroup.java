package io.github.dmabuf4j.offheap.pressure;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * One cgroup, and how near it is to its limit.
 *
 * <p>How often a limit was hit counts only while what is in use is high without inactive file
 * cache: a process that reads large files hits its limit all the time, and the kernel has enough to
 * drop. A counter that went back, with a group that was made anew, begins there.
 *
 * <p><b>Invariant.</b> {@code events} is the counter at the last look that could read it.
 *
 * <p><b>Threads.</b> One at a time.
 */
final class MemoryGroup {
  /** Of a line at most, so that a sum of them is a long. */
  private static final long MOST_EVENTS = Long.MAX_VALUE >> 4;

  private final Path folder;
  private final GroupKind kind;
  private final KernelFile eventFile;
  private final UsageLevel level = new UsageLevel();
  private long events = Long.MAX_VALUE; // nothing is new at the first look

  /**
   * A group.
   *
   * @param own whether it is the process's own, and not one above
   */
  MemoryGroup(Path folder, GroupKind kind, boolean own) {
    this.folder = folder;
    this.kind = kind;
    this.eventFile = new KernelFile(folder.resolve(own ? kind.events : kind.localEvents));
  }

  Path folder() {
    return folder;
  }

  /**
   * Looks.
   *
   * @return whether it has come near its limit, or has hit it again, since the last look
   * @throws IOException if a file can't be read, or has no number: names it
   */
  boolean look(long nowNanos) throws IOException {
    long limit = limit();
    if (limit == 0 || limit == Long.MAX_VALUE) {
      return false;
    }
    boolean hit = hasBeenHit();
    boolean rises = level.rises(inUse(limit), limit, nowNanos);
    return rises || (hit && level.isHigh());
  }

  private long limit() throws IOException {
    long limit = Long.MAX_VALUE;
    for (String file : kind.limits()) {
      limit = Math.min(limit, number(file));
    }
    return limit;
  }

  /** What is in use; what the kernel can drop is taken off where it matters. */
  private long inUse(long limit) throws IOException {
    long usage = number(kind.usage);
    return usage < limit / 2 ? usage : usage - Math.min(usage, inactiveFile());
  }

  private long inactiveFile() {
    try {
      return new KernelFile(folder.resolve("memory.stat")).number(kind.inactiveFile, "");
    } catch (IOException e) {
      return 0; // some kernels in containers don't tell
    }
  }

  private boolean hasBeenHit() throws IOException {
    long before = events;
    events = countEvents();
    return events > before;
  }

  /** How often limits were hit; 0 where the kernel is too old to tell. */
  private long countEvents() throws IOException {
    if (!Files.exists(eventFile.path())) {
      return 0;
    }
    if (kind.eventLines().isEmpty()) {
      return eventFile.number();
    }
    long sum = 0;
    for (String line : kind.eventLines()) {
      sum += Math.min(MOST_EVENTS, eventFile.number(line, ""));
    }
    return sum;
  }

  private long number(String file) throws IOException {
    return new KernelFile(folder.resolve(file)).number();
  }
}

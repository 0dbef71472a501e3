package io.github.dmabuf4j.offheap.pressure;

/**
 * Somewhere that memory pressure shows.
 *
 * <p><b>Threads.</b> One at a time: that of the {@link PressureWatch}, or who asks for a report.
 */
public sealed interface PressureSource extends AutoCloseable
    permits StallSource, GroupSource, DirectMemorySource, RefusedSource {
  /** What it is: {@code PSI}, {@code cgroup v2}, {@code cgroup v1}, {@code direct memory}. */
  String name();

  /** Where it reads, and how: for reports. */
  String where();

  /** Why it can't be used here, in one line; empty if it can. */
  default String refusal() {
    return "";
  }

  /**
   * Whether there is pressure that has not been told of yet: it began, or went on, since the last
   * look. What can't be read any more has none. Never fails.
   */
  boolean isPressing();

  /** Lets go of what it has open. */
  @Override
  default void close() {}
}

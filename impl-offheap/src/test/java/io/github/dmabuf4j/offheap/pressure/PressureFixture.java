package io.github.dmabuf4j.offheap.pressure;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

/** A root with files as the kernel has them, and a clock that stands still unless it is moved. */
public final class PressureFixture {
  static final String STALLS = "proc/pressure/memory";
  static final String CGROUP = "proc/self/cgroup";
  static final String MOUNT = "sys/fs/cgroup/";

  /** Calls that must not be needed. */
  static final Supplier<TriggerCalls> NO_CALLS =
      () -> {
        throw new AssertionError("no system call is wanted");
      };

  final Path root;
  final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 5); // it overflows at once

  /** In an empty folder. */
  public PressureFixture(Path root) {
    this.root = root;
  }

  /** Writes a file, at once as a whole. */
  public PressureFixture write(String file, String text) {
    try {
      Path target = root.resolve(file);
      Files.createDirectories(target.getParent());
      Path written = Files.writeString(root.resolve("written"), text + "\n");
      Files.move(written, target, StandardCopyOption.ATOMIC_MOVE);
      return this;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Writes pressure stall information. */
  public PressureFixture stalls(long totalMicros) {
    return write(STALLS, stallText(totalMicros));
  }

  static String stallText(long totalMicros) {
    return """
    some avg10=1.23 avg60=0.00 avg300=0.00 total=%d
    full avg10=0.00 avg60=0.00 avg300=0.00 total=1\
    """
        .formatted(totalMicros);
  }

  /** A group of version 2 that the process is in. */
  PressureFixture group2(String group, String current, String high, String max) {
    write(CGROUP, "0::/" + group);
    write(MOUNT + "cgroup.controllers", "memory");
    return limits2(MOUNT + group + "/", current, high, max);
  }

  PressureFixture limits2(String folder, String current, String high, String max) {
    return write(folder + "memory.current", current)
        .write(folder + "memory.high", high)
        .write(folder + "memory.max", max);
  }

  PressureFixture events2(String folder, long high, long max) {
    return write(
        folder + "memory.events",
        "low 0\nhigh %d\nmax %d\noom 0\noom_kill 0\noom_group_kill 0".formatted(high, max));
  }

  /** A group of version 1 that the process is in. */
  PressureFixture group1(String group, String usage, String limit) {
    write(CGROUP, "9:name=systemd:/\n4:cpu,memory:/%s\n0::/".formatted(group));
    String folder = MOUNT + "memory/" + group + "/";
    return write(folder + "memory.usage_in_bytes", usage)
        .write(folder + "memory.limit_in_bytes", limit);
  }

  void passSeconds(long seconds) {
    nanos.addAndGet(TimeUnit.SECONDS.toNanos(seconds));
  }

  PressureSource open(GroupKind kind) {
    return GroupSource.open(root, kind, nanos::get);
  }

  PressureSources open() {
    return PressureSources.open(root, nanos::get);
  }

  /** Looks all the time. */
  public PressureWatch watch() {
    return new PressureWatch(
        () -> PressureSources.open(root, System::nanoTime), TimeUnit.MILLISECONDS.toNanos(1));
  }

  /** A source that isn't the JVM's. */
  public static PressureSource anySource() {
    return new RefusedSource("a test", "");
  }

  /** The JVM's. */
  public static PressureSource directMemory() {
    return new DirectMemorySource(() -> 0, 100, System::nanoTime);
  }
}

package io.github.dmabuf4j.offheap.pressure;

import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * All sources of this process, usable or not.
 *
 * <p><b>Threads.</b> One at a time, as each source.
 */
public final class PressureSources implements AutoCloseable {
  /**
   * The system property with the folder below which the kernel's files are looked for, {@code
   * proc/pressure/memory}, {@code proc/self/cgroup} and {@code sys/fs/cgroup}: for tests, and for
   * containers that have the machine's own elsewhere. By default {@code /}. Read when the first
   * heap is opened, after a time without any.
   */
  static final String ROOT_PROPERTY = "dmabuf4j.offheap.pressure.root";

  private static final System.Logger LOG = System.getLogger(PressureSources.class.getName());

  private final List<PressureSource> sources;

  PressureSources(List<PressureSource> sources) {
    this.sources = List.copyOf(sources);
  }

  /** Opens those of this process. The caller closes them. */
  public static PressureSources open() {
    return open(root(), System::nanoTime);
  }

  /** Opens those below a folder, with a clock. */
  static PressureSources open(Path root, LongSupplier clock) {
    return new PressureSources(
        List.of(
            StallSource.open(stallFiles(root), TriggerCalls::linux, clock),
            GroupSource.open(root, GroupKind.V2, clock),
            GroupSource.open(root, GroupKind.V1, clock),
            DirectMemorySource.open(clock)));
  }

  private static Path root() {
    String text = System.getProperty(ROOT_PROPERTY, "/");
    try {
      return Path.of(text);
    } catch (InvalidPathException e) {
      LOG.log(Level.WARNING, "-D{0} is passed by: {1}", ROOT_PROPERTY, e.getMessage());
      return Path.of("/");
    }
  }

  /** That of the process's own group, if it has one, and that of the machine. */
  private static List<Path> stallFiles(Path root) {
    List<Path> files = new ArrayList<>();
    try {
      Path ofGroup = MemoryGroups.find(root, GroupKind.V2).getFirst().resolve("memory.pressure");
      if (Files.exists(ofGroup)) {
        files.add(ofGroup);
      }
    } catch (IOException e) {
      LOG.log(Level.DEBUG, "no cgroup to look for stalls in", e);
    }
    files.add(root.resolve("proc/pressure/memory"));
    return files;
  }

  /**
   * Waits until a trigger fires, but no longer than that. A signal or an interrupt may end it
   * early.
   */
  void await(long nanos) {
    for (PressureSource source : sources) {
      if (source instanceof StallSource stalls && stalls.canAwait()) {
        stalls.await(nanos);
        return;
      }
    }
    boolean _ = Thread.interrupted(); // or there would be no wait
    LockSupport.parkNanos(this, nanos);
  }

  /** Those where there is pressure that was not told of yet. */
  List<PressureSource> pressing() {
    return sources.stream().filter(PressureSource::isPressing).toList();
  }

  /** What is heeded, and what isn't and why: one line, for reports. */
  public String summary() {
    Stream<String> heeded =
        sources.stream()
            .filter(source -> source.refusal().isEmpty())
            .map(source -> source.name() + " " + source.where());
    Stream<String> refused =
        sources.stream()
            .filter(source -> !source.refusal().isEmpty())
            .map(source -> "not %s (%s)".formatted(source.name(), source.refusal()));
    return Stream.concat(heeded, refused)
        .collect(Collectors.joining(", ", "memory pressure: ", ""));
  }

  @Override
  public void close() {
    sources.forEach(PressureSource::close);
  }
}

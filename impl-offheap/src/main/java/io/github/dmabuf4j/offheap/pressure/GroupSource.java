package io.github.dmabuf4j.offheap.pressure;

import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.function.LongSupplier;
import java.util.stream.IntStream;

/**
 * The limits of the process's cgroup, and of those above it that can be seen: whichever is reached
 * first.
 *
 * <p><b>Threads.</b> One at a time.
 */
public final class GroupSource implements PressureSource {
  private static final System.Logger LOG = System.getLogger(GroupSource.class.getName());

  private final GroupKind kind;
  private final List<MemoryGroup> groups;
  private final LongSupplier clock;

  private GroupSource(GroupKind kind, List<MemoryGroup> groups, LongSupplier clock) {
    this.kind = kind;
    this.groups = groups;
    this.clock = clock;
  }

  /**
   * Looks for the groups, and reads each once.
   *
   * @param root below which {@code proc} and {@code sys} are
   */
  static PressureSource open(Path root, GroupKind kind, LongSupplier clock) {
    try {
      List<Path> visible = MemoryGroups.find(root, kind);
      List<MemoryGroup> groups =
          IntStream.range(0, visible.size())
              .filter(i -> Files.exists(visible.get(i).resolve(kind.usage)))
              .mapToObj(i -> new MemoryGroup(visible.get(i), kind, i == 0))
              .toList();
      if (groups.isEmpty()) {
        throw new IOException(
            "%s is the root group, or memory isn't controlled there".formatted(visible.getFirst()));
      }
      for (MemoryGroup group : groups) {
        boolean _ = group.look(clock.getAsLong());
      }
      return new GroupSource(kind, groups, clock);
    } catch (IOException e) {
      return new RefusedSource(
          kind.label, Objects.requireNonNullElse(e.getMessage(), "it can't be read"));
    }
  }

  @Override
  public String name() {
    return kind.label;
  }

  @Override
  public String where() {
    return groups.getFirst().folder().toString();
  }

  @Override
  public boolean isPressing() {
    boolean pressing = false;
    for (MemoryGroup group : groups) {
      try {
        pressing |= group.look(clock.getAsLong());
      } catch (IOException e) { // it was moved, or removed
        LOG.log(Level.DEBUG, "a cgroup can't be read now", e);
      }
    }
    return pressing;
  }
}

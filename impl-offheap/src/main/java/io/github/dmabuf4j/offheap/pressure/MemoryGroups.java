package io.github.dmabuf4j.offheap.pressure;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Where the cgroups of this process are, below a root.
 *
 * <p>The kernel tells the path of a group as the process's namespace sees it, and the mount may
 * begin elsewhere: at the group itself, in a container. So the path is looked for below the mount,
 * then without its first parts; what is left in the end is the mount itself, which is as near as
 * one can see. Without a mount, or a line for it, there are no groups.
 *
 * <p><b>Threads.</b> Any; there is no state. A process that is moved to another group later isn't
 * followed.
 *
 * <p>Source: Documentation/admin-guide/cgroup-v2.rst, proc_cgroup_show in kernel/cgroup/cgroup.c.
 */
final class MemoryGroups {
  private MemoryGroups() {}

  /**
   * The process's own group, and those above it as far as they are visible, from the inside out.
   *
   * @param root below which {@code proc} and {@code sys} are
   * @throws IOException if there are none: the message says why
   */
  static List<Path> find(Path root, GroupKind kind) throws IOException {
    Path mount = mount(root, kind);
    Path own = visible(mount, path(root, kind));
    List<Path> groups = new ArrayList<>();
    for (Path group = own; group != null && group.startsWith(mount); group = group.getParent()) {
      groups.add(group);
    }
    return groups;
  }

  private static Path mount(Path root, GroupKind kind) throws IOException {
    Path all = root.resolve("sys/fs/cgroup");
    if (kind == GroupKind.V1) {
      Path memory = all.resolve("memory");
      require(Files.isDirectory(memory), memory);
      return memory;
    }
    Path beside = all.resolve("unified");
    if (isOfVersion2(all)) {
      return all;
    }
    require(isOfVersion2(beside), all);
    return beside;
  }

  /** Every group of version 2 has this file. */
  private static boolean isOfVersion2(Path group) {
    return Files.exists(group.resolve("cgroup.controllers"));
  }

  private static void require(boolean there, Path mount) throws IOException {
    if (!there) {
      throw new IOException("no such mount at " + mount);
    }
  }

  /** The path of the process's group, which begins with a slash. */
  private static String path(Path root, GroupKind kind) throws IOException {
    KernelFile file = new KernelFile(root.resolve("proc/self/cgroup"));
    for (String line : file.lines()) {
      String[] parts = line.split(":", 3);
      if (parts.length == 3 && isOf(kind, parts)) {
        return parts[2];
      }
    }
    throw new IOException(file.path() + " names no group of it");
  }

  /** A line is {@code NUMBER:CONTROLLERS:PATH}; version 2 has the number 0 and no controllers. */
  private static boolean isOf(GroupKind kind, String[] parts) {
    return kind == GroupKind.V2
        ? parts[0].equals("0") && parts[1].isEmpty()
        : List.of(parts[1].split(",", -1)).contains("memory");
  }

  private static Path visible(Path mount, String path) {
    List<String> parts = Arrays.stream(path.split("/", -1)).filter(p -> !p.isEmpty()).toList();
    if (parts.contains("..")) {
      return mount; // outside of the namespace
    }
    for (int first = 0; first < parts.size(); first++) {
      Path group = mount.resolve(String.join("/", parts.subList(first, parts.size())));
      if (Files.isDirectory(group)) {
        return group;
      }
    }
    return mount;
  }
}

package io.github.dmabuf4j.examples;

import com.sun.management.HotSpotDiagnosticMXBean;
import io.github.dmabuf4j.ByteSize;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What bounds the memory of this process. What a platform doesn't tell is left out. */
final class Limits {
  private static final Path PROCESS = Path.of("/proc/self/limits");
  private static final List<String> OF_INTEREST = List.of("Max open files", "Max locked memory");
  private static final Path GROUP = Path.of("/proc/self/cgroup");
  private static final Path GROUPS = Path.of("/sys/fs/cgroup");

  /** cgroup v1 has no word for it: the largest multiple of a page. */
  private static final long NO_LIMIT = Long.MAX_VALUE >> 13 << 13;

  private Limits() {}

  /** Name and value of each limit, in the order in which to print them. */
  static Map<String, String> all() {
    Map<String, String> limits = new LinkedHashMap<>();
    limits.put("Java heap", ByteSize.format(Runtime.getRuntime().maxMemory()));
    limits.put("direct buffers", directBuffers());
    for (String line : lines(PROCESS)) {
      OF_INTEREST.stream()
          .filter(line::startsWith)
          .forEach(name -> limits.put(name.replace("Max ", ""), processLimit(name, line)));
    }
    String group = group();
    if (!group.isEmpty()) {
      limits.put("cgroup memory", group);
    }
    return limits;
  }

  private static String directBuffers() {
    HotSpotDiagnosticMXBean machine =
        ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class);
    long bytes = Long.parseLong(machine.getVMOption("MaxDirectMemorySize").getValue());
    return bytes == 0 ? "as the Java heap" : ByteSize.format(bytes);
  }

  /** For example {@code Max open files 1024 524288 files}. */
  private static String processLimit(String name, String line) {
    String[] values = line.substring(name.length()).strip().split("\\s+", -1);
    String unit = values.length > 2 && values[2].equals("bytes") ? " B" : "";
    return "%s%s, at most %s%s".formatted(values[0], unit, values[1], unit);
  }

  /** The nearest limit from our own group upwards, empty if there are no groups. */
  private static String group() {
    for (String line : lines(GROUP)) {
      String[] parts = line.split(":", 3);
      if (parts.length == 3 && parts[0].equals("0") && Files.exists(GROUPS.resolve("memory.max"))) {
        return nearest(GROUPS, parts[2], "memory.max");
      } else if (parts.length == 3 && List.of(parts[1].split(",")).contains("memory")) {
        return nearest(GROUPS.resolve("memory"), parts[2], "memory.limit_in_bytes");
      }
    }
    return lines(GROUPS.resolve("memory.max")).isEmpty() ? "" : nearest(GROUPS, "/", "memory.max");
  }

  private static String nearest(Path root, String group, String file) {
    Path folder = root.resolve(group.substring(1)).normalize();
    while (folder != null && folder.startsWith(root)) {
      for (String line : lines(folder.resolve(file))) {
        if (!line.equals("max") && Long.parseLong(line) < NO_LIMIT) {
          return ByteSize.format(Long.parseLong(line));
        }
      }
      folder = folder.getParent();
    }
    return "none";
  }

  private static List<String> lines(Path file) {
    try {
      return Files.exists(file) ? Files.readAllLines(file) : List.of();
    } catch (IOException e) {
      return List.of(); // not for us to read
    }
  }
}

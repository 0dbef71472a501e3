package io.github.dmabuf4j.device;

import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the kernel itself counts: the system calls that a thread makes, from the tracepoint {@code
 * raw_syscalls:sys_enter}, in a ring buffer of our own. Calls that no code makes by chance mark
 * where the counted part begins and ends.
 *
 * <p>Source: Documentation/trace/events.rst.
 */
final class KernelTrace implements AutoCloseable {
  private static final Path INSTANCE =
      Path.of("/sys/kernel/debug/tracing/instances", "dmabuf4j-" + ProcessHandle.current().pid());
  private static final Pattern ENTRY = Pattern.compile("sys_enter: NR (-?\\d+) \\(([^)]*)\\)");
  private static final long BEGIN = 0x6d61726b31L;
  private static final long END = 0x6d61726b32L;
  private static final int LSEEK = 8; // on x86-64

  /** Names of calls, by their numbers on x86-64. */
  private static final Map<Integer, String> NAMES =
      Map.ofEntries(
          Map.entry(3, "close"),
          Map.entry(7, "poll"),
          Map.entry(9, "mmap"),
          Map.entry(10, "mprotect"),
          Map.entry(11, "munmap"),
          Map.entry(16, "ioctl"),
          Map.entry(24, "sched_yield"),
          Map.entry(28, "madvise"),
          Map.entry(72, "fcntl"),
          Map.entry(186, "gettid"),
          Map.entry(202, "futex"),
          Map.entry(302, "prlimit64"));

  /** The calling thread's. */
  KernelTrace() throws IOException {
    Files.createDirectories(INSTANCE);
    write("tracing_on", "0");
    write("buffer_size_kb", "4096");
    String thread = Files.readSymbolicLink(Path.of("/proc/thread-self")).getFileName().toString();
    write("set_event_pid", thread);
    write("events/raw_syscalls/sys_enter/enable", "1");
  }

  private static void write(String file, String text) throws IOException {
    Files.writeString(INSTANCE.resolve(file), text, StandardOpenOption.WRITE);
  }

  /** How often each system call was made by something, by its name, or its number. Called once. */
  Map<String, Integer> count(Runnable something) throws IOException {
    write("tracing_on", "1");
    mark(BEGIN);
    something.run();
    mark(END);
    write("tracing_on", "0"); // or reading the trace would go on to add to it
    return read(Files.readAllLines(INSTANCE.resolve("trace")));
  }

  private static void mark(long which) {
    long _ = Syscalls.lseek(-1, which, linux_h.SEEK_END());
  }

  private static Map<String, Integer> read(List<String> lines) {
    Map<String, Integer> counted = new TreeMap<>();
    boolean counting = false;
    for (String line : lines) {
      Matcher entry = ENTRY.matcher(line);
      if (entry.find()) {
        int number = Integer.parseInt(entry.group(1));
        if (isMark(number, entry.group(2), END)) {
          return counted;
        }
        if (counting) {
          counted.merge(NAMES.getOrDefault(number, Integer.toString(number)), 1, Integer::sum);
        }
        counting |= isMark(number, entry.group(2), BEGIN);
      }
    }
    throw new AssertionError("the marks are not in the trace: " + lines);
  }

  private static boolean isMark(int number, String arguments, long which) {
    return number == LSEEK && arguments.contains(Long.toHexString(which));
  }

  @Override
  public void close() throws IOException {
    write("events/raw_syscalls/sys_enter/enable", "0");
    Files.delete(INSTANCE);
  }
}

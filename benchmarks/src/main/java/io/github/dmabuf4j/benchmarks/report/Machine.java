package io.github.dmabuf4j.benchmarks.report;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Where it was measured. What can't be found out is empty, 0 or null.
 *
 * @param processor the model's name
 * @param cores processors that the JVM may use
 * @param memoryBytes of the machine, or of the container if that has a limit
 * @param system operating system and kernel
 * @param architecture such as {@code amd64}
 * @param jvm name and version
 * @param arguments with which the JVM was started, and so its forks
 * @param isVirtual whether a hypervisor is below the system
 * @param governor what sets the processor's clock, such as {@code powersave}
 * @param load the load average over a minute when the run began; null if the system has none
 */
public record Machine(
    String processor,
    int cores,
    long memoryBytes,
    String system,
    String architecture,
    String jvm,
    List<String> arguments,
    boolean isVirtual,
    String governor,
    @Nullable Double load) {
  private static final Path PROCESSOR = Path.of("/proc/cpuinfo");
  private static final Path GOVERNOR =
      Path.of("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");

  /** Copies the arguments. */
  public Machine {
    arguments = List.copyOf(arguments);
  }

  /** This one, now. */
  public static Machine read() {
    String processor = firstText(PROCESSOR);
    var system = ManagementFactory.getOperatingSystemMXBean();
    double load = system.getSystemLoadAverage();
    long memory =
        system instanceof com.sun.management.OperatingSystemMXBean bean
            ? bean.getTotalMemorySize()
            : 0;
    return new Machine(
        value(processor, "model name"),
        system.getAvailableProcessors(),
        memory,
        property("os.name") + " " + property("os.version"),
        property("os.arch"),
        property("java.vm.name") + " " + property("java.vm.version"),
        ManagementFactory.getRuntimeMXBean().getInputArguments(),
        Stream.of(value(processor, "flags").split(" ")).anyMatch("hypervisor"::equals),
        firstText(GOVERNOR).strip(),
        load < 0 ? null : load);
  }

  private static String property(String name) {
    return System.getProperty(name, "");
  }

  /** What a file begins with, up to an empty line; empty if there is no such file. */
  private static String firstText(Path file) {
    try {
      return Files.readString(file).split("\n\n", 2)[0];
    } catch (IOException e) {
      return "";
    }
  }

  private static String value(String text, String name) {
    return text.lines()
        .filter(line -> line.startsWith(name))
        .map(line -> line.substring(line.indexOf(':') + 1).strip())
        .findFirst()
        .orElse("");
  }

  /** What here makes figures doubtful: a line each. */
  List<String> warnings() {
    List<String> warnings = new ArrayList<>();
    if (load != null && load > cores * 0.25) {
      warnings.add(
          String.format(
              Locale.ROOT,
              "The machine wasn't idle: the load average was %.1f on %d cores when the run began.",
              load,
              cores));
    }
    if (isVirtual) {
      warnings.add("This is a virtual machine: its neighbours may take time from it.");
    }
    if (!governor.isEmpty() && !governor.equals("performance")) {
      warnings.add("The processor's clock is set by the governor " + governor + ".");
    }
    return warnings;
  }

  /** The memory, for people. */
  String memory() {
    return String.format(Locale.ROOT, "%.1f GiB", memoryBytes / (double) (1L << 30));
  }
}

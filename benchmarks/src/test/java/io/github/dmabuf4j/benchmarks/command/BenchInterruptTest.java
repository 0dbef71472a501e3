package io.github.dmabuf4j.benchmarks.command;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.BufferedReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** An interrupted run reports what it measured, and its forks end with it. */
@EnabledOnOs(OS.LINUX)
@Timeout(120)
final class BenchInterruptTest {
  private static final long SECONDS = 60;

  /** A fork that would go on for an hour, after one that is done at once. */
  private static final String FOREVER = "3600s";

  @TempDir private Path folder;

  @ParameterizedTest
  @CsvSource({"INT, 130", "TERM, 143"})
  void signal_leavesATruncatedReport_andNoFork(String signal, int status) throws Exception {
    assumeThat(isIgnored(2)).as("this process ignores SIGINT, and so would its child").isFalse();
    List<String> arguments = new ArrayList<>(BenchRun.TINY);
    arguments.addAll(List.of("Baseline", "Reservation"));
    Process bench = start(arguments);
    try {
      String first = awaitLine(bench, "1 of \\d+: .*");
      List<ProcessHandle> forks = awaitFork(bench);
      kill(bench, signal);
      assertThat(bench.waitFor(SECONDS, TimeUnit.SECONDS)).isTrue();

      assertThat(bench.exitValue()).isEqualTo(status);
      assertThat(forks).noneMatch(ProcessHandle::isAlive);
      JsonNode json = JsonMapper.shared().readTree(folder.resolve("report.json"));
      assertThat(json.get("isTruncated").asBoolean()).isTrue();
      assertThat(json.get("failures").isEmpty()).isTrue();
      JsonNode trial = json.at("/measurements/0/trial");
      assertThat(first).contains("." + trial.get("method").asString() + " ");
      assertThat(Files.readString(folder.resolve("report.html"))).contains("Truncated.");
    } finally {
      bench.descendants().forEach(ProcessHandle::destroyForcibly);
      bench.destroyForcibly();
    }
  }

  @Test
  void signalBeforeAnythingIsMeasured_endsTheForkThatWouldGoOn() throws Exception {
    assumeThat(isIgnored(2)).as("this process ignores SIGINT, and so would its child").isFalse();
    Process bench =
        start(List.of("--forks", "1", "--warmups", "1", "--time", FOREVER, "Vmap.pool"));
    try {
      List<ProcessHandle> forks = awaitFork(bench);
      kill(bench, "INT");
      assertThat(bench.waitFor(SECONDS, TimeUnit.SECONDS)).isTrue();

      assertThat(bench.exitValue()).isEqualTo(130);
      assertThat(forks).noneMatch(ProcessHandle::isAlive);
      assertThat(folder.resolve("report.json")).doesNotExist();
    } finally {
      bench.descendants().forEach(ProcessHandle::destroyForcibly);
      bench.destroyForcibly();
    }
  }

  private static void kill(Process process, String signal) throws Exception {
    Process kill = new ProcessBuilder("kill", "-" + signal, "" + process.pid()).start();
    assertThat(kill.waitFor()).isZero();
  }

  private static String awaitLine(Process process, String regex) throws Exception {
    BufferedReader lines = process.errorReader();
    List<String> seen = new ArrayList<>();
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      if (line.matches(regex)) {
        return line;
      }
      seen.add(line);
    }
    throw new AssertionError("no " + regex + " among " + seen);
  }

  /** Nothing tells that a process starts; the class's timeout ends this if none does. */
  private static List<ProcessHandle> awaitFork(Process process) {
    while (true) {
      List<ProcessHandle> forks = process.descendants().toList();
      if (!forks.isEmpty()) {
        return forks;
      }
      assertThat(process.isAlive()).isTrue();
      Thread.onSpinWait();
    }
  }

  private Process start(List<String> arguments) throws Exception {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-Xmx256m",
                "-Djmh.ignoreLock=true",
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName(),
                "--out",
                folder.toString()));
    command.addAll(arguments);
    return new ProcessBuilder(command).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
  }

  /** As the children of a shell do that starts them in the background. */
  private static boolean isIgnored(int signal) throws Exception {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("SigIgn:")) {
        long mask = Long.parseUnsignedLong(line.substring("SigIgn:".length()).strip(), 16);
        return (mask >>> (signal - 1) & 1) != 0;
      }
    }
    return false;
  }
}

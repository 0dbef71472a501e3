package io.github.dmabuf4j.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.github.dmabuf4j.examples.demo.DecodedFrames;
import java.io.BufferedReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Ctrl-C ends a run properly: a file that can be played, and nothing else. */
@EnabledOnOs(OS.LINUX)
@Timeout(120)
final class InterruptTest {
  @TempDir private Path folder;

  @ParameterizedTest
  @CsvSource({"INT, 2", "TERM, 15"})
  void interrupted_leavesAPlayableFile(String signal, int number) throws Exception {
    assumeThat(isIgnored(number))
        .as("this process ignores SIG%s, and so would its child", signal)
        .isFalse();
    Path temporary = Files.createDirectories(folder.resolve("tmp"));
    Path out = folder.resolve("out");
    Process demo = start(temporary, out);
    try (BufferedReader messages = demo.errorReader()) {
      List<String> said = new ArrayList<>();
      String line = messages.readLine();
      while (line != null && !line.matches("city-edges: \\d+.*")) {
        said.add(line);
        line = messages.readLine();
      }
      assertThat(line).as("no progress, but %s", said).isNotNull();
      assertThat(new ProcessBuilder("kill", "-" + signal, "" + demo.pid()).start().waitFor())
          .isZero();
      said.addAll(messages.readAllLines());
      assertThat(demo.waitFor(60, TimeUnit.SECONDS)).isTrue();
      assertThat(said).noneMatch(message -> message.contains("Exception"));
      assertThat(demo.exitValue()).isEqualTo(128 + number);
      CommandLineRun.Summary summary = CommandLineRun.Summary.of(demo.inputReader().readAllLines());
      assertThat(summary.number("leaked")).isZero();
      assertThat(summary.number("frames")).isPositive();
      assertThat(DecodedFrames.count(summary.output())).isEqualTo(summary.number("frames"));
    } finally {
      demo.destroyForcibly();
    }
    try (Stream<Path> left = Files.list(temporary)) {
      assertThat(left).isEmpty();
    }
  }

  private static Process start(Path temporary, Path out) throws Exception {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-Xmx256m",
            "-Djava.io.tmpdir=" + temporary,
            "-cp",
            System.getProperty("java.class.path"),
            Main.class.getName(),
            "demo",
            "--loop",
            "1000000",
            "--out",
            out.toString())
        .start();
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

package io.github.dmabuf4j.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.github.dmabuf4j.examples.demo.DecodedFrames;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Ctrl-C ends a run properly, whenever it comes: a file that can be played, one line that says it
 * was cut short, and nothing else.
 */
@EnabledOnOs(OS.LINUX)
@Timeout(120)
final class InterruptTest {
  private static final String ENDLESS = "1000000";
  private static final long SECONDS = 60;

  @TempDir private Path folder;
  private Path temporary = Path.of("");
  private Path out = Path.of("");
  private Path printed = Path.of("");
  private Path said = Path.of("");

  @BeforeEach
  void makeFolders() throws Exception {
    assumeThat(isIgnored(2)).as("this process ignores SIGINT, and so would its child").isFalse();
    temporary = Files.createDirectories(folder.resolve("tmp"));
    out = Files.createDirectories(folder.resolve("out"));
    printed = folder.resolve("stdout");
    said = folder.resolve("stderr");
  }

  @ParameterizedTest
  @CsvSource({"INT, 130", "TERM, 143"})
  void beforeTheFirstRun_stillMakesOnePicture(String signal, int status) throws Exception {
    checkInterrupted(signal, status, temporary, "dmabuf4j-.*\\.mpg", "--loop", ENDLESS);
  }

  @ParameterizedTest
  @CsvSource({"INT, 130", "TERM, 143"})
  void atTheFirstPicture_leavesAPlayableFile(String signal, int status) throws Exception {
    checkInterrupted(signal, status, out, "city-edges\\.mp4", "--loop", ENDLESS);
  }

  @Test
  void whileAContactSheetIsWritten_leavesAPlayableFile() throws Exception {
    CommandLineRun.Summary summary =
        checkInterrupted(
            "INT", 130, out, "tiny-edges-sheet-1\\.png", longVideo(), "--loop", ENDLESS);

    assertThat(summary.number("frames")).isGreaterThan(1900);
  }

  @Test
  void whileAComparisonWarmsUp_printsTheLineOfThatRun() throws Exception {
    CommandLineRun.Summary summary =
        checkInterrupted(
            "INT", 130, out, "city-edges\\.mp4", "--compare", "--runs", "3", "--loop", ENDLESS);

    assertThat(summary.output()).isEqualTo(out.resolve("city-edges.mp4"));
  }

  @Test
  void whileAComparisonCopies_printsTheLineOfThatRun() throws Exception {
    CommandLineRun.Summary summary =
        checkInterrupted("INT", 130, out, "tiny-edges-copying\\.mp4", longVideo(), "--compare");

    assertThat(summary.output()).isEqualTo(out.resolve("tiny-edges-copying.mp4"));
    assertThat(summary.text("pipeline")).isEqualTo("copying");
  }

  @Test
  void keyOnATerminal_leavesAPlayableFile() throws Exception {
    assumeThat(Path.of("/usr/bin/script")).as("what makes a terminal").exists();
    List<String> words = demo("--loop", ENDLESS);
    words.forEach(word -> assertThat(word).doesNotContain("'"));
    String line = "'" + String.join("' '", words) + "'";
    Process terminal = start(List.of("script", "-qec", line, "/dev/null"));
    try (var keys = terminal.outputWriter()) {
      awaitBar();
      keys.write('\003');
      keys.flush();
      assertThat(terminal.waitFor(SECONDS, TimeUnit.SECONDS)).isTrue();
    } finally {
      terminal.destroyForcibly();
    }

    List<String> lines =
        Stream.of(Files.readString(printed).split("[\r\n]+"))
            .filter(text -> !text.isBlank())
            .toList();
    check(terminal.exitValue(), 130, lines, lines);
  }

  /** The bar is written again and again, without an end of line. */
  private void awaitBar() throws Exception {
    try (WatchService changes = folder.getFileSystem().newWatchService()) {
      folder.register(changes, StandardWatchEventKinds.ENTRY_MODIFY);
      while (!Files.readString(printed).contains("frames/s")) {
        WatchKey key = changes.poll(SECONDS, TimeUnit.SECONDS);
        assertThat(key).as("no progress, but %s", Files.readString(printed)).isNotNull();
        key.pollEvents();
        key.reset();
      }
    }
  }

  /** A signal as soon as a file is there, in a run that would still go on for long. */
  private CommandLineRun.Summary checkInterrupted(
      String signal, int status, Path where, String file, Object... arguments) throws Exception {
    try (WatchService news = where.getFileSystem().newWatchService()) {
      where.register(news, StandardWatchEventKinds.ENTRY_CREATE);
      Process demo = start(demo(arguments));
      try {
        awaitFile(news, file);
        assertThat(new ProcessBuilder("kill", "-" + signal, "" + demo.pid()).start().waitFor())
            .isZero();
        assertThat(demo.waitFor(SECONDS, TimeUnit.SECONDS)).isTrue();
      } finally {
        demo.destroyForcibly();
      }
      return check(demo.exitValue(), status, Files.readAllLines(printed), Files.readAllLines(said));
    }
  }

  private void awaitFile(WatchService news, String name) throws Exception {
    while (true) {
      WatchKey key = news.poll(SECONDS, TimeUnit.SECONDS);
      assertThat(key).as("no %s, but %s", name, Files.readAllLines(said)).isNotNull();
      for (WatchEvent<?> event : key.pollEvents()) {
        if (String.valueOf(event.context()).matches(name)) {
          return;
        }
      }
      key.reset();
    }
  }

  private CommandLineRun.Summary check(
      int status, int wanted, List<String> lines, List<String> messages) throws Exception {
    assertThat(messages)
        .noneMatch(message -> message.contains("Exception") || message.contains("Shutdown"));
    assertThat(status).as("%s", messages).isEqualTo(wanted);
    CommandLineRun.Summary summary = CommandLineRun.Summary.of(lines); // exactly one
    assertThat(summary.text("truncated")).isEqualTo("true");
    assertThat(summary.number("leaked")).isZero();
    assertThat(summary.number("frames")).isPositive();
    assertThat(DecodedFrames.count(summary.output())).isEqualTo(summary.number("frames"));
    try (Stream<Path> left = Files.list(temporary)) {
      assertThat(left).isEmpty();
    }
    return summary;
  }

  /** Many small pictures, with which a contact sheet gets full. */
  private Path longVideo() throws Exception {
    return TestVideos.make(
        folder.resolve("tiny.mp4"), "-vf", "scale=64:48,loop=loop=30:size=190", "-c:v", "mpeg4");
  }

  private List<String> demo(Object... arguments) {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-Xmx256m",
                "-Djava.io.tmpdir=" + temporary,
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName(),
                "demo",
                "--out",
                out.toString()));
    Stream.of(arguments).map(String::valueOf).forEach(command::add);
    return command;
  }

  private Process start(List<String> command) throws Exception {
    return new ProcessBuilder(command)
        .redirectOutput(printed.toFile())
        .redirectError(said.toFile())
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

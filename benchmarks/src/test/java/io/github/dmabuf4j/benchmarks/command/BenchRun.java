package io.github.dmabuf4j.benchmarks.command;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.List;
import java.util.stream.Stream;

/**
 * What the command printed, and how it ended. It runs in this process, one at a time.
 *
 * @param status the exit status
 * @param out lines of stdout
 * @param err lines of stderr
 */
record BenchRun(int status, List<String> out, List<String> err) {
  /** The least that JMH can do. */
  static final List<String> TINY =
      List.of("--forks", "1", "--warmups", "0", "--iterations", "1", "--time", "10ms");

  static synchronized BenchRun of(Object... arguments) {
    PrintStream out = System.out;
    PrintStream err = System.err;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    System.setOut(new PrintStream(printed, true, UTF_8));
    System.setErr(new PrintStream(said, true, UTF_8));
    System.setProperty("jmh.ignoreLock", "true"); // nothing here depends on the figures
    try {
      int status = Main.run(Stream.of(arguments).map(String::valueOf).toArray(String[]::new));
      return new BenchRun(
          status, printed.toString(UTF_8).lines().toList(), said.toString(UTF_8).lines().toList());
    } finally {
      System.setOut(out);
      System.setErr(err);
    }
  }

  /** As little as possible is measured. */
  static BenchRun tiny(Object... arguments) {
    return of(Stream.concat(TINY.stream(), Stream.of(arguments)).toArray());
  }
}

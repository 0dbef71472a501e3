package io.github.dmabuf4j.examples;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What a command printed, and how it ended. Commands run in this process, one at a time.
 *
 * @param status the exit status
 * @param out lines of stdout
 * @param err lines of stderr
 */
record CommandLineRun(int status, List<String> out, List<String> err) {
  static synchronized CommandLineRun of(Object... arguments) {
    PrintStream out = System.out;
    PrintStream err = System.err;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    System.setOut(new PrintStream(printed, true, UTF_8));
    System.setErr(new PrintStream(said, true, UTF_8));
    try {
      int status = Main.run(Stream.of(arguments).map(String::valueOf).toArray(String[]::new));
      return new CommandLineRun(
          status, printed.toString(UTF_8).lines().toList(), said.toString(UTF_8).lines().toList());
    } finally {
      System.setOut(out);
      System.setErr(err);
    }
  }

  /** The one line for machines. */
  Summary summary() {
    return Summary.of(out);
  }

  /** The figures of a {@code summary} line. A value with spaces is in quotes. */
  record Summary(Map<String, String> values) {
    private static final Pattern PAIR = Pattern.compile("(\\w+)=(?:\"([^\"]*)\"|(\\S+))");

    static Summary of(List<String> lines) {
      List<String> found = lines.stream().filter(line -> line.startsWith("summary ")).toList();
      if (found.size() != 1) {
        throw new AssertionError("wanted one summary, got " + lines);
      }
      return new Summary(
          PAIR.matcher(found.getFirst())
              .results()
              .collect(
                  Collectors.toMap(
                      pair -> pair.group(1),
                      pair -> pair.group(2) == null ? pair.group(3) : pair.group(2))));
    }

    String text(String name) {
      String value = values.get(name);
      if (value == null) {
        throw new AssertionError("no " + name + " among " + values);
      }
      return value;
    }

    long number(String name) {
      return Long.parseLong(text(name));
    }

    Path output() {
      return Path.of(text("output"));
    }
  }
}

package io.github.dmabuf4j.device;

import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** The programs of {@code vm/}, as the tests call them. */
final class VmScripts {
  static final Path MODULE = Path.of(System.getProperty("basedir", "")).toAbsolutePath();

  /** What a program ended with and printed. */
  record Outcome(int status, String out, String err) {}

  private VmScripts() {}

  /** Whether a guest that cannot be booted is a failure, not a reason to skip. */
  static boolean required() {
    return Boolean.parseBoolean(System.getenv("DMABUF4J_REQUIRE_VM"));
  }

  /** A plain build downloads no kernel: one is used if it is there, or if it is required. */
  static List<String> download() {
    return required() ? List.of() : List.of("--offline");
  }

  /**
   * Skips the calling test where the guest can't be booted, with the reason; fails it if the guest
   * is required.
   */
  static void assumeGuest() throws IOException, InterruptedException {
    var arguments = new ArrayList<>(download());
    arguments.add("--prepare");
    Outcome prepared = call(Map.of(), "run", arguments);
    if (prepared.status() == 0) {
      return;
    }
    String reason = prepared.err().strip();
    if (required()) {
      throw new AssertionError("the guest is required (DMABUF4J_REQUIRE_VM): " + reason);
    }
    abort(reason);
  }

  static Outcome call(Map<String, String> environment, String program, List<String> arguments)
      throws IOException, InterruptedException {
    return call(environment, program, arguments, Duration.ofMinutes(5));
  }

  static Outcome call(
      Map<String, String> environment, String program, List<String> arguments, Duration limit)
      throws IOException, InterruptedException {
    var command = new ArrayList<String>();
    command.add(MODULE.resolve("vm").resolve(program).toString());
    command.addAll(arguments);
    Path out = Files.createTempFile("vm", ".out");
    Path err = Files.createTempFile("vm", ".err");
    try {
      var builder =
          new ProcessBuilder(command)
              .directory(MODULE.toFile())
              .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
              .redirectOutput(out.toFile())
              .redirectError(err.toFile());
      builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
      builder.environment().putAll(environment);
      Process process = builder.start();
      try {
        if (!process.waitFor(limit)) {
          throw new AssertionError(
              "%s still runs after %s:%n%s%s".formatted(program, limit, read(out), read(err)));
        }
      } finally {
        process.destroy();
        if (!process.waitFor(5, TimeUnit.SECONDS)) {
          process.destroyForcibly();
        }
      }
      return new Outcome(process.exitValue(), read(out), read(err));
    } finally {
      Files.delete(out);
      Files.delete(err);
    }
  }

  private static String read(Path file) throws IOException {
    return Files.readString(file);
  }
}

package io.github.dmabuf4j.device.linux;

import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A C compiler with the headers that the bindings were made from, and what it says of facts.
 *
 * @param command its name on the {@code PATH}
 * @param options where it finds the kernel's headers, if not by itself
 * @param work a folder of ours
 */
record Compiler(String command, List<String> options, Path work) {
  static final Path MODULE = Path.of(System.getProperty("basedir", "")).toAbsolutePath();

  /** The inputs of the generator. */
  static final Path INPUTS = MODULE.resolve("src/main/jextract");

  private static final String BEGINNING =
      """
      #include "linux.h"
      #include <stddef.h>
      #include <stdio.h>
      #include <linux/version.h>
      """;

  /** Older headers lack some of the names, or have shorter structures. */
  private static final String VERSION =
      """
      #if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
      #error the kernel headers are older than those of Linux 6.12
      #endif
      """;

  /** What a program ended with and printed. */
  private record Outcome(int status, String output) {}

  /** This machine's compiler; skips the calling test where there is none. */
  static Compiler ofThisMachine(Path work) throws IOException, InterruptedException {
    return usable("cc", List.of(), work);
  }

  /** Some compiler; skips the calling test where it is missing or can't compile the headers. */
  static Compiler usable(String command, List<String> options, Path work)
      throws IOException, InterruptedException {
    Compiler compiler = new Compiler(command, options, work);
    compiler.assumeUsable();
    return compiler;
  }

  /**
   * A compiler for AArch64 and the same kernel headers as this machine's, with AArch64's own {@code
   * asm}; skips the calling test where they aren't.
   */
  static Compiler forAarch64(Path work) throws IOException, InterruptedException {
    Path asm = Path.of("/usr/lib/linux/uapi/arm64/asm");
    if (!Files.isDirectory(asm)) {
      absent(asm + " does not exist: linux-libc-dev 6.12 brings it, or the machine isn't Debian");
    }
    Path include = Files.createDirectories(MODULE.resolve("target/aarch64-headers"));
    link(include.resolve("asm"), asm);
    for (String folder : List.of("asm-generic", "drm", "linux")) {
      link(include.resolve(folder), Path.of("/usr/include", folder));
    }
    return usable("aarch64-linux-gnu-gcc", List.of("-isystem", include.toString()), work);
  }

  /**
   * Compiles and runs a program that prints what each fact is in C, for a compiler of this machine.
   *
   * @return a line for each fact that is something else in C
   */
  List<String> differencesWhenRun(List<Fact> facts) throws IOException, InterruptedException {
    StringBuilder program = new StringBuilder(BEGINNING).append("int main(void) {\n");
    for (Fact fact : facts) {
      program.append("  printf(\"%%lld\\n\", (long long) (%s));\n".formatted(fact.expression()));
    }
    Path binary = work.resolve("probe");
    Outcome compiled = compile(program.append("}\n").toString(), "-o", binary.toString());
    if (compiled.status() != 0) {
      return List.of(compiled.output());
    }
    Outcome run = call(List.of(binary.toString()));
    return differences(facts, run.output().lines().map(Long::valueOf).toList());
  }

  /**
   * Compiles a program that says of each fact what it is, for a compiler of any machine.
   *
   * @return a line for each fact that is something else in C
   */
  List<String> differencesWhenCompiled(List<Fact> facts) throws IOException, InterruptedException {
    StringBuilder program = new StringBuilder(BEGINNING);
    for (Fact fact : facts) {
      program.append(
          "_Static_assert((long long) (%s) == %dLL, \"%s: %d in Java\");\n"
              .formatted(fact.expression(), fact.value(), fact.expression(), fact.value()));
    }
    Outcome compiled = compile(program.toString(), "-c", "-o", work.resolve("probe.o").toString());
    List<String> errors =
        compiled.output().lines().filter(line -> line.contains(" error: ")).toList();
    return compiled.status() != 0 && errors.isEmpty() ? List.of(compiled.output()) : errors;
  }

  /** What C says instead, fact by fact. */
  static List<String> differences(List<Fact> facts, List<Long> values) {
    List<String> differences = new ArrayList<>();
    if (facts.size() != values.size()) {
      differences.add("%d facts, %d values".formatted(facts.size(), values.size()));
      return differences;
    }
    for (int i = 0; i < facts.size(); i++) {
      Fact fact = facts.get(i);
      if (fact.value() != values.get(i)) {
        differences.add(
            "%s: %d in Java, %d in C".formatted(fact.expression(), fact.value(), values.get(i)));
      }
    }
    return differences;
  }

  /**
   * Skips the calling test, with the reason; fails it where everything is required, as in CI.
   *
   * @param reason what is missing
   */
  private static void absent(String reason) {
    if (required()) {
      throw new AssertionError("a C compiler is required (DMABUF4J_REQUIRE_VM): " + reason);
    }
    abort(reason);
  }

  /** Whether a missing compiler is a failure, not a reason to skip. */
  static boolean required() {
    return Boolean.parseBoolean(System.getenv("DMABUF4J_REQUIRE_VM"));
  }

  private static void link(Path link, Path target) throws IOException {
    Files.deleteIfExists(link);
    Files.createSymbolicLink(link, target);
  }

  private void assumeUsable() throws IOException, InterruptedException {
    try {
      Outcome compiled = compile(BEGINNING + VERSION, "-c", "-o", work + "/empty.o");
      if (compiled.status() != 0) {
        absent("%s cannot compile linux.h: %s".formatted(command, compiled.output()));
      }
    } catch (IOException e) {
      absent("%s cannot be run: %s".formatted(command, e.getMessage()));
    }
  }

  private Outcome compile(String program, String... output)
      throws IOException, InterruptedException {
    Path source = Files.writeString(work.resolve("probe.c"), program);
    List<String> line = new ArrayList<>(List.of(command, "-std=gnu11", "-I", INPUTS.toString()));
    line.addAll(options);
    line.addAll(List.of(output));
    line.add(source.toString());
    return call(line);
  }

  private Outcome call(List<String> line) throws IOException, InterruptedException {
    Path printed = work.resolve("output");
    ProcessBuilder builder =
        new ProcessBuilder(line).redirectErrorStream(true).redirectOutput(printed.toFile());
    builder.environment().put("LC_ALL", "C"); // the messages are looked at
    Process process = builder.start();
    try {
      if (!process.waitFor(60, TimeUnit.SECONDS)) {
        throw new AssertionError(line + " still runs after a minute");
      }
    } finally {
      process.destroyForcibly();
    }
    return new Outcome(process.exitValue(), Files.readString(printed, StandardCharsets.UTF_8));
  }
}

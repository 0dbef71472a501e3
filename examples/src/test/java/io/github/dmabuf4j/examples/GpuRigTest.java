package io.github.dmabuf4j.examples;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import io.github.dmabuf4j.examples.gpu.VulkanHere;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The GPU command on the real kernel, on buffers of a dma-heap. */
@Tag("vm")
@EnabledOnOs(value = OS.LINUX, architectures = "amd64")
@Timeout(600)
final class GpuRigTest {
  private static final Path RUN = Path.of("..", "impl-device", "vm", "run");

  @TempDir private Path folder;

  /** What a program ended with, and printed. */
  private record Outcome(int status, String output) {}

  private Outcome run(List<String> arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(RUN.toString(), "--offline"));
    command.addAll(arguments);
    Path output = folder.resolve("output");
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    Process process = builder.redirectOutput(output.toFile()).start();
    try {
      assertThat(process.waitFor(550, TimeUnit.SECONDS)).as("it ended in time").isTrue();
      return new Outcome(process.exitValue(), Files.readString(output, UTF_8));
    } finally {
      process.destroy();
    }
  }

  private void assumeGuest() throws IOException, InterruptedException {
    Outcome prepared = run(List.of("--prepare"));
    if (prepared.status() != 0) {
      assertThat(System.getenv("DMABUF4J_REQUIRE_VM")).as(prepared.output()).isNotEqualTo("true");
      abort(prepared.output().strip());
    }
  }

  @Test
  void dmaHeapBuffers_areFilteredAsByTheCpu_withoutACopy_andASyncFileSaysWhen() throws Exception {
    VulkanHere.assume(); // the guest has what this machine has
    assumeGuest();
    Path out = folder.resolve("out");
    List<String> arguments = new ArrayList<>(List.of("--limit", "540", "--out", out.toString()));
    arguments.addAll(List.of("--", "java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    arguments.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-Ddmabuf4j.validate=true"));
    arguments.addAll(List.of("-cp", classPath(), Main.class.getName()));
    arguments.addAll(List.of("gpu", "--path", "dma-buf", "--frames", "2", "--out", "/run/vm/out"));

    Outcome rig = run(arguments);

    assertThat(rig.status()).as(rig.output()).isZero();
    CommandLineRun.Summary summary = CommandLineRun.Summary.of(rig.output().lines().toList());
    assertThat(summary.number("frames")).isEqualTo(2);
    assertThat(summary.number("max_difference")).isZero();
    assertThat(summary.number("copied_bytes")).isZero();
    assertThat(summary.number("leaked")).isZero();
    assertThat(summary.text("path")).isEqualTo("dma-buf");
    assertThat(summary.text("completion")).isEqualTo("sync-file");
    assertThat(summary.text("heap")).startsWith("dma-heap:");
    assertThat(out.resolve("city-edges-gpu.png"))
        .hasSameBinaryContentAs(out.resolve("city-edges-cpu.png"));
  }

  private static String classPath() {
    return System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
  }
}

package io.github.dmabuf4j.offheap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import io.github.dmabuf4j.tck.Rule;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
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

/** {@link PressureRig} on the real kernel, in a cgroup that is nearly too small for it. */
@Tag("vm")
@EnabledOnOs(value = OS.LINUX, architectures = "amd64")
@Timeout(400)
final class PressureRigTest {
  private static final Path RUN = Path.of("..", "impl-device", "vm", "run");

  /** The limit is that of the group above: memory is charged to both. */
  private static final String SCRIPT =
      """
      set -e
      mount -t cgroup2 none /sys/fs/cgroup
      echo +memory >/sys/fs/cgroup/cgroup.subtree_control
      mkdir -p /sys/fs/cgroup/box/jvm
      echo +memory >/sys/fs/cgroup/box/cgroup.subtree_control
      echo 180M >/sys/fs/cgroup/box/memory.max
      echo $$ >/sys/fs/cgroup/box/jvm/cgroup.procs
      exec java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xmx48m --enable-native-access=ALL-UNNAMED "$@" 128 60 2>&1
      """;

  @TempDir Path folder;

  /** What a program ended with, and printed. */
  private record Outcome(int status, String output) {}

  private Outcome run(List<String> arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(RUN.toString()));
    command.addAll(arguments);
    Path output = folder.resolve("output");
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    Process process = builder.redirectOutput(output.toFile()).start();
    try {
      assertThat(process.waitFor(300, TimeUnit.SECONDS)).as("it ended in time").isTrue();
      return new Outcome(process.exitValue(), Files.readString(output, StandardCharsets.UTF_8));
    } finally {
      process.destroy();
    }
  }

  private void assumeGuest() throws IOException, InterruptedException {
    Outcome prepared = run(List.of("--offline", "--prepare"));
    if (prepared.status() != 0) {
      assertThat(System.getenv("DMABUF4J_REQUIRE_VM")).as(prepared.output()).isNotEqualTo("true");
      abort(prepared.output().strip());
    }
  }

  @Rule("SH8")
  @Test
  void sh8_realKernel_groupNearlyFull_idleMemoryGoesBack() throws Exception {
    assumeGuest();
    List<String> arguments = new ArrayList<>(List.of("--offline", "--limit", "240"));
    arguments.addAll(List.of("--memory", "1G", "--", "bash", "-c", SCRIPT, "bash", "-cp"));
    arguments.addAll(List.of(ChildJvm.classPath(), PressureRig.class.getName()));
    Outcome rig = run(arguments);
    assertThat(rig.output())
        .contains("PSI trigger on /sys/fs/cgroup/box/jvm/memory.pressure")
        .contains("cgroup v2 /sys/fs/cgroup/box/jvm")
        .contains("given back");
    assertThat(rig.status()).as(rig.output()).isZero();
  }
}

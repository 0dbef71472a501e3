package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.device.VmScripts.Outcome;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * {@code vm/run}: what it promises about the command that it runs. A boot takes seconds, so a test
 * checks much.
 */
@Tag("vm")
@EnabledOnOs(value = OS.LINUX, architectures = "amd64")
final class VmRunTest {
  @Test
  void run_command_getsItsArgumentsFolderAndResultsAndGivesItsStatus(@TempDir Path results)
      throws Exception {
    VmScripts.assumeGuest();
    String script =
        """
        printf '[%s]\\n' "$@" >"$VM_OUT/arguments"
        echo "$WORD" >"$VM_OUT/word"
        pwd
        uname -r
        java -version 2>&1 | head -n 1
        touch ./written-in-the-guest && rm pom.xml && echo 'may write'
        echo 'to stderr' >&2
        exit 7
        """;
    var arguments =
        new ArrayList<>(List.of("--offline", "--env", "WORD=a  \"b\" $c", "--limit", "240"));
    arguments.addAll(List.of("--out", results.toString(), "--", "bash", "-c", script, "bash"));
    arguments.addAll(List.of("two words", "", "\"'", "$HOME `date` \\", "--", "*", "ünï", "a,b"));
    Outcome run = VmScripts.call(Map.of(), "run", arguments);

    assertThat(run.status()).as(run.toString()).isEqualTo(7);
    List<String> out = run.out().lines().toList();
    assertThat(out).hasSize(4);
    assertThat(out.get(0)).isEqualTo(VmScripts.MODULE.toRealPath().toString());
    assertThat(out.get(1)).startsWith("6.12.");
    assertThat(out.get(2)).contains("version \"" + Runtime.version().feature());
    assertThat(out.get(3)).isEqualTo("may write");
    assertThat(run.err()).isEqualTo("to stderr\n");
    assertThat(results.resolve("arguments"))
        .content()
        .isEqualTo("[two words]\n[]\n[\"']\n[$HOME `date` \\]\n[--]\n[*]\n[ünï]\n[a,b]\n");
    assertThat(results.resolve("word")).content().isEqualTo("a  \"b\" $c\n");
    assertThat(VmScripts.MODULE.resolve("pom.xml")).exists();
    assertThat(VmScripts.MODULE.resolve("written-in-the-guest")).doesNotExist();
  }

  @Test
  void run_limitReached_endsWith124() throws Exception {
    VmScripts.assumeGuest();
    Outcome run =
        VmScripts.call(
            Map.of(), "run", List.of("--offline", "--limit", "8", "--", "sleep", "1000"));
    assertThat(run.status()).as(run.toString()).isEqualTo(124);
    assertThat(run.err()).endsWith("vm: the limit of 8 s was reached\n");
  }

  @Test
  void run_kernelThatCrashesWhileBooting_isBootedOnceMore(@TempDir Path tools) throws Exception {
    VmScripts.assumeGuest();
    Path qemu = tools.resolve("qemu-system-x86_64");
    Files.writeString(
        qemu,
        """
        #!/bin/bash
        if [ ! -e "$0.crashed" ]; then
          : >"$0.crashed"
          while [ $# -gt 0 ]; do
            [ "$1" != -serial ] || echo 'Kernel panic - not syncing: on purpose' >"${2#file:}"
            shift
          done
          exit 0
        fi
        PATH=${PATH#*:} exec qemu-system-x86_64 "$@"
        """);
    assertThat(qemu.toFile().setExecutable(true)).isTrue();
    List<String> arguments = new ArrayList<>(VmScripts.download());
    arguments.addAll(List.of("--", "echo", "booted"));
    Outcome run =
        VmScripts.call(Map.of("PATH", tools + ":" + System.getenv("PATH")), "run", arguments);
    assertThat(run.err()).contains("booting once more");
    assertThat(run.out()).isEqualTo("booted\n");
    assertThat(run.status()).isZero();
  }

  @Test
  void run_missingTools_namesWhatInstallsThem(@TempDir Path tools) throws Exception {
    for (String tool : List.of("bash", "dirname", "uname")) {
      Files.copy(Path.of("/bin", tool), tools.resolve(tool), StandardCopyOption.COPY_ATTRIBUTES);
    }
    Outcome run =
        VmScripts.call(Map.of("PATH", tools.toString()), "run", List.of("--offline", "--", "true"));
    assertThat(run.status()).isEqualTo(69);
    assertThat(run.err().lines()).hasSize(1);
    assertThat(run.err())
        .contains("missing: qemu-system-x86_64 busybox cpio")
        .contains("apt-get install -y qemu-system-x86 busybox-static cpio");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "--", "true", "--limit", "--limit x -- true", "--memory lots -- true"})
  void run_wrongUsage_saysSoInOneLine(String arguments) throws Exception {
    Outcome run =
        VmScripts.call(
            Map.of(), "run", arguments.isEmpty() ? List.of() : List.of(arguments.split(" ", -1)));
    assertThat(run.status()).isEqualTo(64);
    assertThat(run.err().lines()).hasSize(1);
    assertThat(run.out()).isEmpty();
  }
}

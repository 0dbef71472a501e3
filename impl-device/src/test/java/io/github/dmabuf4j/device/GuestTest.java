package io.github.dmabuf4j.device;

import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.toList;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.DynamicContainer.dynamicContainer;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import io.github.dmabuf4j.device.GuestReport.Case;
import io.github.dmabuf4j.device.VmScripts.Outcome;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * Runs every test tagged {@code guest} on the real kernel, in one boot, and reports each as its
 * own. One that is skipped there fails here, unless the kit's table of capabilities ruled it out: a
 * device that is missing in the guest must not go unnoticed.
 */
@Tag("vm")
@EnabledOnOs(value = OS.LINUX, architectures = "amd64")
final class GuestTest {
  private static final Duration LIMIT = Duration.ofMinutes(9);

  /** What a test begins its reason with that the table rules out. */
  private static final String RULED_OUT = "not applicable to ";

  @TestFactory
  @Timeout(600)
  Stream<DynamicContainer> guest_realKernel_everyTestPasses(@TempDir Path results)
      throws Exception {
    VmScripts.assumeGuest();
    Outcome run = runAll(results);
    List<Case> cases = read(run, results.resolve("TEST-junit-jupiter.xml"));
    Map<String, List<Case>> byClass =
        cases.stream().collect(groupingBy(Case::className, LinkedHashMap::new, toList()));
    return byClass.entrySet().stream()
        .map(
            entry ->
                dynamicContainer(entry.getKey(), entry.getValue().stream().map(GuestTest::report)));
  }

  private static Outcome runAll(Path results) throws IOException, InterruptedException {
    var arguments =
        new ArrayList<>(
            List.of("--offline", "--memory", "3G", "--modules", "vgem,vivid,virtio-gpu"));
    arguments.addAll(List.of("--limit", Long.toString(LIMIT.toSeconds() - 30)));
    arguments.addAll(List.of("--out", results.toString(), "--", "bash", "-c"));
    arguments.addAll(List.of("exec java \"$@\" \"--reports-dir=$VM_OUT\"", "bash"));
    // The emulator runs what the first compiler makes about as fast as what the second one does.
    arguments.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx1g"));
    arguments.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-Ddmabuf4j.validate=true"));
    arguments.add("-Ddmabuf4j.tck.limit.seconds=60"); // an emulator is slow
    arguments.addAll(List.of("-cp", System.getProperty("java.class.path")));
    arguments.addAll(List.of("org.junit.platform.console.ConsoleLauncher", "execute"));
    arguments.addAll(List.of("--scan-classpath=" + classes(), "--include-tag=guest"));
    arguments.addAll(List.of("--include-classname=.*", "--include-engine=junit-jupiter"));
    arguments.addAll(List.of("--disable-banner", "--details=summary", "--fail-if-no-tests"));
    return VmScripts.call(Map.of(), "run", arguments, LIMIT);
  }

  private static Path classes() {
    return VmScripts.MODULE.resolve("target").resolve("test-classes");
  }

  /** The launcher ends with 0, or 1 if a test failed; anything else is the guest's end. */
  private static List<Case> read(Outcome run, Path report) throws IOException {
    assertThat(run.status()).as(run.toString()).isBetween(0, 1);
    assertThat(report).as(run.toString()).exists();
    List<Case> cases = GuestReport.read(report);
    assertThat(cases).as(run.toString()).isNotEmpty();
    return cases;
  }

  private static DynamicTest report(Case test) {
    return dynamicTest(
        test.name(),
        () -> {
          switch (test.verdict()) {
            case PASSED -> {}
            case FAILED -> throw new AssertionError("in the guest: " + test.text());
            case SKIPPED -> {
              assertThat(test.text()).as("why it was skipped in the guest").contains(RULED_OUT);
              abort(test.text());
            }
          }
        });
  }
}

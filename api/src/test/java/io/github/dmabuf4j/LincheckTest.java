package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.StressOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Linearizability, by Lincheck: whatever several threads do looks as if they did one thing after
 * the other. Scenarios are run many times (stress), and in many interleavings (model). How many, is
 * a matter of {@link Scale}.
 *
 * <p>Each check has a JVM of its own, without the validator: Lincheck rewrites the classes it
 * checks, and gives up runs in the middle, which leaves behind what the validator has noted per
 * thread.
 */
final class LincheckTest {
  @TempDir private Path directory;

  @ParameterizedTest
  @CsvSource({
    "ReservationLincheck, stress",
    "ReservationLincheck, model",
    "FenceLincheck$TimelineOperations, model",
    "FenceLincheck$CallbackOperations, model",
    "FenceLincheck$SyncObjectOperations, model"
  })
  void isLinearizable(String checked, String how) throws Exception {
    check(checked, how);
  }

  /** Takes minutes where others want the processors: for the long run. */
  @Test
  @EnabledIfSystemProperty(named = "dmabuf4j.conformance.scale", matches = "1(\\.0)?")
  @Timeout(value = 20, unit = TimeUnit.MINUTES)
  void bufferQueue_isLinearizable() throws Exception {
    check("BufferQueueLincheck", "model");
  }

  private void check(String checked, String how) throws Exception {
    Path output = directory.resolve("output");
    Process process =
        new ProcessBuilder(
                List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-Xmx1g",
                    "-XX:+EnableDynamicAgentLoading",
                    "--sun-misc-unsafe-memory-access=allow",
                    "-Ddmabuf4j.conformance.scale="
                        + System.getProperty("dmabuf4j.conformance.scale", "0.05"),
                    "-cp",
                    System.getProperty("java.class.path"),
                    Checker.class.getName(),
                    LincheckTest.class.getPackageName() + "." + checked,
                    how))
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    try {
      boolean ended = process.waitFor(20L * Threads.LIMIT_SECONDS, TimeUnit.SECONDS);
      String text = Files.readString(output);
      assertThat(ended).as(text).isTrue();
      assertThat(process.exitValue()).as(text).isZero();
      assertThat(text).doesNotContain("Unsupported class file");
    } finally {
      process.destroyForcibly();
    }
  }

  /** What runs in the other JVM. */
  static final class Checker {
    private Checker() {}

    public static void main(String[] arguments) throws ReflectiveOperationException {
      Class<?> checked = Class.forName(arguments[0]);
      if (arguments[1].equals("stress")) {
        new StressOptions()
            .iterations(Scale.size(100, 5))
            .invocationsPerIteration(Scale.size(10_000, 300))
            .threads(2)
            .actorsPerThread(3)
            .check(checked);
      } else {
        new ModelCheckingOptions()
            .iterations(Scale.size(100, 5))
            .invocationsPerIteration(Scale.size(2_000, 100))
            .threads(2)
            .actorsPerThread(3)
            .check(checked);
      }
      System.exit(0);
    }
  }
}

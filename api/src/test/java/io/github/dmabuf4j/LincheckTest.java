package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jetbrains.lincheck.datastructures.ManagedStrategyGuarantee;
import org.jetbrains.lincheck.datastructures.ManagedStrategyGuaranteeKt;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.StressOptions;
import org.junit.jupiter.api.Timeout;
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
    "ReservationLincheck, stress, 10000",
    "ReservationLincheck, model, 2000",
    "BufferQueueLincheck, model, 500", // one takes 7 ms: most make an exception
    "FenceLincheck$TimelineOperations, model, 2000",
    "FenceLincheck$CallbackOperations, model, 2000",
    "FenceLincheck$SyncObjectOperations, model, 2000"
  })
  @Timeout(value = 20, unit = TimeUnit.MINUTES)
  void isLinearizable(String checked, String how, int invocations) throws Exception {
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
                    how,
                    Integer.toString(invocations)))
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
      int invocations = Integer.parseInt(arguments[2]);
      if (arguments[1].equals("stress")) {
        new StressOptions()
            .iterations(Scale.size(100, 5))
            .invocationsPerIteration(Scale.size(invocations, 300))
            .threads(2)
            .actorsPerThread(3)
            .check(checked);
      } else {
        new ModelCheckingOptions()
            .iterations(Scale.size(100, 5))
            .invocationsPerIteration(Scale.size(invocations, 100))
            .threads(2)
            .actorsPerThread(3)
            .addGuarantee(refusals())
            .check(checked);
      }
      System.exit(0);
    }

    /**
     * What refuses a call, under the queue's lock: nothing can interleave with it. Its message is
     * formatted with the JDK's tables for languages, whose loops Lincheck takes for a thread that
     * spins, and so the queue for deadlocked.
     */
    private static ManagedStrategyGuarantee refusals() {
      return ManagedStrategyGuaranteeKt.forClasses(QueueTurns.class.getName())
          .methods("checkIn", "checkMayTake", "checkGoesOn")
          .ignore();
    }
  }
}

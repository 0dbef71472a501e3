package io.github.dmabuf4j.device.sharing;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.device.ChildProcess;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What becomes of each operation in a process that has no descriptor left, or only a few. */
@EnabledOnOs(OS.LINUX)
@Timeout(120)
final class DescriptorExhaustionTest {
  /**
   * Beside 300 open descriptors the budget allows more than there are, so it is the kernel that
   * refuses; beside none it is the budget.
   */
  @ParameterizedTest
  @CsvSource({"300, 12", "0, 6"})
  void dv4_everyOperation_withoutDescriptors_isRefusedClearlyAndLeavesNothing(
      int besides, int mostLeft) throws Exception {
    ChildProcess.End child =
        ChildProcess.run(
            ShortOfDescriptors.class, Integer.toString(besides), Integer.toString(mostLeft));
    System.out.println("beside " + besides + ": " + child.output().lines().toList().getLast());
    assertThat(child.status()).as(child.output()).isZero();
  }
}

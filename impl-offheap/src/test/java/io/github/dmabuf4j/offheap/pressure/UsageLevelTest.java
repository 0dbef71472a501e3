package io.github.dmabuf4j.offheap.pressure;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Hysteresis: a level that is reached counts once. */
final class UsageLevelTest {
  private final UsageLevel level = new UsageLevel();
  private long nanos = Long.MAX_VALUE; // the clock may overflow

  private boolean rises(long used) {
    return level.rises(used, 100, nanos);
  }

  private void passSeconds(long seconds) {
    nanos += TimeUnit.SECONDS.toNanos(seconds);
  }

  @Test
  void ninetyPercent_countsOnce_howeverLongItLasts() {
    assertThat(rises(89)).isFalse();
    assertThat(rises(90)).isTrue();
    for (int i = 0; i < 100; i++) {
      passSeconds(1);
      assertThat(rises(90 + i)).isFalse();
      assertThat(level.isHigh()).isTrue();
    }
  }

  @Test
  void swinging_countsOnce() {
    assertThat(rises(95)).isTrue();
    for (int i = 0; i < 100; i++) {
      passSeconds(9);
      assertThat(rises(i % 2 == 0 ? 10 : 99)).isFalse();
    }
  }

  @Test
  void lowForTenSecondsWithoutABreak_countsAnew() {
    assertThat(rises(95)).isTrue();
    assertThat(rises(10)).isFalse();
    passSeconds(9);
    assertThat(rises(84)).isFalse();
    assertThat(level.isHigh()).isTrue();
    passSeconds(1);
    assertThat(rises(10)).isFalse();
    assertThat(level.isHigh()).isFalse();
    assertThat(rises(90)).isTrue();
  }

  @Test
  void betweenTheTwoLevels_isABreak() {
    assertThat(rises(95)).isTrue();
    assertThat(rises(10)).isFalse();
    passSeconds(9);
    assertThat(rises(87)).isFalse();
    passSeconds(9);
    assertThat(rises(10)).isFalse();
    passSeconds(9);
    assertThat(rises(10)).isFalse();
    assertThat(level.isHigh()).isTrue();
  }

  @ParameterizedTest
  @CsvSource({
    "0, 9223372036854775807, false",
    "9223372036854775807, 9223372036854775807, true",
    "1, 1, true",
    "0, 1, false",
    "17592186044416, 9223372036854771712, false"
  })
  void extremes_doNotOverflow(long used, long limit, boolean rises) {
    assertThat(level.rises(used, limit, 0)).isEqualTo(rises);
  }
}

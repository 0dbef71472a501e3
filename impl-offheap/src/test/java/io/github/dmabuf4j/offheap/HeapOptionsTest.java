package io.github.dmabuf4j.offheap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.HeapUri;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class HeapOptionsTest {
  private static HeapOptions of(String options) {
    return HeapOptions.of(HeapUri.parse("offheap:system" + options));
  }

  @ParameterizedTest
  @CsvSource({
    "4096, 4096",
    "4097, 4096",
    "8191, 4096",
    "64KiB, 65536",
    "256MiB, 268435456",
    "1.5GiB, 1610612736",
    "100MB, 99999744",
  })
  void limit_isRoundedDownToPages(String text, long bytes) {
    assertThat(of("?limit=" + text).limit()).isEqualTo(bytes);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "?limit=4095",
        "?limit=0",
        "?limit=-1",
        "?limit=",
        "?limit=many",
        "?limit=1e9",
        "?limit=9EiB"
      })
  void limit_thatIsNone_isRefusedNamingIt(String options) {
    assertThatThrownBy(() -> of(options))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("limit")
        .hasMessageContaining(options.substring(options.indexOf('=') + 1));
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "4096, 4096",
    "8191, 4096",
    "16MiB, 16777216",
    "64MiB, 67108864",
    "1GiB, 67108864",
  })
  void pinned_isRoundedDownToPages_andAtMostTheLimit(String text, long bytes) {
    assertThat(of("?pinned=" + text + "&limit=64MiB").pinned()).isEqualTo(bytes);
  }

  @Test
  void pinned_byDefault_isTheLimit() {
    HeapOptions options = of("?limit=5000");
    assertThat(options.pinned()).isEqualTo(options.limit()).isEqualTo(4096);
  }

  @ParameterizedTest
  @ValueSource(strings = {"1", "4095", "-1", "", "all", "9EiB"})
  void pinned_thatIsNone_isRefusedNamingIt(String text) {
    assertThatThrownBy(() -> of("?pinned=" + text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("pinned")
        .hasMessageContaining(text);
  }

  @ParameterizedTest
  @CsvSource({"0, 0", "100, 100", "1MiB, 1048576", "1GiB, 1073741824"})
  void user_isExact_andMayBeMoreThanTheLimit(String text, long bytes) {
    assertThat(of("?user=" + text + "&limit=64MiB").user()).isEqualTo(bytes);
  }

  @Test
  void user_byDefault_isTheLimit() {
    assertThat(of("?limit=64MiB").user()).isEqualTo(64L << 20);
  }

  @ParameterizedTest
  @ValueSource(strings = {"-1", "", "all", "9EiB"})
  void user_thatIsNone_isRefusedNamingIt(String text) {
    assertThatThrownBy(() -> of("?user=" + text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("user")
        .hasMessageContaining(text);
  }

  @ParameterizedTest
  @CsvSource({"2ms, 2", "500ms, 500", "10s, 10000", "3m, 180000", "1h, 3600000"})
  void decay_isATime(String text, long millis) {
    assertThat(of("?decay=" + text).retention().decay()).isEqualTo(Duration.ofMillis(millis));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "10", "0s", "1ms", "-1s", "soon", "1d", "10000000000s"})
  void decay_thatIsNone_isRefusedNamingIt(String text) {
    assertThatThrownBy(() -> of("?decay=" + text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("decay")
        .hasMessageContaining("\"" + text + "\"");
  }

  @Test
  void retainedZeroingHugePages_areRead() {
    HeapOptions options = of("?retained=64KiB&zeroing=background&hugepages=true");
    assertThat(options.retention().bytes()).isEqualTo(65_536);
    assertThat(options.retention().zeroed()).isTrue();
    assertThat(options.hugePages()).isTrue();
    assertThat(of("?retained=0").retention().bytes()).isZero();
    assertThat(of("?zeroing=demand&hugepages=false").retention().needsAttention()).isFalse();
    assertThat(of("").hugePages()).isFalse();
  }

  @Test
  void pressure_isHeeded_unlessItIsIgnored() {
    assertThat(of("").heedsPressure()).isTrue();
    assertThat(of("?pressure=heed").heedsPressure()).isTrue();
    assertThat(of("?pressure=ignore&strategy=malloc").heedsPressure()).isFalse();
  }

  @ParameterizedTest
  @CsvSource({
    "limit=64MiB, 0, 0",
    "limit=64MiB&swap=any, 983040, 1966080",
    "limit=64MiB&swap=any&low-watermark=0, 0, 0",
    "limit=64MiB&low-watermark=1MiB, 1048576, 2097152",
    "limit=64MiB&low-watermark=40MiB&high-watermark=50MiB, 41943040, 52428800",
    "limit=64MiB&low-watermark=40MiB, 41943040, 67108863",
    "limit=64MiB&contiguous=64MiB&swap=any, 0, 0",
    "limit=64MiB&contiguous=62MiB&swap=any, 0, 0",
    "limit=64MiB&contiguous=32MiB&swap=any, 458752, 917504",
    "limit=4096&swap=any, 0, 0"
  })
  void watermarks_areBelowWhatCanBeFree(String options, long low, long high) {
    assertThat(of("?" + options).watermarks()).isEqualTo(new Watermarks(low, high));
  }

  @ParameterizedTest
  @CsvSource({
    "limit=64MiB&low-watermark=64MiB, 67108864 B",
    "limit=64MiB&low-watermark=8EiB, watermark",
    "limit=64MiB&low-watermark=8000000TiB, 67108864 B",
    "limit=64MiB&low-watermark=2MiB&high-watermark=1MiB, 2097152 B and 1048576 B",
    "limit=64MiB&high-watermark=1MiB, 0 B and 1048576 B",
    "limit=64MiB&swap=any&high-watermark=62MiB, 62914560 B",
    "limit=64MiB&contiguous=32MiB&low-watermark=40MiB, 33554432 B",
    "limit=64MiB&low-watermark=some, some",
    "limit=64MiB&swap-level=3, swap-level"
  })
  void watermarksOrSwap_thatCannotBe_areRefusedNamingThem(String options, String said) {
    assertThatThrownBy(() -> of("?" + options))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(said);
  }

  @ParameterizedTest
  @CsvSource({
    "pressure, never",
    "zeroing, often",
    "zeroing, ''",
    "hugepages, yes",
    "retained, much",
    "retained, -1"
  })
  void optionThatHasNoSuchValue_isRefusedNamingBoth(String option, String text) {
    assertThatThrownBy(() -> of("?%s=%s".formatted(option, text)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(option)
        .hasMessageContaining(text);
  }

  @ParameterizedTest
  @CsvSource({
    "contiguous, 1MiB",
    "decay, 1s",
    "retained, 1MiB",
    "zeroing, background",
    "hugepages, true"
  })
  void optionOfTheOwnPool_withAnotherStrategy_isRefusedNamingBoth(String option, String text) {
    assertThatThrownBy(() -> of("?limit=2MiB&strategy=malloc&%s=%s".formatted(option, text)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(option)
        .hasMessageContaining("malloc");
  }

  @Test
  void defaults_areAQuarterOfTheMemoryAndTenSeconds() {
    HeapOptions options = of("");
    assertThat(options.retention().decay()).isEqualTo(Duration.ofSeconds(10));
    assertThat(options.limit()).isBetween(SizeClasses.PAGE, 1L << 44);
  }

  @Test
  void unknownOption_isRefusedWithThoseThatExist() {
    assertThatThrownBy(() -> of("?size=1"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("size")
        .hasMessageContaining("limit")
        .hasMessageContaining("pinned")
        .hasMessageContaining("decay");
  }
}

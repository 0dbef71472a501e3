package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class ByteSizeTest {
  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "4096, 4096",
    "4096B, 4096",
    "64KiB, 65536",
    "64k, 65536",
    "64kb, 64000",
    "1.5GiB, 1610612736",
    "100MB, 100000000",
    "2 MiB, 2097152",
    "1T, 1099511627776",
    "8388607TiB, 9223370937343148032"
  })
  void parse_takesNumbersWithUnits(String text, long bytes) {
    assertThat(ByteSize.parse(text)).isEqualTo(bytes);
    assertThat(ByteSize.parse(" " + text + " ")).isEqualTo(bytes);
    assertThat(ByteSize.parse(text.toLowerCase(Locale.ROOT))).isEqualTo(bytes);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "", " ", "-1", "+1", "KiB", "1 2", "1XB", "0x10", "1.", ".5", "1e3", "1KiBB", "1KiB x", "٣",
        "1,5MiB"
      })
  void parse_refusesOtherForms(String text) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ByteSize.parse(text))
        .withMessageContaining("\"" + text);
  }

  @ParameterizedTest
  @ValueSource(strings = {"8388608TiB", "999999999999999999GiB"})
  void parse_refusesWhatDoesNotFit(String text) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ByteSize.parse(text))
        .withMessageContaining("8 EiB");
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0 B",
    "1023, 1023 B",
    "1024, 1 KiB",
    "1536, 1.5 KiB",
    "65536, 64 KiB",
    "1610612736, 1.5 GiB",
    "9223372036854775807, 8388608 TiB"
  })
  void format_usesTheLargestUnit(long bytes, String text) {
    assertThat(ByteSize.format(bytes)).isEqualTo(text);
  }

  @Test
  void format_isTheSameInEveryLocale() {
    Locale before = Locale.getDefault();
    try {
      Locale.setDefault(Locale.forLanguageTag("ar-EG-u-nu-arab"));
      assertThat(ByteSize.format(65536)).isEqualTo("64 KiB");
      assertThat(ByteSize.format(1536)).isEqualTo("1.5 KiB");
    } finally {
      Locale.setDefault(before);
    }
  }

  @Test
  void exact_isInBytes_andReadable() {
    assertThat(ByteSize.exact(1023)).isEqualTo("1023 B");
    assertThat(ByteSize.exact(65536)).isEqualTo("65536 B (64 KiB)");
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, 512, 1024, 65536, 1L << 20, 3L << 30, 5L << 40})
  void format_isReadBack(long bytes) {
    assertThat(ByteSize.parse(ByteSize.format(bytes))).isEqualTo(bytes);
  }
}

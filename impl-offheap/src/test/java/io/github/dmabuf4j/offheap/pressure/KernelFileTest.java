package io.github.dmabuf4j.offheap.pressure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files are read as they are, and what isn't as expected is said with the file's name. */
final class KernelFileTest {
  @TempDir Path folder;

  private KernelFile file(String text) throws IOException {
    return new KernelFile(Files.writeString(folder.resolve("file"), text));
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "17, 17",
    "'17\n', 17",
    "max, 9223372036854775807",
    "9223372036854771712, 9223372036854771712",
    "18446744073709551615, 9223372036854775807",
    "99999999999999999999999999, 9223372036854775807"
  })
  void number_isRead_andIsTheLargestIfItIsHuge(String text, long number) throws IOException {
    assertThat(file(text).number()).isEqualTo(number);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "\n", "-1", "many", "1.5", "0x10", "1 2", "+1", "\u0661", "\0"})
  void number_thatIsNone_isRefusedWithThePath(String text) throws IOException {
    KernelFile file = file(text);
    assertThatIOException()
        .isThrownBy(file::number)
        .withMessageContaining(file.path().toString())
        .withMessageContaining("a number is wanted");
  }

  @Test
  void numberInALine_isFoundByItsWords() throws IOException {
    KernelFile events = file("low 1\nhigh 2\nmax 3\nmaximal 4\n");
    assertThat(events.number("max", "")).isEqualTo(3);
    assertThat(events.number("maximal", "")).isEqualTo(4);
    KernelFile stalls = file(PressureFixture.stallText(77));
    assertThat(stalls.number("some", "total=")).isEqualTo(77);
    assertThat(stalls.number("full", "total=")).isEqualTo(1);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "some",
        "some total",
        "some total=",
        "some  total=x",
        "none total=1",
        "sometotal=1"
      })
  void numberInALine_thatIsNotThere_isRefusedWithThePath(String text) throws IOException {
    KernelFile file = file(text);
    assertThatIOException()
        .isThrownBy(() -> file.number("some", "total="))
        .withMessageContaining(file.path().toString());
  }

  @Test
  void numberInALineFarDown_isFound() throws IOException {
    KernelFile stat = file("line 1\n".repeat(700) + "inactive_file 5\n");
    assertThat(stat.number("inactive_file", "")).isEqualTo(5);
  }

  @Test
  void missing_andUnreadable_sayWhy() throws IOException {
    KernelFile missing = new KernelFile(folder.resolve("missing"));
    assertThatIOException()
        .isThrownBy(missing::number)
        .withMessageEndingWith("missing: no such file");
    KernelFile directory = new KernelFile(Files.createDirectory(folder.resolve("directory")));
    assertThatIOException()
        .isThrownBy(directory::number)
        .withMessageContaining("directory: ")
        .withMessageContaining("irectory");
  }

  @Test
  void veryLong_isCut_andNotAllOfItIsInTheMessage() throws IOException {
    KernelFile file = file("x".repeat(1 << 20));
    assertThatIOException()
        .isThrownBy(file::number)
        .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(300));
  }
}

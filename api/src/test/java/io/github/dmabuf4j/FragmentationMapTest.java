package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.FragmentationMap.Run;
import io.github.dmabuf4j.FragmentationMap.Use;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The map of a contiguous region, as figures and as text. */
final class FragmentationMapTest {
  private static final long PAGE = 4096;

  /** A page for each character. */
  private static FragmentationMap map(String pages) {
    List<Run> runs = new ArrayList<>();
    for (int i = 0; i < pages.length(); i++) {
      runs.add(new Run(i * PAGE, PAGE, use(pages.charAt(i))));
    }
    return new FragmentationMap(pages.length() * PAGE, runs);
  }

  private static Use use(char sign) {
    for (Use use : Use.values()) {
      if (use.sign() == sign) {
        return use;
      }
    }
    throw new AssertionError(sign);
  }

  @Test
  void bytesAndLongestFreeRun_joinNeighbours() {
    FragmentationMap map = map("mm..m...C#.!");
    assertThat(map.bytes(Use.FREE)).isEqualTo(6 * PAGE);
    assertThat(map.bytes(Use.MOVABLE)).isEqualTo(3 * PAGE);
    assertThat(map.largestFree()).isEqualTo(3 * PAGE);
    assertThat(map.fragmentation()).isEqualTo(0.5);
  }

  @Test
  void fullRegion_isNotFragmented_andEmptyOneNeither() {
    assertThat(map("mmCC").fragmentation()).isZero();
    assertThat(map("....").fragmentation()).isZero();
  }

  @Test
  void text_showsWhatThereIsMostOf_butPinsAndContiguousBuffersAlways() {
    FragmentationMap map = map("...mmm.m!...C...mmm#mm");
    assertThat(map.text(PAGE)).isEqualTo("...mmm.m!...C...mmm#mm");
    assertThat(map.text(4 * PAGE)).isEqualTo(".m!C#m");
    assertThat(map.text(1 << 20)).isEqualTo("#");
  }

  @Test
  void text_ofTooManyCharacters_isRefused() {
    assertThatThrownBy(() -> map(".").text(0)).isInstanceOf(IllegalArgumentException.class);
    FragmentationMap large =
        new FragmentationMap(1L << 40, List.of(new Run(0, 1L << 40, Use.FREE)));
    assertThatThrownBy(() -> large.text(PAGE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("2^24");
    assertThat(large.toString().lines().count()).isLessThan(20);
  }

  @Test
  void toString_hasALegendForEachSign() {
    assertThat(map("m.C").toString())
        .contains("\nm.C\n")
        .contains(". free  m movable  ~ on the way  ! movable, pinned  C contiguous  # contiguous");
    assertThat(new BufInfo("heap", List.of(), Optional.of(map("m.C"))).toString())
        .contains("contiguous region: 12 KiB");
  }
}

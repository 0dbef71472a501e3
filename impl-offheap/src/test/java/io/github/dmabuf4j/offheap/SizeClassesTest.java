package io.github.dmabuf4j.offheap;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class SizeClassesTest {
  private static final long LARGEST = 64L << 20;

  @Test
  void classOf_everySizeInPages_wastesAtMostAnEighth() {
    for (long pages = 1; pages <= LARGEST / SizeClasses.PAGE; pages++) {
      int sizeClass = SizeClasses.classOf(pages);
      long bytes = SizeClasses.bytes(sizeClass);
      assertThat(bytes).isGreaterThanOrEqualTo(pages * SizeClasses.PAGE);
      assertThat(8 * bytes).isLessThanOrEqualTo(9 * pages * SizeClasses.PAGE);
      if (bytes <= 1L << 20) {
        assertThat(16 * bytes).isLessThanOrEqualTo(17 * pages * SizeClasses.PAGE);
      }
      assertThat(sizeClass == 0 || SizeClasses.bytes(sizeClass - 1) < pages * SizeClasses.PAGE)
          .as("the smallest class for %d pages", pages)
          .isTrue();
    }
  }

  @Test
  void bytes_everyClass_isItsOwnClass() {
    for (int sizeClass = 0; sizeClass < SizeClasses.COUNT; sizeClass++) {
      assertThat(SizeClasses.classOf(SizeClasses.pages(SizeClasses.bytes(sizeClass))))
          .isEqualTo(sizeClass);
    }
    assertThat(SizeClasses.bytes(SizeClasses.COUNT - 1)).isEqualTo(LARGEST);
  }

  @Test
  void count_classes_fitIntoTheByteOfABlock() {
    assertThat(SizeClasses.COUNT - 1).isLessThanOrEqualTo(Byte.MAX_VALUE);
  }

  @Test
  void classOf_beyondTheLargest_isUnpooled() {
    assertThat(SizeClasses.classOf(SizeClasses.pages(LARGEST))).isEqualTo(SizeClasses.COUNT - 1);
    assertThat(SizeClasses.classOf(SizeClasses.pages(LARGEST + 1))).isEqualTo(SizeClasses.UNPOOLED);
    assertThat(SizeClasses.classOf(SizeClasses.pages(Long.MAX_VALUE)))
        .isEqualTo(SizeClasses.UNPOOLED);
  }

  @Test
  void pages_atTheEdges_roundUp() {
    assertThat(SizeClasses.pages(1)).isEqualTo(1);
    assertThat(SizeClasses.pages(4095)).isEqualTo(1);
    assertThat(SizeClasses.pages(4096)).isEqualTo(1);
    assertThat(SizeClasses.pages(4097)).isEqualTo(2);
    assertThat(SizeClasses.pages(Long.MAX_VALUE)).isEqualTo(1L << 51);
  }
}

package io.github.dmabuf4j.swap;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** Runs of pages against a model that knows each page. */
class FileExtentsProperties {
  private record Run(int start, int count) {}

  @Property(tries = 300)
  void randomTakesAndGives_neverOverlap_failOnlyWithoutARun_andComeBackWhole(
      @ForAll @IntRange(min = 1, max = 300) int pages, @ForAll long seed) {
    Random random = new Random(seed);
    FileExtents extents = new FileExtents(pages);
    BitSet used = new BitSet();
    List<Run> live = new ArrayList<>();
    for (int i = 0; i < 400; i++) {
      if (random.nextInt(5) < 3) {
        int count = 1 + random.nextInt(random.nextBoolean() ? 4 : pages);
        int start = extents.take(count);
        if (start < 0) {
          assertThat(longestFree(used, pages)).isLessThan(count);
        } else {
          assertThat(start + count).isLessThanOrEqualTo(pages);
          assertThat(used.get(start, start + count).isEmpty()).isTrue();
          used.set(start, start + count);
          live.add(new Run(start, count));
        }
      } else if (!live.isEmpty()) {
        give(extents, used, live.remove(random.nextInt(live.size())));
      }
      assertThat(extents.free()).isEqualTo(pages - used.cardinality());
    }
    live.forEach(run -> give(extents, used, run));
    assertThat(extents.take(pages)).isZero();
  }

  private static void give(FileExtents extents, BitSet used, Run run) {
    extents.give(run.start, run.count);
    used.clear(run.start, run.start + run.count);
  }

  private static int longestFree(BitSet used, int pages) {
    int longest = 0;
    for (int page = used.nextClearBit(0); page < pages; ) {
      int next = used.nextSetBit(page);
      int end = next < 0 ? pages : next;
      longest = Math.max(longest, end - page);
      page = used.nextClearBit(end);
    }
    return longest;
  }
}

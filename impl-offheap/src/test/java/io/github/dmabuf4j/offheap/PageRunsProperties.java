package io.github.dmabuf4j.offheap;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** Page runs against a model that knows every page, for machine pages of 4, 16 and 64 KiB. */
class PageRunsProperties {
  private static final int PAGES = 256;

  /** The number of the first page in all of memory: not a multiple of the larger steps. */
  private static final long BASE = (1L << 34) + 16;

  private record Run(int start, int count) {}

  @Provide
  Arbitrary<Integer> pagesPerUnit() {
    return Arbitraries.of(1, 4, 16);
  }

  @Property(tries = 300)
  void randomTakesAndGives_neverOverlap_andKnowWhatIsZero(
      @ForAll("pagesPerUnit") int pagesPerUnit, @ForAll long seed) {
    Random random = new Random(seed);
    PageRuns runs = new PageRuns(BASE << SizeClasses.PAGE_SHIFT, PAGES, pagesPerUnit);
    BitSet used = new BitSet();
    BitSet written = new BitSet();
    List<Run> live = new ArrayList<>();
    for (int i = 0; i < 300; i++) {
      if (random.nextInt(5) < 3) {
        take(random, runs, used, written, live);
      } else if (!live.isEmpty()) {
        give(random, runs, used, written, live.remove(random.nextInt(live.size())), pagesPerUnit);
      }
    }
    for (Run run : live) {
      give(random, runs, used, written, run, pagesPerUnit);
    }
    assertThat(runs.isEmpty()).isTrue();
    assertThat(written.isEmpty()).as("every page went back").isTrue();
    assertThat(runs.take(PAGES, 1)).isZero();
  }

  private static void take(
      Random random, PageRuns runs, BitSet used, BitSet written, List<Run> live) {
    int count = 1 + random.nextInt(random.nextInt(10) == 0 ? PAGES : 20);
    int step = 1 << random.nextInt(random.nextBoolean() ? 1 : 11);
    int start = runs.take(count, step);
    if (start < 0) {
      assertThat(hasRoom(used, count, step))
          .as("no room for %d pages at a multiple of %d", count, step)
          .isFalse();
      return;
    }
    assertThat((BASE + start) % step).isZero();
    assertThat(start + count).isLessThanOrEqualTo(PAGES);
    assertThat(used.get(start, start + count).isEmpty()).as("nobody else has these pages").isTrue();
    if (runs.isZero(start, count)) {
      assertThat(written.get(start, start + count).isEmpty()).as("said to be zero").isTrue();
    }
    used.set(start, start + count);
    live.add(new Run(start, count));
  }

  private static boolean hasRoom(BitSet used, int count, int step) {
    for (int start = 0; start + count <= PAGES; start++) {
      if ((BASE + start) % step == 0 && used.get(start, start + count).isEmpty()) {
        return true;
      }
    }
    return false;
  }

  private static void give(
      Random random, PageRuns runs, BitSet used, BitSet written, Run run, int pagesPerUnit) {
    boolean touched = random.nextBoolean();
    int end = run.start + run.count;
    if (touched) {
      written.set(run.start, end);
    }
    used.clear(run.start, end);
    PageRuns.Range back = runs.give(run.start, run.count, touched);
    if (back == null) {
      return;
    }
    assertThat(back.start() % pagesPerUnit).isZero();
    assertThat(back.end() % pagesPerUnit).isZero();
    assertThat(used.get(back.start(), back.end()).isEmpty())
        .as("nothing in use goes back")
        .isTrue();
    written.clear(back.start(), back.end());
    runs.zeroed(back);
  }

  @Example
  void give_machinePagesLargerThanARun_goBackWithTheLastRunInThem() {
    PageRuns runs = new PageRuns(0, PAGES, 16);
    int first = runs.take(5, 1);
    int second = runs.take(11, 1);
    assertThat(runs.give(first, 5, true)).isNull();
    assertThat(runs.give(second, 11, true)).isEqualTo(new PageRuns.Range(0, 16));
  }

  @Example
  void give_notTakenByTheOperatingSystem_staysDirty() {
    PageRuns runs = new PageRuns(0, PAGES, 1);
    runs.give(runs.take(2, 1), 2, true);
    assertThat(runs.isZero(runs.take(2, 1), 2)).isFalse();
    assertThat(runs.give(0, 2, false)).isEqualTo(new PageRuns.Range(0, 2));
  }

  @Example
  void take_afterAFullSlabMadeRoom_findsIt() {
    PageRuns runs = new PageRuns(0, PAGES, 1);
    assertThat(runs.take(PAGES, 1)).isZero();
    assertThat(runs.take(1, 1)).isNegative();
    runs.give(0, PAGES, true);
    assertThat(runs.take(1, 1)).isZero();
  }
}

package io.github.dmabuf4j.offheap.strategy;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.spi.PoolingStrategy.Piece;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;

/**
 * The buddy against models: pieces don't overlap and are aligned, free buddies are merged at once,
 * and a block is refused only if no free range could hold it.
 */
class BuddyProperties {
  private static final int ROOT_ORDER = 6;
  private static final int PAGES = 1 << ROOT_ORDER;

  /** Takes a block of an order, or gives back one of those that are out. */
  record Step(boolean take, int order, int which) {}

  @Provide
  Arbitrary<List<Step>> steps() {
    return Combinators.combine(
            Arbitraries.frequency(Tuple.of(3, true), Tuple.of(2, false)),
            Arbitraries.frequency(
                Tuple.of(8, 0),
                Tuple.of(4, 1),
                Tuple.of(4, 2),
                Tuple.of(2, 3),
                Tuple.of(1, 5),
                Tuple.of(1, ROOT_ORDER)),
            Arbitraries.integers().between(0, 1000))
        .as(Step::new)
        .list()
        .ofSize(300);
  }

  private record Taken(int node, int order) {}

  @Property(tries = 200)
  void tree_isAsTheModelOfItsPages(@ForAll("steps") List<Step> steps) {
    BuddyTree tree = new BuddyTree(ROOT_ORDER);
    boolean[] used = new boolean[PAGES];
    List<Taken> taken = new ArrayList<>();
    for (Step step : steps) {
      if (step.take) {
        int node = tree.take(step.order);
        assertThat(node != BuddyTree.NONE).isEqualTo(largestFree(used) >= step.order);
        if (node != BuddyTree.NONE) {
          mark(used, tree.page(node, step.order), step.order, true);
          taken.add(new Taken(node, step.order));
        }
      } else if (!taken.isEmpty()) {
        Taken given = taken.remove(step.which % taken.size());
        tree.give(given.node, given.order);
        mark(used, tree.page(given.node, given.order), given.order, false);
      }
      assertThat(tree.largestFree()).isEqualTo(largestFree(used));
      assertThat(tree.isWhole()).isEqualTo(taken.isEmpty());
    }
  }

  private static void mark(boolean[] used, long firstPage, int order, boolean value) {
    assertThat(firstPage % (1 << order)).as("at a multiple of its size").isZero();
    for (int page = (int) firstPage; page < firstPage + (1 << order); page++) {
      assertThat(used[page]).as("page %d", page).isNotEqualTo(value);
      used[page] = value;
    }
  }

  /** The order of the largest range that is free and at a multiple of its size: as if merged. */
  private static int largestFree(boolean[] used) {
    for (int order = ROOT_ORDER; order >= 0; order--) {
      for (int first = 0; first < PAGES; first += 1 << order) {
        if (isFree(used, first, 1 << order)) {
          return order;
        }
      }
    }
    return -1;
  }

  private static boolean isFree(boolean[] used, int first, int count) {
    for (int page = first; page < first + count; page++) {
      if (used[page]) {
        return false;
      }
    }
    return true;
  }

  @Provide
  Arbitrary<List<Step>> sizes() {
    return Combinators.combine(
            Arbitraries.frequency(Tuple.of(3, true), Tuple.of(2, false)),
            Arbitraries.frequencyOf(
                Tuple.of(6, Arbitraries.integers().between(1, 1 << 16)),
                Tuple.of(2, Arbitraries.integers().between(1, 16 << 20)),
                Tuple.of(1, Arbitraries.integers().between(30 << 20, 40 << 20))),
            Arbitraries.integers().between(0, 1000))
        .as(Step::new)
        .list()
        .ofSize(200);
  }

  private record Live(Piece piece, long end) {}

  @Property(tries = 30)
  void pieces_areAligned_apartFromEachOther_andAllGoBack(@ForAll("sizes") List<Step> steps) {
    Malloc source = new Malloc();
    Buddy buddy = new Buddy(source);
    TreeMap<Long, Live> live = new TreeMap<>();
    for (Step step : steps) {
      if (step.take) {
        long alignment = 1L << (step.which % 22);
        Piece piece = buddy.allocate(step.order, alignment);
        assertThat(piece.address() % alignment).isZero();
        add(live, piece, step.order);
      } else if (!live.isEmpty()) {
        Long which = live.ceilingKey(live.firstKey() + step.which % 7 * Buddy.PAGE);
        live.remove(which == null ? live.firstKey() : which).piece.free();
      }
    }
    live.values().forEach(one -> one.piece.free());
    assertThat(buddy.chunkCount()).as("one is kept").isLessThanOrEqualTo(1);
    assertThat(buddy.trim()).isIn(0L, Buddy.CHUNK);
    assertThat(source.committedBytes()).isZero();
    buddy.close();
  }

  private static void add(NavigableMap<Long, Live> live, Piece piece, long bytes) {
    Map.Entry<Long, Live> below = live.floorEntry(piece.address());
    Map.Entry<Long, Live> above = live.ceilingEntry(piece.address());
    assertThat(below == null || below.getValue().end <= piece.address()).isTrue();
    assertThat(above == null || piece.address() + bytes <= above.getKey()).isTrue();
    live.put(piece.address(), new Live(piece, piece.address() + bytes));
  }
}

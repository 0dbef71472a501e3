package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** A {@link LruLine} against a list that is sorted by the time of the last use. */
final class LruLineProperties {
  private static final BufferObject OBJECT = new TestExporter().object;

  private final LruLine line = new LruLine();
  private final Map<ReclaimState, Long> lastUse = new HashMap<>();
  private final List<ReclaimState> all = new ArrayList<>();
  private long clock;

  private List<ReclaimState> model(long began) {
    return all.stream()
        .filter(state -> lastUse.get(state) < began)
        .sorted(Comparator.comparing(lastUse::get))
        .toList();
  }

  private ReclaimState any(Random random) {
    return all.get(random.nextInt(all.size()));
  }

  private void append(ReclaimState state) {
    line.append(state, clock);
    lastUse.put(state, clock++);
    all.add(state);
  }

  private void remove(ReclaimState state) {
    line.remove(state);
    all.remove(state);
  }

  /** The next ones are the oldest, in order; as many as could be told without moving others. */
  private List<ReclaimState> checkOldest(int room, long began) {
    ReclaimState[] batch = new ReclaimState[room];
    List<ReclaimState> found = Arrays.asList(batch).subList(0, line.oldest(batch, began));
    List<ReclaimState> expected = model(began);
    assertThat(found).isEqualTo(expected.subList(0, found.size()));
    if (!expected.isEmpty()) {
      assertThat(found).as("there are some").isNotEmpty();
    }
    return found;
  }

  @Property(tries = 300)
  void line_isInTheOrderOfTheLastUse_whateverHappensInBetween(
      @ForAll Random random, @ForAll @IntRange(min = 1, max = 8) int room) {
    for (int step = 0; step < 200; step++) {
      int kind = all.isEmpty() ? 0 : random.nextInt(10);
      switch (kind) {
        case 0 -> append(new ReclaimState(OBJECT, null));
        case 1 -> remove(any(random));
        case 2 -> {
          ReclaimState again = any(random);
          remove(again);
          append(again); // busy, or moved from another line
        }
        case 3 -> checkOldest(room, clock);
        case 4 -> checkOldest(room, clock == 0 ? 0 : random.nextLong(clock));
        default -> {
          ReclaimState used = any(random);
          used.setUsedAt(clock);
          lastUse.put(used, clock++);
        }
      }
    }
    assertThat(line.sum(state -> 1)).isEqualTo(all.size());
    List<ReclaimState> drained = new ArrayList<>();
    List<ReclaimState> expected = model(clock);
    while (!all.isEmpty()) {
      for (ReclaimState state : List.copyOf(checkOldest(room, clock))) {
        drained.add(state);
        remove(state);
      }
    }
    assertThat(drained).isEqualTo(expected);
    assertThat(line.sum(state -> 1)).isZero();
  }
}

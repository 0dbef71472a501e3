package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** A {@link LruLine} against a list that is sorted by the time of the last use. */
final class LruLineProperties {
  private static final TestExporter EXPORTER = new TestExporter();

  /** When one was used last, and before whom of those that were passed by at the same time. */
  private record Use(long at, int order) {}

  private static final Comparator<Use> BY_TIME =
      Comparator.comparingLong(Use::at).thenComparingInt(Use::order);

  private static final BufferLru LRU = new BufferLru();

  private final LruPieces pieces = new LruPieces();
  private final LruLine line = new LruLine(pieces);
  private final Map<FollowedState, Use> lastUse = new HashMap<>();
  private final List<FollowedState> all = new ArrayList<>();
  private long clock;

  private List<FollowedState> model(long began) {
    return all.stream()
        .filter(state -> lastUse.get(state).at < began)
        .sorted(Comparator.comparing(lastUse::get, BY_TIME))
        .toList();
  }

  private static FollowedState fresh() {
    BufferObject object = new BufferObject(EXPORTER);
    FollowedState state = new FollowedState(object, LRU);
    object.setReclaimState(state);
    return state;
  }

  private FollowedState any(Random random) {
    return all.get(random.nextInt(all.size()));
  }

  private void append(FollowedState state) {
    pieces.join();
    line.append(state, clock);
    lastUse.put(state, new Use(clock++, 0));
    all.add(state);
  }

  private void remove(FollowedState state) {
    line.remove(state);
    pieces.leave();
    all.remove(state);
  }

  private void use(FollowedState state) {
    state.setUsedAt(clock);
    lastUse.put(state, new Use(clock++, 0));
  }

  /** The next ones are the oldest, in order; as many as could be told without moving others. */
  private List<FollowedState> checkOldest(int room, long began) {
    FollowedState[] batch = new FollowedState[room];
    List<FollowedState> found = Arrays.asList(batch).subList(0, line.oldest(batch, began));
    List<FollowedState> expected = model(began);
    assertThat(found).isEqualTo(expected.subList(0, found.size()));
    if (!expected.isEmpty()) {
      assertThat(found).as("there are some").isNotEmpty();
    }
    return found;
  }

  /**
   * Each locked one is passed by as it is met, if it was placed before and so are all beside it.
   */
  private void passBusy(Random random) {
    Thread holder = Thread.currentThread();
    Set<FollowedState> busy = new HashSet<>();
    for (FollowedState state : all) {
      if (random.nextInt(20) > 0) {
        assertThat(state.object.reservation().mutex.tryLock(holder)).isTrue();
        busy.add(state);
      }
    }
    long began = random.nextInt(4) == 0 ? random.nextLong(clock + 1) : clock;
    List<FollowedState> before = inOrder();
    while (line.passBusy(began, clock)) {
      int passed = 0;
      for (FollowedState state : before) {
        if (state.piece.placedAt(state) == clock) {
          assertThat(busy).contains(state);
          lastUse.put(state, new Use(clock, passed++));
        }
      }
      assertThat(passed).isPositive();
      clock++;
    }
    busy.forEach(state -> state.object.reservation().mutex.unlock(holder));
  }

  private List<FollowedState> inOrder() {
    List<FollowedState> inOrder = new ArrayList<>();
    long members = line.sum(state -> inOrder.add(state) ? 1 : 0);
    assertThat(inOrder).hasSize((int) members);
    return inOrder;
  }

  /** A scan: takes some, others are used and leave meanwhile, and those tried are passed by. */
  private void scan(Random random, int room) {
    long began = clock;
    FollowedState[] tried = checkOldest(room, began).toArray(FollowedState[]::new);
    while (random.nextInt(3) == 0 && !all.isEmpty()) {
      happen(random, room);
    }
    int count = random.nextInt(4) == 0 ? random.nextInt(tried.length + 1) : tried.length;
    line.passBy(tried, count, began, clock);
    for (int i = 0; i < count; i++) {
      FollowedState state = tried[i];
      if (!all.contains(state)) {
        continue;
      }
      if (state.piece.placedAt(state) == clock) {
        lastUse.put(state, new Use(clock, i));
      } else {
        assertThat(lastUse.get(state).at).as("used since").isGreaterThanOrEqualTo(began);
      }
    }
    clock++;
  }

  private void happen(Random random, int room) {
    switch (all.isEmpty() ? 0 : random.nextInt(12)) {
      case 0, 1 -> append(fresh());
      case 2, 3 -> remove(any(random));
      case 4 -> {
        FollowedState again = any(random);
        remove(again);
        append(again); // moved from another line, and back
      }
      case 5 -> checkOldest(room, clock);
      case 6 -> checkOldest(room, clock == 0 ? 0 : random.nextLong(clock));
      default -> use(any(random));
    }
  }

  /** Each knows where it is, neighbours are well filled, and there are enough pieces, not more. */
  private void checkPieces() {
    List<FollowedState> inOrder = inOrder();
    Set<LruPiece> distinct = new LinkedHashSet<>();
    for (FollowedState state : inOrder) {
      assertThat(state.line()).isSameAs(line);
      assertThat(state.piece.at(state.slot)).isSameAs(state);
      distinct.add(state.piece);
    }
    List<LruPiece> inLine = List.copyOf(distinct);
    assertThat(inLine.stream().mapToInt(LruPiece::members).sum()).isEqualTo(all.size());
    for (int i = 1; i < inLine.size(); i++) {
      assertThat(inLine.get(i - 1).members() + inLine.get(i).members())
          .as("of neighbours")
          .isGreaterThan(LruPiece.FEW);
      assertThat(inLine.get(i).before).isSameAs(inLine.get(i - 1));
    }
    assertThat(inOrder).hasSameSizeAs(all);
    assertThat(pieces.made()).isBetween(inLine.size(), 5 + all.size() / 12);
  }

  @Property(tries = 300)
  void line_isInTheOrderOfTheLastUse_whateverHappensInBetween(
      @ForAll Random random,
      @ForAll @IntRange(max = 200) int members,
      @ForAll @IntRange(min = 1, max = LruPiece.CAPACITY) int room) {
    for (int i = 0; i < members; i++) {
      append(fresh());
      if (random.nextInt(8) == 0) {
        use(any(random));
      }
    }
    for (int step = 0; step < 200; step++) {
      if (random.nextInt(20) == 0) {
        passBusy(random);
      } else if (random.nextInt(8) == 0) {
        scan(random, room);
      } else {
        happen(random, room);
      }
      checkPieces();
    }
    List<FollowedState> drained = new ArrayList<>();
    List<FollowedState> expected = model(clock);
    while (!all.isEmpty()) {
      for (FollowedState state : List.copyOf(checkOldest(room, clock))) {
        drained.add(state);
        remove(state);
        checkPieces();
      }
    }
    assertThat(drained).isEqualTo(expected);
    assertThat(line.sum(state -> 1)).isZero();
  }

  @Property(tries = 20)
  void buffersThatLeave_inAnyOrder_leaveNoPieceBehindThatIsNotNeeded(
      @ForAll Random random, @ForAll @IntRange(max = 2) int order) {
    int count = 20_000;
    for (int i = 0; i < count; i++) {
      append(fresh());
    }
    List<FollowedState> leaving = new ArrayList<>(all);
    if (order > 0) {
      Collections.shuffle(leaving, random);
    }
    all.clear();
    for (FollowedState state : leaving) {
      line.remove(state);
      pieces.leave();
      count--;
      assertThat(pieces.made()).isLessThanOrEqualTo(5 + count / 12);
    }
    assertThat(line.sum(state -> 1)).isZero();
  }
}

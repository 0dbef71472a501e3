package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.BufferObject.Residency;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.jspecify.annotations.Nullable;

/**
 * A {@link BufferLru} against a list of what happened to each buffer: whatever is used, offered,
 * held, closed and scanned in which order, a scan takes exactly those that the list says, and the
 * figures are sums over the list.
 */
final class BufferLruProperties {
  private static final long SIZE = TestExporter.SIZE;
  private static final long STORED = SIZE / 4;

  /** What is known of one buffer. */
  private static final class One {
    final EvictableExporter exporter;
    DmaBuf handle;
    @Nullable Hold hold;
    boolean dontNeed;
    Residency residency = Residency.RESIDENT;

    /** When it was used last, or came to its place. */
    int at;

    byte content;

    One(EvictableExporter exporter) {
      this.exporter = exporter;
      this.handle = exporter.export();
    }

    long reclaimable() {
      boolean inMemory = residency == Residency.RESIDENT;
      if (hold != null || residency == Residency.PURGED || (!inMemory && !dontNeed)) {
        return 0;
      }
      return inMemory ? SIZE : STORED;
    }
  }

  /** One run. */
  private static final class Run {
    final TestStore store = new TestStore();
    final BufferLru lru = new BufferLru(store);
    final List<One> all = new ArrayList<>();
    private int clock;
    private long evictions;
    private long purges;
    private long refaults;

    private void write(One one, int value) {
      one.content = (byte) value;
      Evictions.fill(one.handle, value);
      used(one);
    }

    private void used(One one) {
      if (one.residency == Residency.EVICTED) {
        one.residency = Residency.RESIDENT;
        refaults++;
      }
      one.at = clock++;
    }

    private void use(One one, Random random) {
      if (one.residency == Residency.PURGED) {
        exportAgain(one);
        return;
      }
      if (random.nextBoolean()) {
        Evictions.assertFilled(one.handle, one.content);
        used(one);
      } else {
        write(one, random.nextInt(256));
      }
    }

    private void hold(One one) {
      if (one.hold != null) {
        one.hold.close();
        one.hold = null;
      } else if (one.residency != Residency.PURGED) {
        one.hold = one.handle.hold();
        used(one);
      }
    }

    private void advise(One one, boolean dontNeed) {
      boolean there = Evictions.advise(one.handle, dontNeed ? Advice.DONT_NEED : Advice.WILL_NEED);
      assertThat(there).isEqualTo(one.residency != Residency.PURGED);
      if (there && one.dontNeed != dontNeed) {
        one.dontNeed = dontNeed;
        one.at = clock++;
      }
    }

    private void exportAgain(One one) {
      if (one.hold == null) {
        one.handle.close();
        one.handle = one.exporter.export();
        one.dontNeed = false;
        one.residency = Residency.RESIDENT;
        one.at = clock++;
        write(one, one.content + 1);
      }
    }

    private void scan(boolean purge, long wanted) {
      List<One> line =
          all.stream()
              .filter(one -> one.dontNeed == purge && one.residency != Residency.PURGED)
              .filter(one -> purge || one.residency == Residency.RESIDENT)
              .sorted(Comparator.comparingInt(one -> one.at))
              .toList();
      long given = 0;
      for (One one : line) {
        if (given >= wanted) {
          break;
        }
        long bytes = one.reclaimable();
        given += bytes;
        if (bytes == 0) {
          one.at = clock++; // passed by
        } else if (purge) {
          one.residency = Residency.PURGED;
          purges++;
        } else {
          one.residency = Residency.EVICTED;
          evictions++;
        }
      }
      assertThat(purge ? lru.purge(wanted) : lru.evict(wanted)).isEqualTo(given);
    }

    private void check() {
      for (One one : all) {
        assertThat(Evictions.residency(one.handle)).isEqualTo(one.residency);
        assertThat(one.exporter.isThere()).isEqualTo(one.residency == Residency.RESIDENT);
      }
      long stored = all.stream().filter(one -> one.residency == Residency.EVICTED).count();
      assertThat(store.stored()).isEqualTo((int) stored);
      assertThat(lru.count()).isEqualTo(all.stream().mapToLong(One::reclaimable).sum());
      ReclaimStatistics now = lru.statistics();
      assertThat(now.evictedBuffers()).isEqualTo(stored);
      assertThat(now.evictedBytes()).isEqualTo(stored * SIZE);
      assertThat(now.storedBytes()).isEqualTo(stored * STORED);
      assertThat(now.evictions()).isEqualTo(evictions);
      assertThat(now.purges()).isEqualTo(purges);
      assertThat(now.refaults()).isEqualTo(refaults);
    }

    void run(Random random, int buffers) {
      for (int i = 0; i < buffers; i++) {
        One one = new One(new EvictableExporter(lru));
        all.add(one);
        one.at = clock++;
        write(one, i);
      }
      for (int step = 0; step < 120; step++) {
        One one = all.get(random.nextInt(buffers));
        switch (random.nextInt(8)) {
          case 0, 1, 2 -> use(one, random);
          case 3 -> hold(one);
          case 4 -> advise(one, random.nextBoolean());
          case 5 -> exportAgain(one);
          case 6 -> scan(random.nextBoolean(), SIZE * random.nextInt(buffers + 2));
          default -> check();
        }
      }
      for (One one : all) {
        if (one.hold != null) {
          one.hold.close();
        }
        one.handle.close();
      }
      store.assertEmpty();
      assertThat(lru.count()).isZero();
    }
  }

  @Property(tries = 60)
  void everyScan_takesWhatTheListSays_andTheFiguresAreItsSums(
      @ForAll Random random, @ForAll @IntRange(min = 1, max = 8) int buffers) {
    new Run().run(random, buffers);
  }
}

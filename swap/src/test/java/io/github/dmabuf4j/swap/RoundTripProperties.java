package io.github.dmabuf4j.swap;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.spi.SwapStore;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.RandomDistribution;
import net.jqwik.api.Tuple;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/**
 * Content of any size and kind, at any address, comes back as it was from each kind of store, now
 * and after it was moved on; and its room is all there again afterwards.
 */
class RoundTripProperties {
  private static final AtomicLong CLOCK = new AtomicLong();
  private static final Map<Stores, TestMemory> MEMORY = new EnumMap<>(Stores.class);
  private static final Map<Stores, SlicedStore> STORES = new EnumMap<>(Stores.class);
  private static final AtomicLong STORED = new AtomicLong();
  private static final AtomicLong MOVED = new AtomicLong();

  @BeforeContainer
  static void open() {
    for (Stores kind : Stores.values()) {
      TestMemory memory = TestMemory.unlimited();
      MEMORY.put(kind, memory);
      STORES.put(kind, kind.open(memory, CLOCK));
    }
  }

  @AfterContainer
  static void closeAndCount() {
    STORES.forEach(
        (kind, store) -> {
          store.close();
          assertThat(MEMORY.get(kind).live()).as("%s", kind).isZero();
          assertThat(MEMORY.get(kind).closedTwice()).as("%s", kind).isZero();
        });
    assertThat(STORED.get()).isGreaterThan(100);
    assertThat(MOVED.get()).isGreaterThan(10);
  }

  @Provide
  Arbitrary<Integer> sizes() {
    return Arbitraries.frequencyOf(
        Tuple.of(3, uniform(1, 20_000)),
        Tuple.of(3, uniform(1, 700_000)),
        Tuple.of(1, uniform(1, 5_000_000)),
        Tuple.of(
            2,
            Arbitraries.of(
                1,
                7,
                8,
                9,
                4095,
                4096,
                4097,
                8192,
                131071,
                131072,
                131073,
                131080,
                524288,
                524289,
                720 * 405 * 3 / 2,
                1920 * 1080 * 3 / 2)));
  }

  private static Arbitrary<Integer> uniform(int least, int most) {
    return Arbitraries.integers()
        .between(least, most)
        .withDistribution(RandomDistribution.uniform())
        .withoutEdgeCases();
  }

  @Property(tries = 500, edgeCases = EdgeCasesMode.NONE)
  void content_comesBackAsItWas(
      @ForAll Stores kind,
      @ForAll Content content,
      @ForAll("sizes") int size,
      @ForAll long seed,
      @ForAll boolean aged) {
    SlicedStore store = STORES.get(kind);
    long before = MEMORY.get(kind).live();
    try (Arena arena = Arena.ofConfined()) {
      int unaligned = (int) (seed & 7);
      MemorySegment bytes = arena.allocate(size + unaligned).asSlice(unaligned);
      content.fill(bytes, seed);
      SwapStore.Ticket ticket = store.store(bytes);
      if (ticket == null) {
        assertThat(kind.isChoosy()).isTrue();
        assertThat(content != Content.ZERO && content != Content.WORD).isTrue();
      } else {
        STORED.incrementAndGet();
        age(store, kind, aged);
        long used = MEMORY.get(kind).live() - before;
        assertThat(used).isLessThanOrEqualTo(ticket.storedBytes());
        loadTwice(store, ticket, bytes, arena);
        store.discard(ticket);
        store.discard(ticket);
        assertThat(ticket.storedBytes()).isZero();
      }
    }
    assertThat(MEMORY.get(kind).live()).isEqualTo(before);
    assertThat(store.size()).isZero();
  }

  private static void age(SlicedStore store, Stores kind, boolean aged) {
    if (aged && kind.hasSecond()) {
      long was = MEMORY.get(kind).live();
      CLOCK.addAndGet(TimeUnit.SECONDS.toNanos(11));
      store.age();
      assertThat(MEMORY.get(kind).live()).isLessThanOrEqualTo(was);
      MOVED.addAndGet(MEMORY.get(kind).live() < was ? 1 : 0);
    }
  }

  private static void loadTwice(
      SlicedStore store, SwapStore.Ticket ticket, MemorySegment bytes, Arena arena) {
    MemorySegment back = arena.allocate(bytes.byteSize() + 1).asSlice(1);
    for (int i = 0; i < 2; i++) {
      back.fill((byte) 0x5A);
      store.load(ticket, back);
      assertThat(back.mismatch(bytes)).isEqualTo(-1);
    }
  }
}

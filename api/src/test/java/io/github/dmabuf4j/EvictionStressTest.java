package io.github.dmabuf4j;

import static io.github.dmabuf4j.Evictions.locked;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Users of all kinds beside scans, advice, and owners that come and go: whoever sees bytes sees
 * what was written last, all of it, or hears that it was dropped; and nothing is left at the end.
 */
final class EvictionStressTest {
  private static final int SLOTS = 12;

  private final TestStore store = new TestStore();
  private final BufferLru lru = new BufferLru(store);
  private final Queue<EvictableExporter> idle = new ConcurrentLinkedQueue<>();
  private final List<EvictableExporter> all = new ArrayList<>();
  private final List<AtomicReference<DmaBuf>> slots = new ArrayList<>();
  private final LongAdder seen = new LongAdder();
  private final LongAdder purged = new LongAdder();

  private static int any(int bound) {
    return ThreadLocalRandom.current().nextInt(bound);
  }

  // ---- bytes that know what they are: a number, its mixture, and so on to the end ----

  private static void put(MemorySegment segment) {
    long value = ThreadLocalRandom.current().nextLong();
    for (long at = 0; at < segment.byteSize(); at += 8) {
      segment.set(ValueLayout.JAVA_LONG, at, value);
      value = next(value);
    }
  }

  private static long next(long value) {
    return value * 0x9E37_79B9_7F4A_7C15L + 1;
  }

  private boolean check(MemorySegment segment) {
    long expected = segment.get(ValueLayout.JAVA_LONG, 0);
    for (long at = 0; at < segment.byteSize(); at += 8) {
      long found = segment.get(ValueLayout.JAVA_LONG, at);
      if (found != expected) {
        throw new AssertionError("torn or lost at byte " + at);
      }
      expected = next(expected);
    }
    seen.increment();
    return true;
  }

  // ---- owners ----

  private DmaBuf export() {
    EvictableExporter exporter = idle.poll();
    if (exporter == null) {
      exporter = new EvictableExporter(lru);
      EvictableExporter fresh = exporter;
      exporter.onRelease = () -> idle.add(fresh);
      synchronized (all) {
        all.add(exporter);
      }
    }
    DmaBuf buffer = exporter.export();
    withoutRefusal(() -> buffer.writeUninterruptibly(EvictionStressTest::put));
    return buffer;
  }

  /** Stores fail at times; whoever needs the content tries again. */
  private static void withoutRefusal(Runnable use) {
    boolean done = false;
    while (!done) {
      try {
        use.run();
        done = true;
      } catch (DmaBufException refusal) {
        assertThat(refusal).hasMessageContaining("on purpose");
      }
    }
  }

  private void replace(AtomicReference<DmaBuf> slot, DmaBuf old) {
    DmaBuf fresh = export();
    if (slot.compareAndSet(old, fresh)) {
      old.close();
    } else {
      fresh.close();
    }
  }

  // ---- users ----

  private void use() throws Exception {
    AtomicReference<DmaBuf> slot = slots.get(any(SLOTS));
    DmaBuf current = slot.get();
    DmaBuf mine;
    try {
      mine = current.dup();
    } catch (IllegalStateException closed) {
      return;
    }
    try (mine) {
      useOnce(mine);
    } catch (BufferPurgedException gone) {
      purged.increment();
      replace(slot, current);
    } catch (DmaBufException refusal) {
      assertThat(refusal).hasMessageContaining("on purpose");
    }
    if (any(50) == 0) {
      replace(slot, current);
    }
  }

  private void useOnce(DmaBuf buffer) throws Exception {
    switch (any(9)) {
      case 0 -> buffer.write(EvictionStressTest::put);
      case 1 -> buffer.read(this::check);
      case 2 -> {
        try (Hold hold = buffer.hold(ArenaKind.POOL)) {
          assertThat(hold.segment().byteSize()).isEqualTo(TestExporter.SIZE);
        }
      }
      case 3 -> locked(buffer, () -> look(buffer, false));
      case 4 -> locked(buffer, () -> look(buffer, true));
      case 5 -> {
        try (Attachment attachment = buffer.attach(new Uses.Device(true, null))) {
          locked(buffer, () -> lookAsDevice(buffer, attachment));
        }
      }
      case 6 -> Job.named("job").reads(buffer).publish().run(work -> check(work.segment(buffer)));
      case 7 -> Job.named("job").writes(buffer).publish().run(work -> put(work.segment(buffer)));
      default -> {
        Advice advice = any(4) == 0 ? Advice.DONT_NEED : Advice.WILL_NEED;
        boolean _ = Evictions.advise(buffer, advice);
      }
    }
  }

  private boolean look(DmaBuf buffer, boolean pinned) {
    boolean _ = pinned && buffer.advise(Advice.WILL_NEED);
    try (Vmap vmap =
        pinned ? buffer.vmapPinned(Pin.Term.SHORT, ArenaKind.CONFINED) : buffer.vmapLocked()) {
      buffer.reservation().awaitUninterruptibly(FenceUsage.BOOKKEEP);
      return check(vmap.segment());
    }
  }

  private boolean lookAsDevice(DmaBuf buffer, Attachment attachment) {
    ScatterList pieces = attachment.map(Access.READ);
    buffer.reservation().awaitUninterruptibly(FenceUsage.BOOKKEEP);
    boolean good = check(pieces.segments().getFirst());
    if (any(2) == 0) {
      attachment.unmap();
    }
    return good;
  }

  // ---- scans ----

  private void scan() {
    switch (any(8)) {
      case 0 -> lru.purge(Long.MAX_VALUE);
      case 1 -> lru.evict(Long.MAX_VALUE);
      case 2 -> lru.reclaimActive(TestExporter.SIZE, Duration.ofMillis(1));
      case 3 -> assertThat(lru.count()).isBetween(0L, 2 * SLOTS * TestExporter.SIZE);
      case 4 -> assertThat(lru.statistics().evictedBuffers()).isBetween(0L, 2L * SLOTS);
      case 5 -> store.refuses = !store.refuses;
      case 6 -> {
        DmaBufException refusal =
            new DmaBufException("load", Errno.ENOMEM, "thrown on purpose", null);
        store.failNext(TestStore.Call.LOAD, refusal);
      }
      default -> lru.evict(TestExporter.SIZE * any(4));
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void everybodyAtOnce_nothingIsTornOrLostOrLeft(boolean virtual) throws Exception {
    for (int i = 0; i < SLOTS; i++) {
      slots.add(new AtomicReference<>(export()));
    }
    BooleanSupplier going = Threads.stressTime(0.8);
    List<Threads.Body> bodies = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      bodies.add(
          () -> {
            while (going.getAsBoolean()) {
              use();
            }
          });
    }
    for (int i = 0; i < 2; i++) {
      bodies.add(
          () -> {
            while (going.getAsBoolean()) {
              scan();
            }
          });
    }
    Threads.together(virtual, bodies);
    for (AtomicReference<DmaBuf> slot : slots) {
      slot.get().close();
    }
    Threads.until(() -> all.stream().noneMatch(exporter -> exporter.object.isReferenced()));
    store.assertEmpty();
    assertThat(lru.count()).isZero();
    assertThat(lru.statistics().evictedBuffers()).isZero();
    assertThat(lru.statistics().refaults()).as("evicted ones came back").isPositive();
    assertThat(lru.statistics().purges()).isGreaterThanOrEqualTo(purged.sum() > 0 ? 1 : 0);
    assertThat(seen.sum()).isPositive();
    assertThat(idle).hasSize(all.size()).doesNotHaveDuplicates();
  }
}

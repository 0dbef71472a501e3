package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.spi.MappedBytes;
import io.github.dmabuf4j.spi.MappingCache;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** The counted mapping, and the idle reference that a cache owns (design rule VM1). */
final class BufferMappingTest {
  /** An exporter whose mappings are objects, each to be unmapped once and not while used. */
  private static final class Mapper extends TestExporter implements MappingCache {
    /** One mapping. */
    private final class Mapping implements MappedBytes {
      final AtomicBoolean unmapped = new AtomicBoolean();

      @Override
      public MemorySegment segment(long byteSize) {
        assertThat(unmapped).as("unmapped under somebody's hands").isFalse();
        return memory().asSlice(0, byteSize);
      }

      @Override
      public MemorySegment segment(long byteSize, Arena arena) {
        assertThat(unmapped).as("unmapped under somebody's hands").isFalse();
        return memory().asSlice(0, byteSize).reinterpret(arena, null);
      }
    }

    final Set<Mapping> live = ConcurrentHashMap.newKeySet();
    final AtomicInteger used = new AtomicInteger();
    final AtomicInteger idle = new AtomicInteger();
    volatile boolean keepsNothing;
    volatile Throwable refusal;
    volatile boolean refusesUse;

    /** The number of the last mapping that was made. */
    volatile int mapping;

    @Override
    public MappedBytes vmap() {
      called(Call.VMAP);
      Mapping fresh = new Mapping();
      live.add(fresh);
      return fresh;
    }

    @Override
    public void vunmap(MappedBytes bytes) {
      called(Call.VUNMAP);
      assertThat(((Mapping) bytes).unmapped.getAndSet(true)).as("unmapped twice").isFalse();
      assertThat(live.remove(bytes)).isTrue();
    }

    @Override
    public MappingCache mappingCache() {
      return this;
    }

    @Override
    public void mapped(BufferObject buffer, int mapping) {
      this.mapping = mapping;
      if (refusal instanceof Error error) {
        throw error;
      }
      idle.incrementAndGet();
      if (keepsNothing) {
        drop();
      }
    }

    @Override
    public void used(BufferObject buffer) {
      if (refusesUse) {
        throw new IllegalStateException("thrown on purpose");
      }
      used.incrementAndGet();
    }

    @Override
    public void unmapped(BufferObject buffer, int mapping) {
      idle.decrementAndGet();
    }

    boolean drop() {
      return drop(mapping);
    }

    boolean drop(int number) {
      boolean had = object.dropIdleMapping(number);
      if (had) {
        idle.decrementAndGet();
      }
      return had;
    }
  }

  private final Mapper exporter = new Mapper();
  private final DmaBuf buffer = exporter.export();

  private void locked(Runnable body) {
    Reservation reservation = buffer.reservation();
    reservation.lock();
    try {
      body.run();
    } finally {
      reservation.unlock();
    }
  }

  @Test
  void vm1_fromTheSecondTimeOn_theExporterIsNotAsked() {
    for (int i = 0; i < 10; i++) {
      buffer.hold().close();
    }
    assertThat(exporter.count(TestExporter.Call.VMAP)).isEqualTo(1);
    assertThat(exporter.used.get()).isEqualTo(9);
    assertThat(exporter.idle.get()).isEqualTo(1);
    buffer.close();
    assertThat(exporter.live).isEmpty();
    assertThat(exporter.idle.get()).isZero();
  }

  @Test
  void vm1_droppedByTheCache_unmapsWithTheLastUser() {
    try (Hold one = buffer.hold()) {
      Hold two = buffer.hold();
      assertThat(exporter.drop()).isTrue();
      assertThat(exporter.drop()).isFalse();
      two.close();
      assertThat(exporter.live).hasSize(1);
      one.segment().fill((byte) 1);
    }
    assertThat(exporter.live).isEmpty();
    buffer.hold().close();
    assertThat(exporter.count(TestExporter.Call.VMAP)).isEqualTo(2);
    assertThat(exporter.idle.get()).isEqualTo(1);
    assertThat(exporter.drop()).isTrue();
    assertThat(exporter.live).isEmpty();
    buffer.close();
    assertThat(exporter.drop()).as("of a released buffer").isFalse();
  }

  @Test
  void vm1_cacheThatIsSlow_doesNotDropTheNextMapping() {
    buffer.hold().close();
    int first = exporter.mapping;
    buffer.reservation().lock();
    try {
      exporter.object.moveNotifyLocked(); // ends the mapping that the cache is about to drop
    } finally {
      buffer.reservation().unlock();
    }
    buffer.hold().close();
    assertThat(exporter.mapping).isNotEqualTo(first);
    assertThat(exporter.drop(first)).as("the mapping of the past").isFalse();
    assertThat(exporter.live).hasSize(1);
    assertThat(exporter.idle.get()).isEqualTo(1);
    buffer.close();
    DmaBuf next = exporter.export();
    int second = exporter.mapping;
    next.hold().close();
    assertThat(exporter.drop(second)).as("that of the owner before").isFalse();
    assertThat(exporter.drop()).isTrue();
    assertThat(exporter.live).isEmpty();
    next.close();
  }

  @Test
  void vm1_cacheThatKeepsNothing_mapsEachTime() {
    exporter.keepsNothing = true;
    for (int i = 0; i < 3; i++) {
      try (Hold hold = buffer.hold()) {
        hold.segment().fill((byte) i);
        assertThat(exporter.live).hasSize(1);
      }
      assertThat(exporter.live).isEmpty();
    }
    buffer.close();
    assertThat(exporter.count(TestExporter.Call.VMAP)).isEqualTo(3);
  }

  @Test
  void vm1_cacheThatFails_leavesNothingMapped() {
    exporter.refusal = new OutOfMemoryError("thrown on purpose");
    assertThatExceptionOfType(OutOfMemoryError.class).isThrownBy(buffer::hold);
    assertThat(exporter.live).isEmpty();
    assertThat(buffer.info().holds()).isZero();
    exporter.refusal = null;
    buffer.hold().close();
    buffer.close();
    assertThat(exporter.live).isEmpty();
  }

  @Test
  void vm1_cacheThatFailsOnAUse_leavesNobodyCounted() {
    buffer.hold().close();
    exporter.refusesUse = true;
    assertThatIllegalStateException().isThrownBy(buffer::hold);
    assertThatIllegalStateException().isThrownBy(() -> buffer.read(segment -> 0));
    assertThatIllegalStateException()
        .isThrownBy(() -> Job.named("refused").reads(buffer).publish());
    locked(() -> assertThatIllegalStateException().isThrownBy(buffer::vmapLocked));
    assertThat(buffer.info().holds()).isZero();
    exporter.refusesUse = false;
    assertThat(exporter.drop()).isTrue();
    assertThat(exporter.live).isEmpty();
    buffer.close();
    assertThat(exporter.count(TestExporter.Call.RELEASE)).isEqualTo(1);
  }

  @Test
  void vm1_exporterThatFailsToMap_leavesNobodyCounted_andIsAskedAgain() {
    exporter.failNext(TestExporter.Call.VMAP, new StackOverflowError("thrown on purpose"));
    assertThatExceptionOfType(StackOverflowError.class).isThrownBy(buffer::hold);
    assertThat(buffer.info().holds()).isZero();
    buffer.hold().close();
    assertThat(exporter.count(TestExporter.Call.VMAP)).isEqualTo(2);
    buffer.close();
    assertThat(exporter.live).isEmpty();
  }

  @Test
  void vm1_unmappingThatFails_countsAsUnmapped_forTheCacheToo() {
    IllegalStateException failure = new IllegalStateException("thrown on purpose");
    buffer.hold().close();
    exporter.failNext(TestExporter.Call.VUNMAP, failure);
    locked(
        () ->
            assertThatIllegalStateException()
                .isThrownBy(exporter.object::moveNotifyLocked)
                .isSameAs(failure));
    assertThat(exporter.idle.get()).isZero();
    buffer.hold().close();
    assertThat(exporter.idle.get()).isEqualTo(1);
    exporter.failNext(TestExporter.Call.VUNMAP, failure);
    assertThatIllegalStateException().isThrownBy(buffer::close).isSameAs(failure);
    assertThat(exporter.idle.get()).isZero();
    assertThat(exporter.count(TestExporter.Call.VMAP)).isEqualTo(2);
    assertThat(exporter.count(TestExporter.Call.VUNMAP)).isEqualTo(2);
    assertThat(exporter.count(TestExporter.Call.RELEASE)).isEqualTo(1);
  }

  @Test
  void endReclaim_whereAMappingFailsToEnd_givesBackAllTheSame() {
    IllegalStateException failure = new IllegalStateException("thrown on purpose");
    exporter.keepsNothing = true;
    assertThat(exporter.object.tryBeginReclaim()).isTrue();
    buffer.vmapLocked().segment().fill((byte) 1); // left to the unlock
    exporter.failNext(TestExporter.Call.VUNMAP, failure);
    assertThatIllegalStateException().isThrownBy(exporter.object::endReclaim).isSameAs(failure);
    assertThatIllegalStateException()
        .isThrownBy(exporter.object::endReclaim)
        .withMessageContaining("held by nobody");
    assertThat(buffer.info().references()).isEqualTo(2); // the handle, and the one that asks
    buffer.close();
    assertThat(exporter.count(TestExporter.Call.RELEASE)).isEqualTo(1);
  }

  @Test
  void vm1_move_dropsTheIdleMapping() {
    buffer.hold().close();
    buffer.reservation().lock();
    try {
      exporter.object.moveNotifyLocked();
      assertThat(exporter.live).isEmpty();
      assertThat(exporter.idle.get()).isZero();
    } finally {
      buffer.reservation().unlock();
    }
    buffer.close();
  }

  @Test
  void stress_holdsDropsAndMoves_mapOnceAtATimeAndUnmapOnce() throws Exception {
    AtomicBoolean over = new AtomicBoolean();
    Threads.Body user =
        () -> {
          while (!over.get()) {
            try (DmaBuf mine = buffer.dup();
                Hold hold = mine.hold()) {
              hold.segment().get(java.lang.foreign.ValueLayout.JAVA_BYTE, 0);
            }
          }
        };
    Threads.Body cache =
        () -> {
          while (!over.get()) {
            exporter.drop();
          }
        };
    Threads.Body mover =
        () -> {
          for (int moves = 0; moves < 20_000; moves++) {
            if (exporter.object.tryBeginReclaim()) {
              try {
                if (!exporter.object.isBusyLocked()) {
                  exporter.object.moveNotifyLocked(); // must not find it busy now
                  assertThat(exporter.object.isMapped()).as("at the old place").isFalse();
                }
              } finally {
                exporter.object.endReclaim();
              }
            }
            if (ThreadLocalRandom.current().nextInt(16) == 0) {
              Thread.yield();
            }
          }
          over.set(true);
        };
    Threads.together(user, user, cache, mover);
    buffer.close();
    assertThat(exporter.live).isEmpty();
    assertThat(exporter.idle.get()).isZero();
    assertThat(exporter.count(TestExporter.Call.VMAP))
        .isEqualTo(exporter.count(TestExporter.Call.VUNMAP));
    assertThat(exporter.count(TestExporter.Call.RELEASE)).isEqualTo(1);
  }
}

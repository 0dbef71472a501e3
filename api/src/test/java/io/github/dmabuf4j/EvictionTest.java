package io.github.dmabuf4j;

import static io.github.dmabuf4j.Evictions.advise;
import static io.github.dmabuf4j.Evictions.assertFilled;
import static io.github.dmabuf4j.Evictions.assertNothingLeft;
import static io.github.dmabuf4j.Evictions.evict;
import static io.github.dmabuf4j.Evictions.fill;
import static io.github.dmabuf4j.Evictions.locked;
import static io.github.dmabuf4j.Evictions.publish;
import static io.github.dmabuf4j.Evictions.residency;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.BufferObject.Residency;
import io.github.dmabuf4j.TestExporter.Call;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What happens to one buffer that is evicted, purged, and used again: SH2, SH7, PN2, PN3. */
final class EvictionTest {
  private final TestStore store = new TestStore();
  private final BufferLru lru = new BufferLru(store);
  private final EvictableExporter exporter = new EvictableExporter(lru);
  private final DmaBuf buffer = exporter.export();

  @AfterEach
  void nothingIsLeft() {
    buffer.close();
    store.assertEmpty();
    assertThat(exporter.object.isReferenced()).isFalse();
    assertThat(lru.count()).isZero();
    assertThat(lru.statistics().evictedBuffers()).isZero();
  }

  // ---- evicted content comes back ----

  @ParameterizedTest
  @EnumSource
  void evicted_comesBackAtEachKindOfUse_once(Uses how) throws Exception {
    fill(buffer, 42);
    assertThat(evict(exporter, store)).isTrue();
    assertThat(residency(buffer)).isEqualTo(Residency.EVICTED);
    assertThat(exporter.isThere()).as("memory").isFalse();
    assertThat(store.stored()).isEqualTo(1);

    how.use(buffer);

    assertThat(residency(buffer)).isEqualTo(Residency.RESIDENT);
    assertThat(exporter.count(Call.RESTORE)).isEqualTo(1);
    assertThat(store.count(TestStore.Call.DISCARD)).isEqualTo(1);
    store.assertEmpty();
    assertNothingLeft(buffer);
    how.use(buffer);
    assertThat(exporter.count(Call.RESTORE)).as("from then on it is there").isEqualTo(1);
    assertFilled(buffer, 42);
  }

  @ParameterizedTest
  @EnumSource
  void evictedAndNotNeeded_comesBackAtEachUse_butIsNotPinned(Uses how) throws Exception {
    fill(buffer, 43);
    assertThat(evict(exporter, store)).isTrue();
    assertThat(advise(buffer, Advice.DONT_NEED)).isTrue();
    if (how.pins()) {
      assertThatIllegalStateException()
          .isThrownBy(() -> how.use(buffer))
          .withMessageContaining("PN3");
    } else {
      how.use(buffer);
    }
    assertNothingLeft(buffer);
    assertThat(advise(buffer, Advice.WILL_NEED)).isTrue();
    assertFilled(buffer, 43);
  }

  @Test
  void evicted_comesBackAgainAndAgain_withWhatWasWrittenLast() {
    for (int round = 1; round <= 20; round++) {
      fill(buffer, round);
      assertThat(evict(exporter, store)).isTrue();
      assertThat(evict(exporter, store)).as("already").isFalse();
      assertFilled(buffer, round);
    }
    ReclaimStatistics done = lru.statistics();
    assertThat(done.evictions()).isEqualTo(20);
    assertThat(done.evictionBytes()).isEqualTo(20 * TestExporter.SIZE);
    assertThat(done.refaults()).isEqualTo(20);
    assertThat(done.refaultBytes()).isEqualTo(20 * TestExporter.SIZE);
    assertThat(done.evictedBuffers()).isZero();
  }

  @Test
  void attachingNamingAndReporting_leaveWhatIsEvictedWhereItIs() {
    assertThat(evict(exporter, store)).isTrue();
    buffer.setName("evicted");
    assertThat(buffer.info().name()).isEqualTo("evicted");
    buffer.dup().close();
    try (Attachment attachment = buffer.attach(new Uses.Device(true, null))) {
      assertThat(attachment.isDynamic()).isTrue();
      FenceContext ring = FenceContext.create("ring");
      ring.signal(publish(ring, buffer, FenceUsage.READ));
      ring.close();
      assertThat(residency(buffer)).isEqualTo(Residency.EVICTED);
    }
    assertThat(exporter.count(Call.RESTORE)).isZero();
  }

  @Test
  void mappingOfBefore_isEndedBeforeTheMemoryGoes() {
    fill(buffer, 1);
    int mapped = exporter.count(Call.VMAP);
    List<String> order = new ArrayList<>();
    exporter.mayEvict =
        () -> {
          order.add("evict after " + exporter.count(Call.VUNMAP) + " unmaps");
          return true;
        };
    assertThat(evict(exporter, store)).isTrue();
    assertThat(exporter.count(Call.VMAP)).as("once more, to save").isEqualTo(mapped + 1);
    assertThat(order).containsExactly("evict after " + (mapped + 1) + " unmaps");
    assertFilled(buffer, 1);
  }

  @Test
  void brackets_areAroundWhatIsSavedAndFilled() {
    fill(buffer, 2);
    int before = exporter.count(Call.BEGIN);
    assertThat(evict(exporter, store)).isTrue();
    assertThat(exporter.count(Call.BEGIN)).isEqualTo(before + 1);
    buffer.hold().close();
    assertThat(exporter.count(Call.BEGIN)).isEqualTo(before + 2);
    assertThat(exporter.count(Call.END)).isEqualTo(before + 2);
  }

  // ---- advice ----

  @Test
  void adviceOnWhatIsEvicted_worksBothWays() {
    fill(buffer, 3);
    assertThat(evict(exporter, store)).isTrue();
    assertThat(lru.count()).as("needed and in the store").isZero();
    assertThat(advise(buffer, Advice.DONT_NEED)).isTrue();
    assertThat(lru.count()).as("its room").isEqualTo(TestExporter.SIZE / 4);
    assertThat(lru.statistics().evictedBuffers()).isEqualTo(1);
    assertThat(advise(buffer, Advice.WILL_NEED)).isTrue();
    assertThat(lru.purge(1)).isZero();
    assertThat(lru.statistics().evictedBuffers()).isEqualTo(1);
    assertThat(residency(buffer)).isEqualTo(Residency.EVICTED);
    assertFilled(buffer, 3);
  }

  @Test
  void purgeOfWhatIsEvicted_freesItsRoomInTheStore() {
    fill(buffer, 4);
    assertThat(evict(exporter, store)).isTrue();
    int evicts = exporter.count(Call.EVICT);
    advise(buffer, Advice.DONT_NEED);
    assertThat(lru.purge(Long.MAX_VALUE)).isEqualTo(TestExporter.SIZE / 4);
    store.assertEmpty();
    assertThat(store.count(TestStore.Call.DISCARD)).isEqualTo(1);
    assertThat(store.count(TestStore.Call.LOAD)).isZero();
    assertThat(exporter.count(Call.EVICT)).as("it has no memory to give").isEqualTo(evicts);
    assertThat(residency(buffer)).isEqualTo(Residency.PURGED);
    assertThat(lru.statistics().purgedBytes()).isEqualTo(TestExporter.SIZE / 4);
    assertThat(lru.statistics().evictedBuffers()).isZero();
  }

  @Test
  void adviceTakenBackByAnImporterThatIsTold_keepsTheContent() {
    fill(buffer, 5);
    Uses.Device device = new Uses.Device(true, () -> buffer.advise(Advice.WILL_NEED));
    try (Attachment attachment = buffer.attach(device)) {
      assertThat(attachment.isDynamic()).isTrue();
      advise(buffer, Advice.DONT_NEED);
      assertThat(lru.purge(1)).isZero();
      assertThat(advise(buffer, Advice.WILL_NEED)).as("it was answered so").isTrue();
      assertFilled(buffer, 5);
    }
  }

  @Test
  void pinned_isNotOffered_andOffered_isNotPinned() {
    Pin pin = locked(buffer, () -> buffer.pin(Pin.Term.SHORT));
    assertThatIllegalStateException()
        .isThrownBy(() -> advise(buffer, Advice.DONT_NEED))
        .withMessageContaining("PN3");
    assertThat(advise(buffer, Advice.WILL_NEED)).as("it is").isTrue();
    assertThat(lru.evict(1)).as("pinned").isZero();
    locked(
        buffer,
        () -> {
          pin.close();
          return true;
        });
    assertThat(advise(buffer, Advice.DONT_NEED)).isTrue();
    assertThatIllegalStateException()
        .isThrownBy(() -> locked(buffer, () -> buffer.pin(Pin.Term.LONG)))
        .withMessageContaining("PN3");
    assertThat(lru.purge(1)).isEqualTo(TestExporter.SIZE);
  }

  // ---- purged content doesn't ----

  @ParameterizedTest
  @EnumSource
  void purged_isRefusedAtEachKindOfUse_andNothingIsLeft(Uses how) {
    fill(buffer, 6);
    advise(buffer, Advice.DONT_NEED);
    assertThat(lru.purge(1)).isEqualTo(TestExporter.SIZE);
    int mapped = exporter.count(Call.VMAP);
    assertThatExceptionOfType(BufferPurgedException.class)
        .isThrownBy(() -> how.use(buffer))
        .withMessageContaining("DONT_NEED");
    assertThat(exporter.count(Call.VMAP)).isEqualTo(mapped);
    assertThat(exporter.count(Call.RESTORE)).isZero();
    assertNothingLeft(buffer);
  }

  @Test
  void purged_staysSo_untilTheMemoryHasAnotherOwner() {
    advise(buffer, Advice.DONT_NEED);
    assertThat(lru.purge(1)).isEqualTo(TestExporter.SIZE);
    for (Advice advice : List.of(Advice.WILL_NEED, Advice.DONT_NEED, Advice.WILL_NEED)) {
      assertThat(advise(buffer, advice)).as("%s", advice).isFalse();
    }
    assertThat(lru.purge(1)).as("again").isZero();
    assertThat(lru.evict(1)).isZero();
    assertThat(evict(exporter, store)).isFalse();
    assertThat(residency(buffer)).isEqualTo(Residency.PURGED);
    buffer.close();
    try (DmaBuf next = exporter.export()) {
      assertThat(residency(next)).isEqualTo(Residency.RESIDENT);
      fill(next, 7);
      assertThat(lru.purge(1)).as("needed").isZero();
      assertThat(advise(next, Advice.DONT_NEED)).isTrue();
      assertThat(advise(next, Advice.WILL_NEED)).isTrue();
      assertThat(lru.evict(1)).isEqualTo(TestExporter.SIZE);
      assertFilled(next, 7);
    }
  }

  // ---- the end ----

  @Test
  void releaseOfWhatIsEvicted_discardsOnce_andTheNextOwnerStartsAnew() {
    fill(buffer, 8);
    assertThat(evict(exporter, store)).isTrue();
    buffer.close();
    assertThat(store.count(TestStore.Call.DISCARD)).isEqualTo(1);
    assertThat(store.count(TestStore.Call.LOAD)).isZero();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
    store.assertEmpty();
    try (DmaBuf next = exporter.export()) {
      assertThat(residency(next)).isEqualTo(Residency.RESIDENT);
      fill(next, 9);
      assertFilled(next, 9);
      assertThat(exporter.count(Call.RESTORE)).isZero();
    }
    assertThat(store.count(TestStore.Call.DISCARD)).isEqualTo(1);
  }

  @Test
  void evictedInQuarantine_isDiscardedWithTheSignal() {
    FenceContext ring = FenceContext.create("ring");
    assertThat(evict(exporter, store)).isTrue();
    Fence work = publish(ring, buffer, FenceUsage.BOOKKEEP);
    buffer.close();
    assertThat(store.stored()).isEqualTo(1);
    assertThat(lru.statistics().evictedBuffers()).isEqualTo(1);
    ring.signal(work);
    store.assertEmpty();
    ring.close();
  }

  @Test
  void lastHandleClosedWhileItIsSaved_releasesAfterwards_andDiscardsOnce() {
    fill(buffer, 10);
    store.meanwhile = buffer::close;
    assertThat(evict(exporter, store)).isTrue();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
    assertThat(store.count(TestStore.Call.DISCARD)).isEqualTo(1);
  }

  @Test
  void ownerWithoutAStore_isNotFollowedUntilItOffers() {
    BufferLru purging = new BufferLru();
    EvictableExporter plain = new EvictableExporter(purging);
    try (DmaBuf one = plain.export()) {
      assertThat(purging.count()).isZero();
      assertThat(purging.evict(1)).isZero();
      advise(one, Advice.DONT_NEED);
      assertThat(purging.count()).isEqualTo(TestExporter.SIZE);
      advise(one, Advice.WILL_NEED);
      assertThat(purging.count()).isZero();
      assertThat(purging.purge(1)).isZero();
      advise(one, Advice.DONT_NEED);
      assertThat(purging.purge(1)).isEqualTo(TestExporter.SIZE);
    }
    try (DmaBuf next = plain.export()) {
      fill(next, 11);
      assertThat(purging.count()).isZero();
      assertThat(residency(next)).isEqualTo(Residency.RESIDENT);
    }
  }

  @Test
  void exporterWithoutAnLru_evictsAndPurgesByItself() {
    TestStore own = new TestStore();
    EvictableExporter alone =
        new EvictableExporter(new BufferLru()) {
          @Override
          public BufferLru lru() {
            return null;
          }
        };
    try (DmaBuf one = alone.export()) {
      fill(one, 12);
      assertThat(evict(alone, own)).isTrue();
      assertThat(residency(one)).isEqualTo(Residency.EVICTED);
      assertFilled(one, 12);
      own.assertEmpty();
      assertThat(evict(alone, own)).isTrue();
      advise(one, Advice.DONT_NEED);
      assertThat(locked(one, alone.object::purgeLocked)).isTrue();
      own.assertEmpty();
      assertThat(residency(one)).isEqualTo(Residency.PURGED);
    }
  }
}

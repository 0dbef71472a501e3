package io.github.dmabuf4j;

import static io.github.dmabuf4j.Evictions.advise;
import static io.github.dmabuf4j.Evictions.assertFilled;
import static io.github.dmabuf4j.Evictions.fill;
import static io.github.dmabuf4j.Evictions.locked;
import static io.github.dmabuf4j.Evictions.residency;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.github.dmabuf4j.BufferObject.Residency;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Where reclaim, and what needs it, is forbidden, and that the validator says so: FN3, FN4. */
final class ReclaimLockdepTest {
  private static final long SIZE = TestExporter.SIZE;
  private static final long ALL = Long.MAX_VALUE;

  private final TestStore store = new TestStore();
  private final BufferLru lru = new BufferLru(store);
  private final List<DmaBuf> buffers = new ArrayList<>();

  private void allocate(int count) {
    for (int i = 0; i < count; i++) {
      buffers.add(new EvictableExporter(lru).export());
      fill(buffers.get(i), i);
    }
  }

  /** The numbers of those that are in the store. */
  private List<Integer> evicted() {
    return IntStream.range(0, buffers.size())
        .filter(i -> residency(buffers.get(i)) == Residency.EVICTED)
        .boxed()
        .toList();
  }

  @AfterEach
  void nothingIsLeft() {
    buffers.forEach(DmaBuf::close);
    store.assertEmpty();
    assertThat(lru.count()).isZero();
  }

  @Test
  @ValidatorOn
  @CleanRun.ExceptOnPurpose
  void scan_isASectionOfReclaim() {
    allocate(1);
    List<String> reported = new ArrayList<>();
    store.meanwhile =
        () ->
            assertThatExceptionOfType(LockdepException.class)
                .isThrownBy(() -> Lockdep.mayReclaim("allocating"))
                .satisfies(report -> reported.add(report.getMessage()));
    assertThat(lru.evict(1)).isEqualTo(SIZE);
    assertThat(reported).isNotEmpty();
    store.meanwhile = null;
    Lockdep.mayReclaim("afterwards");
  }

  @Test
  @ValidatorOn
  @CleanRun.ExceptOnPurpose
  void scanInsideASignallingSection_isReported_andTakesNothing() {
    allocate(2);
    advise(buffers.get(1), Advice.DONT_NEED);
    Fence fence = FenceContext.create("ring").newFence();
    try (var _ = Signalling.begin(fence)) {
      Stream.<Runnable>of(
              () -> lru.evict(1),
              () -> lru.purge(1),
              () -> lru.reclaimActive(1, Duration.ofHours(1)))
          .forEach(
              scan ->
                  assertThatExceptionOfType(LockdepException.class)
                      .isThrownBy(scan::run)
                      .withMessageContaining("FN4"));
    }
    try (Reclaim _ = Reclaim.begin()) {
      assertThatExceptionOfType(LockdepException.class).isThrownBy(() -> lru.evict(1));
    }
    assertThat(evicted()).isEmpty();
    assertThat(residency(buffers.get(1))).isEqualTo(Residency.RESIDENT);
  }

  @Test
  @ValidatorOn
  @CleanRun.ExceptOnPurpose
  void fn4_touchingWhatIsEvicted_whereAFenceWaits_orInReclaim_isReported_andItStaysEvicted() {
    allocate(1);
    DmaBuf buffer = buffers.get(0);
    assertThat(lru.evict(1)).isEqualTo(SIZE);
    Fence fence = FenceContext.create("ring").newFence();
    locked(
        buffer, // was taken before: it isn't the lock that is reported
        () -> {
          try (var _ = Signalling.begin(fence)) {
            assertThatExceptionOfType(LockdepException.class)
                .isThrownBy(buffer::vmapLocked)
                .withMessageContaining("using the evicted buffer")
                .withMessageContaining("FN4");
          }
          return true;
        });
    assertThat(buffer.reservation().tryLock()).isTrue();
    try (Reclaim _ = Reclaim.begin()) {
      assertThatExceptionOfType(LockdepException.class)
          .isThrownBy(buffer::vmapLocked)
          .withMessageContaining("reclaiming already");
    } finally {
      buffer.reservation().unlock();
    }
    assertThat(evicted()).containsExactly(0);
    Evictions.assertNothingLeft(buffer);
    assertFilled(buffer, 0);
  }

  @Test
  void scanUnderReservations_isAllowed_andPassesByTheirBuffers() {
    allocate(3);
    long given = locked(buffers.get(1), () -> lru.evict(ALL));
    assertThat(given).isEqualTo(2 * SIZE);
    assertThat(evicted()).containsExactly(0, 2);
  }
}

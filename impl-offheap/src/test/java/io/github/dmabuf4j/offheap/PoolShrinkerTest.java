package io.github.dmabuf4j.offheap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.Shrinkable;
import io.github.dmabuf4j.Shrinker;
import java.lang.ref.WeakReference;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Who is asked for memory when it is short, and by which policies. */
@Timeout(60)
class PoolShrinkerTest {
  private static final long PAGE = SizeClasses.PAGE;

  @RegisterExtension final HeapGuard guard = new HeapGuard();

  private final Heap heap = guard.open(TestMemory.MAPPED, 16 * PAGE);

  /** Keeps buffers until it is asked, and notes what it was asked for. */
  private static final class Cache implements Shrinkable {
    final Deque<DmaBuf> kept = new ArrayDeque<>();
    final List<Long> asked = new ArrayList<>();

    Cache fill(Heap heap, int count) {
      for (int i = 0; i < count; i++) {
        kept.add(heap.allocate(PAGE));
      }
      return this;
    }

    @Override
    public long count() {
      return kept.size() * PAGE;
    }

    @Override
    public long scan(long bytes) {
      asked.add(bytes);
      long given = 0;
      while (given < bytes && !kept.isEmpty()) {
        kept.remove().close();
        given += PAGE;
      }
      return given;
    }
  }

  private static AllocationRequest request(long size, AllocPolicy policy) {
    return AllocationRequest.of(size).policy(policy).build();
  }

  @ParameterizedTest
  @EnumSource(names = {"NORMAL", "TRY_HARD", "NO_FAIL"})
  void sh8_limitReached_cacheIsAskedForWhatIsLacking(AllocPolicy policy) throws Exception {
    try (heap) {
      Cache cache = new Cache().fill(heap, 16);
      try (var _ = heap.shrinker().register(cache);
          DmaBuf buffer = heap.allocate(request(3 * PAGE, policy))) {
        assertThat(buffer.size()).isEqualTo(3 * PAGE);
        assertThat(cache.asked).containsExactly(3 * PAGE);
        assertThat(cache.kept).hasSize(13);
      }
      cache.scan(Long.MAX_VALUE);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"NOWAIT", "FAIL_FAST"})
  void sh8_policyThatDoesNotReclaim_asksNobody(AllocPolicy policy) throws Exception {
    try (heap) {
      Cache cache = new Cache().fill(heap, 16);
      try (var _ = heap.shrinker().register(cache)) {
        assertThatExceptionOfType(OutOfBuffersException.class)
            .isThrownBy(() -> heap.allocate(request(PAGE, policy)));
        assertThat(cache.asked).isEmpty();
      }
      cache.scan(Long.MAX_VALUE);
    }
  }

  @Test
  void idleMemoryThere_nobodyIsAsked() {
    try (heap) {
      Cache cache = new Cache().fill(heap, 8);
      new Cache().fill(heap, 8).scan(Long.MAX_VALUE);
      try (var _ = heap.shrinker().register(cache);
          DmaBuf _ = heap.allocate(8 * PAGE)) {
        assertThat(cache.asked).isEmpty();
      }
      cache.scan(Long.MAX_VALUE);
    }
  }

  @Test
  void several_areAskedInOrderForWhatIsStillLacking() {
    try (heap) {
      Cache first = new Cache().fill(heap, 2);
      Cache second = new Cache().fill(heap, 14);
      Shrinker shrinker = heap.shrinker();
      try (var _ = shrinker.register(first);
          var _ = shrinker.register(second)) {
        assertThat(shrinker.reclaim(5 * PAGE, AllocPolicy.NORMAL)).isEqualTo(5 * PAGE);
        assertThat(first.asked).containsExactly(5 * PAGE);
        assertThat(second.asked).containsExactly(3 * PAGE);
        assertThat(heap.statistics().committedBytes()).isEqualTo(11 * PAGE);
      }
      second.scan(Long.MAX_VALUE);
    }
  }

  @Test
  void oneThatFails_isPassedBy_andAllocationSucceeds() {
    try (heap) {
      Shrinkable broken =
          new Shrinkable() {
            @Override
            public long count() {
              return 1;
            }

            @Override
            public long scan(long bytes) {
              throw new IllegalStateException("broken on purpose");
            }
          };
      Cache cache = new Cache().fill(heap, 16);
      try (var _ = heap.shrinker().register(broken);
          var _ = heap.shrinker().register(cache);
          DmaBuf _ = heap.allocate(PAGE)) {
        assertThat(cache.kept).hasSize(15);
      }
      cache.scan(Long.MAX_VALUE);
    }
  }

  @Test
  void oneThatLies_endsInTheFailureThatWouldHaveComeAnyway() {
    try (heap) {
      Shrinkable liar =
          new Shrinkable() {
            @Override
            public long count() {
              return Long.MAX_VALUE;
            }

            @Override
            public long scan(long bytes) {
              return bytes;
            }
          };
      Cache cache = new Cache().fill(heap, 16);
      try (var _ = heap.shrinker().register(liar)) {
        assertThatExceptionOfType(OutOfBuffersException.class)
            .isThrownBy(() -> heap.allocate(PAGE));
      }
      cache.scan(Long.MAX_VALUE);
    }
  }

  @Test
  void allocationWhileBeingAsked_failsInsteadOfAskingAgain() {
    try (heap) {
      Cache cache = new Cache().fill(heap, 16);
      List<Throwable> failures = new ArrayList<>();
      Shrinkable allocating =
          new Shrinkable() {
            @Override
            public long count() {
              return 1;
            }

            @Override
            public long scan(long bytes) {
              try {
                heap.allocate(request(PAGE, AllocPolicy.NORMAL)).close();
              } catch (RuntimeException | InterruptedException e) {
                failures.add(e);
              }
              return 0;
            }
          };
      try (var _ = heap.shrinker().register(allocating)) {
        assertThatExceptionOfType(OutOfBuffersException.class)
            .isThrownBy(() -> heap.allocate(PAGE));
      }
      assertThat(failures).hasSize(1);
      cache.scan(Long.MAX_VALUE);
    }
  }

  @Test
  void closedRegistration_isNotAsked_andClosesTwice() {
    try (heap) {
      Cache cache = new Cache().fill(heap, 1);
      Shrinker.Registration registration = heap.shrinker().register(cache);
      Shrinker.Registration again = heap.shrinker().register(cache);
      registration.close();
      registration.close();
      assertThat(heap.shrinker().reclaim(PAGE, AllocPolicy.NORMAL)).isEqualTo(PAGE);
      assertThat(cache.asked).as("by the other registration").hasSize(1);
      again.close();
      assertThat(heap.shrinker().reclaim(PAGE, AllocPolicy.NORMAL)).isZero();
      assertThat(cache.asked).hasSize(1);
    }
  }

  @Test
  void reclaim_badBytesOrNowait_doesNothing() {
    try (heap) {
      new Cache().fill(heap, 1).scan(PAGE);
      Shrinker shrinker = heap.shrinker();
      assertThatIllegalArgumentException()
          .isThrownBy(() -> shrinker.reclaim(-1, AllocPolicy.NORMAL))
          .withMessageContaining("-1");
      assertThat(shrinker.reclaim(PAGE, AllocPolicy.NOWAIT)).isZero();
      assertThat(shrinker.reclaim(0, AllocPolicy.NORMAL)).isZero();
      assertThat(heap.statistics().idleBytes()).isEqualTo(PAGE);
    }
  }

  @Test
  void heapThatItsCacheRefersTo_canStillBeLost() throws Exception {
    WeakReference<Heap> lost = loseAHeap();
    Await.until(
        "the heap is lost",
        () -> {
          System.gc();
          return lost.get() == null;
        });
    heap.close();
  }

  private static WeakReference<Heap> loseAHeap() {
    Heap forgotten = Heaps.open("offheap:system?limit=64KiB");
    Shrinkable cache =
        new Shrinkable() {
          @Override
          public long count() {
            return forgotten.statistics().liveBytes();
          }

          @Override
          public long scan(long bytes) {
            return 0;
          }
        };
    Shrinker.Registration _ = forgotten.shrinker().register(cache);
    return new WeakReference<>(forgotten);
  }

  @Test
  void quiet_failureSaysHowMuchButNotWho() {
    try (heap) {
      Cache cache = new Cache().fill(heap, 16);
      assertThatExceptionOfType(OutOfBuffersException.class)
          .isThrownBy(() -> heap.allocate(AllocationRequest.of(PAGE).quiet().build()))
          .withMessageContaining("wanted 4096 B")
          .withMessageContaining("limit 65536 B")
          .withMessageContaining("quiet")
          .withMessageNotContaining("held by");
      assertThatExceptionOfType(OutOfBuffersException.class)
          .isThrownBy(() -> heap.allocate(AllocationRequest.of(PAGE).build()))
          .withMessageContaining("held by");
      cache.scan(Long.MAX_VALUE);
    }
  }
}

package io.github.dmabuf4j.tck.exporters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.BufferObject.Residency;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.OutOfBuffersException;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/** The kit's own store and heap: what refuses, what is damaged, and what counts. */
final class EvictingExporterTest {
  private static final long SIZE = 1 << 20;

  private final EvictingHeap heap = EvictingExporter.heap(4 * SIZE, UnaryOperator.identity());

  private DmaBuf written(int value) {
    DmaBuf buffer = heap.allocate(SIZE);
    buffer.writeUninterruptibly(segment -> segment.fill((byte) value));
    return buffer;
  }

  private static int first(DmaBuf buffer) {
    return buffer.readUninterruptibly(segment -> (int) segment.get(ValueLayout.JAVA_BYTE, 0));
  }

  @Test
  void storeThatRefuses_leavesBuffersWhereTheyAre() {
    try (DmaBuf buffer = written(1)) {
      heap.store().refuse(true);
      assertThat(heap.shrinker().reclaim(SIZE, AllocPolicy.NORMAL)).isZero();
      assertThat(buffer.info().residency()).isEqualTo(Residency.RESIDENT);
      assertThat(heap.shrinker().statistics().refusals()).isEqualTo(1);
      heap.store().refuse(false);
      assertThat(heap.shrinker().reclaim(SIZE, AllocPolicy.NORMAL)).isEqualTo(SIZE);
      assertThat(first(buffer)).isEqualTo(1);
    }
    heap.close();
  }

  @Test
  void damagedContent_isAnExceptionAtItsUse_andNothingElse() {
    try (DmaBuf buffer = written(2)) {
      heap.lru().evict(1);
      heap.store().damage();
      for (int i = 0; i < 3; i++) {
        assertThatExceptionOfType(DmaBufException.class)
            .isThrownBy(buffer::hold)
            .withMessageContaining("damaged");
        assertThat(buffer.info().residency()).isEqualTo(Residency.EVICTED);
        assertThat(buffer.info().holds()).isZero();
        assertThat(heap.statistics().committedBytes()).isZero();
      }
      heap.store().damage(); // the same byte, back again
      assertThat(first(buffer)).isEqualTo(2);
    }
    heap.close();
  }

  @Test
  void restoring_findsNoRoom_whileEverythingElseIsHeld_andSomeLater() {
    DmaBuf evicted = written(3);
    heap.lru().evict(1);
    List<DmaBuf> others = new ArrayList<>();
    List<Hold> holds = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      others.add(written(i));
      holds.add(others.get(i).hold());
    }
    assertThat(heap.statistics().committedBytes()).isEqualTo(4 * SIZE);
    assertThatThrownBy(evicted::hold).isInstanceOf(OutOfBuffersException.class);
    assertThatThrownBy(() -> heap.allocate(SIZE)).isInstanceOf(OutOfBuffersException.class);
    holds.removeFirst().close();
    assertThat(first(evicted)).isEqualTo(3);
    assertThat(others.getFirst().info().residency()).isEqualTo(Residency.EVICTED);
    assertThat(heap.statistics().committedBytes()).isEqualTo(4 * SIZE);
    holds.forEach(Hold::close);
    others.forEach(DmaBuf::close);
    evicted.close();
    heap.close();
  }

  @Test
  void memoryThatIsGivenUp_isNotCounted_norIdleAfterTheEnd() {
    DmaBuf buffer = written(4);
    heap.lru().evict(1);
    assertThat(heap.statistics().committedBytes()).isZero();
    assertThat(heap.statistics().liveBuffers()).isEqualTo(1);
    assertThat(heap.statistics().idleBytes()).isZero();
    buffer.close();
    assertThat(heap.statistics().committedBytes()).isZero();
    assertThat(heap.store().size()).isZero();
    heap.close();
  }

  @Test
  void policyThatDoesNotReclaim_findsNoRoomWhereOthersCouldBeEvicted() throws Exception {
    List<DmaBuf> buffers = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      buffers.add(written(i));
    }
    for (AllocPolicy policy : List.of(AllocPolicy.NOWAIT, AllocPolicy.FAIL_FAST)) {
      assertThatThrownBy(() -> heap.allocate(AllocationRequest.of(SIZE).policy(policy).build()))
          .isInstanceOf(OutOfBuffersException.class);
    }
    buffers.add(heap.allocate(AllocationRequest.of(SIZE).policy(AllocPolicy.NO_FAIL).build()));
    assertThat(heap.shrinker().statistics().evictedBuffers()).isEqualTo(1);
    buffers.forEach(DmaBuf::close);
    heap.close();
  }
}

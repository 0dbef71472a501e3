package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.HeapStatistics;
import io.github.dmabuf4j.OutOfBuffersException;
import java.util.ArrayList;
import java.util.List;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A strategy that fails, in each of its calls: nothing leaks, counts are right, and one is told.
 */
@Timeout(60)
final class StrategyFailureTest {
  private static final long LIMIT = 4 * MIB;

  private final RecordingStrategy strategy = new RecordingStrategy();
  private final PooledHeap heap = TestStrategies.open(strategy, LIMIT);

  /** Nothing is left, and the strategy was closed after all that, once. */
  @AfterEach
  void nothingIsLeft() {
    strategy.beforeClose =
        () -> assertThat(strategy.live()).as("pieces at the end of the strategy").isZero();
    heap.close();
    assertThat(heap.statistics().committedBytes()).isZero();
    assertThat(strategy.live()).isZero();
    assertThat(strategy.closed).hasValue(1);
  }

  private void assertEmpty() {
    HeapStatistics now = heap.statistics();
    assertThat(now.committedBytes()).isZero();
    assertThat(now.liveBuffers()).isZero();
    assertThat(now.liveBytes()).isZero();
    assertThat(heap.info().buffers()).isEmpty();
    assertThat(strategy.live()).isZero();
  }

  private static AllocationRequest.Builder request(long size) {
    return AllocationRequest.of(size);
  }

  @Test
  void strategyOutOfMemory_isToldInItsWords_andNothingIsLost() {
    strategy.beforeAllocate =
        bytes -> {
          throw new OutOfMemoryError("the shelf is empty");
        };
    for (AllocPolicy policy : AllocPolicy.values()) {
      AllocationRequest request = request(100).policy(policy).build();
      assertThatThrownBy(() -> heap.allocate(request))
          .isInstanceOf(OutOfBuffersException.class)
          .hasMessageContaining("strategy test has no 4096 B: the shelf is empty")
          .hasRootCauseInstanceOf(OutOfMemoryError.class);
      assertThatThrownBy(() -> heap.allocateBulk(request, 3))
          .isInstanceOf(OutOfBuffersException.class);
      assertEmpty();
    }
    assertThat(strategy.trimmed.get()).as("asked to give back what it keeps").isPositive();
    strategy.beforeAllocate = bytes -> {};
    heap.allocate(LIMIT).close();
  }

  @Test
  void strategyThatThrows_isToldInItsWords_andNothingIsLost() {
    strategy.beforeAllocate =
        bytes -> {
          throw new UnsupportedOperationException("no more than 1 KiB");
        };
    assertThatThrownBy(() -> heap.allocate(100))
        .isInstanceOf(OutOfBuffersException.class)
        .hasMessageContaining("no more than 1 KiB");
    strategy.beforeAllocate =
        bytes -> {
          throw new AssertionError("broken");
        };
    assertThatThrownBy(() -> heap.allocate(100))
        .isInstanceOf(AssertionError.class)
        .hasMessage("broken");
    assertEmpty();
    strategy.beforeAllocate = bytes -> {};
    heap.allocate(LIMIT).close();
  }

  @Test
  void someOfABulk_isGivenWhereTheStrategyFailsHalfway() throws InterruptedException {
    strategy.beforeAllocate =
        bytes -> {
          if (strategy.live() == 2) {
            throw new OutOfMemoryError("two are enough");
          }
        };
    List<DmaBuf> some = heap.allocateBulk(request(100).build(), 5);
    assertThat(some).hasSize(2);
    AllocationRequest all = request(100).policy(AllocPolicy.NO_FAIL).build();
    assertThatThrownBy(() -> heap.allocateBulk(all, 5)).hasMessageContaining("two are enough");
    assertThat(strategy.live()).isEqualTo(2);
    some.forEach(DmaBuf::close);
    assertEmpty();
  }

  @Test
  void pieceNotAsPromised_isRefused_andFreed() {
    strategy.offset = 8;
    assertThatThrownBy(() -> heap.allocate(100))
        .hasMessageContaining("promised an alignment of 4096 and gave address");
    assertEmpty();
    strategy.offset = 0;
  }

  @Test
  void alignmentThatIsNone_isRefusedAtTheStart() {
    RecordingStrategy odd = new RecordingStrategy();
    odd.maxAlignment = 3;
    assertThatThrownBy(() -> new StrategyMemory("odd", odd))
        .hasMessageContaining("wanted a power of two as the largest alignment, got 3");
    assertThat(odd.closed).hasValue(1);
  }

  @Test
  void freeThatThrows_countsAsFreed_isLoggedAndNotRepeated() {
    DmaBuf buffer = heap.allocate(100);
    strategy.beforeFree =
        () -> {
          strategy.freed.incrementAndGet(); // as far as anybody knows
          throw new IllegalStateException("torn");
        };
    List<LogRecord> log = new ArrayList<>();
    Logger logger = Logger.getLogger(PieceArena.class.getName());
    Handler handler = new Recording(log);
    logger.addHandler(handler);
    try {
      assertThatCode(buffer::close).doesNotThrowAnyException();
    } finally {
      logger.removeHandler(handler);
    }
    assertThat(log)
        .singleElement()
        .satisfies(one -> assertThat(one.getMessage()).contains("strategy test failed to free"))
        .satisfies(one -> assertThat(one.getThrown()).hasMessage("torn"));
    assertEmpty();
    long _ = heap.trim();
    assertThat(strategy.freed).hasValue(1);
    strategy.beforeFree = () -> {};
    heap.allocate(LIMIT).close();
  }

  @Test
  void trimThatThrows_isNotInTheWay() {
    strategy.beforeTrim =
        () -> {
          throw new IllegalStateException("torn");
        };
    assertThat(heap.trim()).isZero();
    strategy.beforeAllocate =
        bytes -> {
          throw new OutOfMemoryError("the shelf is empty");
        };
    assertThatThrownBy(() -> heap.allocate(100)).hasMessageContaining("the shelf is empty");
    assertEmpty();
  }

  @Test
  void closeThatThrows_leavesTheHeapClosed() {
    RecordingStrategy torn = new RecordingStrategy();
    torn.beforeClose =
        () -> {
          throw new IllegalStateException("torn");
        };
    PooledHeap other = TestStrategies.open(torn, LIMIT);
    other.allocate(100).close();
    assertThatCode(other::close).doesNotThrowAnyException();
    assertThat(other.isClosed()).isTrue();
    assertThat(other.trim()).as("of a strategy that is gone").isZero();
    assertThat(torn.closed).hasValue(1);
  }

  /** Keeps what is logged. */
  private static final class Recording extends Handler {
    private final List<LogRecord> log;

    Recording(List<LogRecord> log) {
      this.log = log;
    }

    @Override
    public void publish(LogRecord entry) {
      log.add(entry);
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }
}

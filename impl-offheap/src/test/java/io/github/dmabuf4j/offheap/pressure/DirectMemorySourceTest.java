package io.github.dmabuf4j.offheap.pressure;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** The JVM's direct memory. */
final class DirectMemorySourceTest {
  @Test
  void ninetyPercentOfTheMost_isPressureOnce() {
    AtomicLong used = new AtomicLong(10);
    AtomicLong nanos = new AtomicLong();
    DirectMemorySource source = new DirectMemorySource(used::get, 100, nanos::get);
    assertThat(source.isPressing()).isFalse();
    used.set(90);
    assertThat(source.isPressing()).isTrue();
    assertThat(source.isPressing()).isFalse();
  }

  @Test
  void thisJvm_countsItsArenas() {
    try (PressureSource source = DirectMemorySource.open(System::nanoTime);
        Arena arena = Arena.ofConfined()) {
      assertThat(arena.allocate(1 << 20).byteSize()).isEqualTo(1 << 20);
      assertThat(source.refusal()).isEmpty();
      assertThat(source.isPressing()).as("a mebibyte is far from the most").isFalse();
    }
  }
}

package io.github.dmabuf4j.device.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What {@link EpollEvent} promises whoever uses it; its offsets are in {@link BindingsProbeTest}.
 */
final class EpollEventTest {
  @ParameterizedTest
  @CsvSource({"amd64, 12, 1", "x86_64, 12, 1", "aarch64, 16, 8", "riscv64, 16, 8"})
  void layout_isPackedOnX86Only(String architecture, long size, long alignment) {
    assertThat(EpollEvent.layout(architecture).byteSize()).isEqualTo(size);
    assertThat(EpollEvent.layout(architecture).byteAlignment()).isEqualTo(alignment);
  }

  @Test
  void neighbours_inAnArray_keepTheirOwn() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment array = EpollEvent.allocateArray(3, arena);
      for (int i = 0; i < 3; i++) {
        EpollEvent.events(EpollEvent.at(array, i), ~i);
        EpollEvent.data(EpollEvent.at(array, i), Long.MIN_VALUE + i);
      }
      for (int i = 0; i < 3; i++) {
        assertThat(EpollEvent.events(EpollEvent.at(array, i))).isEqualTo(~i);
        assertThat(EpollEvent.data(EpollEvent.at(array, i))).isEqualTo(Long.MIN_VALUE + i);
      }
      assertThatThrownBy(() -> EpollEvent.at(array, 3))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }
}

package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class AllocationRequestTest {
  @Test
  void defaults_areZeroedNormalAndAligned() {
    AllocationRequest request = AllocationRequest.of(1).build();
    assertThat(request.size()).isEqualTo(1);
    assertThat(request.alignment()).isEqualTo(AllocationRequest.DEFAULT_ALIGNMENT);
    assertThat(request.content()).isEqualTo(AllocationRequest.Content.ZEROED);
    assertThat(request.policy()).isEqualTo(AllocPolicy.NORMAL);
    assertThat(request.name()).isEmpty();
    assertThat(request.layout()).isEmpty();
  }

  @Test
  void options_arePassedOn() {
    FrameLayout layout = FrameLayout.of(PixelFormat.NV12, 64, 32);
    AllocationRequest request =
        AllocationRequest.of(layout)
            .uninitialized()
            .alignment(4096)
            .policy(AllocPolicy.NOWAIT)
            .name("frame")
            .build();
    assertThat(request.size()).isEqualTo(layout.totalBytes());
    assertThat(request.layout()).contains(layout);
    assertThat(request.alignment()).isEqualTo(4096);
    assertThat(request.content()).isEqualTo(AllocationRequest.Content.UNINITIALIZED);
    assertThat(request.policy()).isEqualTo(AllocPolicy.NOWAIT);
    assertThat(request.name()).contains("frame");
    assertThat(request.toString()).contains("4096").contains("frame").contains("NOWAIT");
  }

  @ParameterizedTest
  @ValueSource(longs = {0, -1, Long.MIN_VALUE})
  void size_mustBePositive(long size) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> AllocationRequest.of(size))
        .withMessageContaining("" + size);
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 3, -1, -4096, Long.MIN_VALUE})
  void alignment_mustBeAPowerOfTwo(long alignment) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> AllocationRequest.of(1).alignment(alignment))
        .withMessageContaining("power of two");
  }

  @Test
  void layoutOfSeveralBuffers_isRefused() {
    FrameLayout apart = FrameLayout.builder(PixelFormat.I420, 16, 16).bufferPerPlane().build();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> AllocationRequest.of(apart))
        .withMessageContaining("bufferBytes");
  }
}

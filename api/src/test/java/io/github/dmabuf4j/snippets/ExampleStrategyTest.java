package io.github.dmabuf4j.snippets;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.spi.PoolingStrategy;
import io.github.dmabuf4j.spi.PoolingStrategy.Piece;
import org.junit.jupiter.api.Test;

/** The example of a strategy does what its documentation says. */
final class ExampleStrategyTest {
  private final PoolingStrategy strategy = new ExampleStrategyProvider().open(1 << 20);

  @Test
  void freedPiece_isGivenToTheNextOneWhomItFits_andIsNotZeroThen() {
    Piece first = strategy.allocate(8192, 4096);
    assertThat(first.isZero()).isTrue();
    assertThat(first.address() % 4096).isZero();
    first.free();
    Piece second = strategy.allocate(4096, 256);
    assertThat(second.address()).isEqualTo(first.address());
    assertThat(second.isZero()).isFalse();
    second.free();
    Piece third = strategy.allocate(16384, 256);
    assertThat(third.isZero()).isTrue();
    assertThat(strategy.committedBytes()).isEqualTo(16384);
    third.free();
    assertThat(strategy.trim()).isEqualTo(16384);
    assertThat(strategy.committedBytes()).isZero();
    strategy.close();
  }
}

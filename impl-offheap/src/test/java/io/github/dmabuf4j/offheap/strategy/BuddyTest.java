package io.github.dmabuf4j.offheap.strategy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.spi.PoolingStrategy.Piece;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class BuddyTest {
  private final Malloc source = new Malloc();
  private final Buddy buddy = new Buddy(source);

  @Test
  void piecesOfAChunk_fillIt_beforeThereIsASecond() {
    List<Piece> pieces = new ArrayList<>();
    for (long bytes = Buddy.CHUNK / 2; bytes >= Buddy.PAGE; bytes /= 2) {
      pieces.add(buddy.allocate(bytes, 1));
    }
    pieces.add(buddy.allocate(1, 1)); // the other half of the last
    assertThat(buddy.chunkCount()).isEqualTo(1);
    pieces.add(buddy.allocate(1, 1));
    assertThat(buddy.chunkCount()).isEqualTo(2);
    pieces.forEach(Piece::free);
    assertThat(buddy.chunkCount()).as("one is kept").isEqualTo(1);
    pieces.add(buddy.allocate(Buddy.CHUNK, 1));
    assertThat(buddy.chunkCount()).as("all halves are one again").isEqualTo(1);
    pieces.getLast().free();
    assertThat(buddy.trim()).isEqualTo(Buddy.CHUNK);
    assertThat(source.committedBytes()).isZero();
    buddy.close();
  }

  @Test
  void smallHole_isTakenBeforeALargerBlockIsHalved() {
    Piece quarter = buddy.allocate(Buddy.CHUNK / 4, 1);
    Piece page = buddy.allocate(1, 1);
    Piece next = buddy.allocate(1, 1);
    assertThat(next.address()).isEqualTo(page.address() + Buddy.PAGE);
    quarter.free();
    Piece third = buddy.allocate(1, 1);
    assertThat(third.address()).isEqualTo(page.address() + 2 * Buddy.PAGE);
    List.of(page, next, third).forEach(Piece::free);
    buddy.close();
  }

  @Test
  void giveTwice_isRefused_andChangesNothing() {
    BuddyTree tree = new BuddyTree(3);
    int node = tree.take(1);
    tree.give(node, 1);
    assertThatThrownBy(() -> tree.give(node, 1)).isInstanceOf(IllegalStateException.class);
    assertThat(tree.isWhole()).isTrue();
    buddy.close();
  }

  @Test
  void close_givesEveryChunkBack() {
    buddy.allocate(1, 1).free();
    assertThat(source.committedBytes()).isGreaterThanOrEqualTo(Buddy.CHUNK);
    buddy.close();
    assertThat(source.committedBytes()).isZero();
  }
}

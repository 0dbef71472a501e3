package io.github.dmabuf4j.netty;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.List;
import java.util.function.Function;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tuple;

/**
 * Whatever is done to our ByteBufs has the same outcome, and leaves the same bytes, indices and
 * count, as done to one of Netty's own on the Java heap. Exceptions are outcomes. Fresh capacity
 * has any content, so both get the same one where they grow.
 */
class ByteBufModelProperties {
  private static final int SIZE = 64;
  private static final int MOST = 200;

  /** A step with its numbers. */
  record Move(String name, ByteBufSurface.Step step, int a, int b, long value) {
    Object on(ByteBuf bytes) {
      try {
        return step.on(bytes, a, b, value);
      } catch (IndexOutOfBoundsException | IllegalArgumentException e) {
        return "refused"; // Netty's own differ in which of the two it is
      } catch (Exception e) {
        return e.getClass();
      }
    }

    @Override
    public String toString() {
      return "%s(%d, %d, %d)".formatted(name, a, b, value);
    }
  }

  @Provide
  Arbitrary<List<Move>> moves() {
    Arbitrary<Integer> near =
        Arbitraries.frequencyOf(
            Tuple.of(12, Arbitraries.integers().between(0, 40)),
            Tuple.of(3, Arbitraries.integers().between(40, 130)),
            Tuple.of(1, Arbitraries.of(-1, Integer.MIN_VALUE, Integer.MAX_VALUE, 201)));
    return Combinators.combine(
            Arbitraries.of(List.copyOf(ByteBufSurface.steps().entrySet())),
            near,
            near,
            Arbitraries.longs())
        .as((step, a, b, value) -> new Move(step.getKey(), step.getValue(), a, b, value))
        .list()
        .ofMinSize(1)
        .ofMaxSize(60);
  }

  @Property(tries = 400, shrinking = ShrinkingMode.BOUNDED)
  void allocated_isAsNettysOwn(@ForAll("moves") List<Move> moves) {
    compare(
        moves,
        heap -> DmaByteBufAllocator.of(heap).directBuffer(SIZE, MOST),
        Unpooled.buffer(SIZE, MOST));
  }

  @Property(tries = 400, shrinking = ShrinkingMode.BOUNDED)
  void view_isAsNettysOwn_thatCantGrow(@ForAll("moves") List<Move> moves) {
    compare(
        moves,
        heap -> {
          try (DmaBuf buffer = heap.allocate(SIZE)) {
            return DmaByteBufs.view(buffer);
          }
        },
        Unpooled.buffer(SIZE, SIZE).writerIndex(SIZE));
  }

  @Property(tries = 400, shrinking = ShrinkingMode.BOUNDED)
  void slice_isAsNettysOwn(@ForAll("moves") List<Move> moves) {
    compare(
        moves,
        heap ->
            DmaByteBufAllocator.of(heap).directBuffer(3 * SIZE).setZero(0, 3 * SIZE).slice(7, SIZE),
        Unpooled.buffer(3 * SIZE).slice(7, SIZE));
  }

  private static void compare(List<Move> moves, Function<Heap, ByteBuf> made, ByteBuf model) {
    try (Heap heap = Heaps.open("offheap:system?limit=8MiB")) {
      ByteBuf ours = made.apply(heap);
      try {
        ours.setZero(0, ours.capacity());
        for (Move move : moves) {
          int capacity = ours.capacity();
          Object expected = move.on(model);
          assertThat(move.on(ours)).as("%s", move).isEqualTo(expected);
          if (ours.capacity() > capacity) {
            fillFresh(ours, model, capacity);
          }
          assertSame(ours, model, move);
        }
      } finally {
        ours.release(ours.refCnt());
        model.release(model.refCnt());
      }
      assertThat(heap.statistics().liveBuffers()).isZero();
    }
  }

  /** Both may have grown, by different amounts. */
  private static void fillFresh(ByteBuf ours, ByteBuf model, int before) {
    if (model.capacity() != ours.capacity()) {
      model.capacity(ours.capacity());
    }
    int written = Math.max(before, ours.writerIndex());
    ours.setZero(written, ours.capacity() - written);
    model.setZero(written, model.capacity() - written);
  }

  private static void assertSame(ByteBuf ours, ByteBuf model, Move move) {
    assertThat(ours.capacity()).as("capacity after %s", move).isEqualTo(model.capacity());
    assertThat(ours.readerIndex()).as("readerIndex after %s", move).isEqualTo(model.readerIndex());
    assertThat(ours.writerIndex()).as("writerIndex after %s", move).isEqualTo(model.writerIndex());
    assertThat(ours.refCnt()).as("refCnt after %s", move).isEqualTo(model.refCnt());
    assertThat(all(ours)).as("content after %s", move).isEqualTo(all(model));
  }

  private static String all(ByteBuf bytes) {
    return ByteBufSurface.contentOf(bytes.slice(0, bytes.capacity()));
  }
}

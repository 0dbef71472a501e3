package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

class FrameLayoutProperties {

  /** What a caller may ask for, before it is laid out. */
  record Wish(
      PixelFormat format,
      int width,
      int height,
      int blocksLeft,
      int blocksAbove,
      int moreWidth,
      int moreHeight,
      int strideBits,
      int planeBits,
      int tail,
      boolean bufferPerPlane) {

    FrameLayout layout() {
      // Four is a multiple of every block there is.
      int x = blocksLeft * 4;
      int y = blocksAbove * 4;
      FrameLayoutBuilder builder =
          FrameLayout.builder(format, width, height)
              .visible(x, y, width, height)
              .paddedSize(x + width + moreWidth, y + height + moreHeight)
              .strideAlignment(1 << strideBits)
              .planeAlignment(1 << planeBits)
              .tailBytes(tail);
      return (bufferPerPlane ? builder.bufferPerPlane() : builder).build();
    }
  }

  @Provide
  Arbitrary<Wish> wishes() {
    Arbitrary<Integer> size = Arbitraries.integers().between(1, 300);
    Arbitrary<Integer> small = Arbitraries.integers().between(0, 4);
    Arbitrary<Integer> more = Arbitraries.integers().between(0, 40);
    Arbitrary<Integer> bits = Arbitraries.integers().between(0, 13);
    return Arbitraries.of(PixelFormat.class)
        .flatMap(
            format ->
                Combinators.combine(size, size, small, small, more, more, bits)
                    .flatAs(
                        (width, height, left, above, right, below, stride) ->
                            Combinators.combine(bits, more, Arbitraries.of(true, false))
                                .as(
                                    (plane, tail, apart) ->
                                        new Wish(
                                            format, width, height, left, above, right, below,
                                            stride, plane, tail, apart))));
  }

  @Property
  void planes_ofAnySize_areInsideTheirBufferAndApart(@ForAll("wishes") Wish wish) {
    FrameLayout layout = wish.layout();

    assertThat(layout.planes()).hasSameSizeAs(wish.format().planes());
    for (PlaneLayout plane : layout.planes()) {
      assertThat(plane.end()).isLessThanOrEqualTo(layout.bufferBytes(plane.bufferIndex()));
      for (PlaneLayout other : layout.planes()) {
        assertThat(plane.overlaps(other)).isEqualTo(plane.equals(other));
      }
    }
    assertThat(layout.bufferCount()).isEqualTo(wish.bufferPerPlane() ? layout.planes().size() : 1);
  }

  @Property
  void alignments_areRespected(@ForAll("wishes") Wish wish) {
    for (PlaneLayout plane : wish.layout().planes()) {
      assertThat(plane.stride() % (1 << wish.strideBits())).isZero();
      assertThat(plane.offset() % (1 << wish.planeBits())).isZero();
    }
  }

  @Property
  void memory_isNotWastedBeyondTheAlignments(@ForAll("wishes") Wish wish) {
    FrameLayout layout = wish.layout();
    long bound = 0;
    for (int i = 0; i < layout.planes().size(); i++) {
      PixelFormat.Plane grid = wish.format().plane(i);
      long stride = grid.rowBytes(layout.paddedWidth()) + (1 << wish.strideBits()) - 1;
      bound +=
          stride * grid.rows(layout.paddedHeight()) + wish.tail() + (1 << wish.planeBits()) - 1;
    }

    assertThat(layout.totalBytes()).isLessThanOrEqualTo(bound);
  }

  /** Every visible byte of every plane has an address of its own, inside the plane. */
  @Property(tries = 200)
  void rows_writtenOnce_neverMeet(@ForAll("wishes") Wish wish) {
    FrameLayout layout = wish.layout();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment[] buffers = new MemorySegment[layout.bufferCount()];
      for (int i = 0; i < buffers.length; i++) {
        buffers[i] = arena.allocate(layout.bufferBytes(i));
      }
      for (int plane = 0; plane < layout.planes().size(); plane++) {
        MemorySegment buffer = buffers[layout.planes().get(plane).bufferIndex()];
        for (int row = 0; row < layout.planeRows(plane); row++) {
          MemorySegment bytes = layout.row(plane, row, buffer);
          assertThat(bytes.byteSize()).isEqualTo(layout.rowBytes(plane));
          assertThat(bytes.mismatch(MemorySegment.ofArray(new byte[(int) bytes.byteSize()])))
              .as("row %d of plane %d was untouched", row, plane)
              .isEqualTo(-1);
          bytes.fill((byte) 1);
        }
      }
    }
  }

  @Property
  void toBuilder_givesTheSameLayout(@ForAll("wishes") Wish wish) {
    FrameLayout layout = wish.layout();

    assertThat(layout.toBuilder().build()).isEqualTo(layout).hasToString(layout.toString());
  }

  /** Planes without sizes end earlier, never later, than those laid out with whole rows. */
  @Property
  void givenPlanesWithoutSizes_takeNoMoreThanWholeRows(@ForAll("wishes") Wish wish) {
    FrameLayout layout = wish.layout();
    FrameLayoutBuilder builder =
        FrameLayout.builder(wish.format(), wish.width(), wish.height())
            .visible(layout.visibleX(), layout.visibleY(), wish.width(), wish.height())
            .paddedSize(layout.paddedWidth(), layout.paddedHeight());
    layout.planes().forEach(p -> builder.plane(p.bufferIndex(), p.offset(), p.stride()));

    assertThat(builder.build().totalBytes()).isLessThanOrEqualTo(layout.totalBytes());
  }

  @Property
  void blocks_coverEveryPixelAndNoBlockIsWhollyOutside(
      @ForAll PixelFormat format, @ForAll @IntRange(min = 1) int pixels) {
    for (PixelFormat.Plane grid : format.planes()) {
      long across = (long) grid.columns(pixels) * grid.blockWidth();
      long down = (long) grid.rows(pixels) * grid.blockHeight();

      assertThat(across).isBetween((long) pixels, (long) pixels + grid.blockWidth() - 1);
      assertThat(down).isBetween((long) pixels, (long) pixels + grid.blockHeight() - 1);
    }
  }
}

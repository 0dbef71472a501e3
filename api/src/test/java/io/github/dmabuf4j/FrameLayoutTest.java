package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

class FrameLayoutTest {
  private static final long TILED = 0x0100_0000_0000_0002L;

  @Test
  void of_i420WithOddHeight_roundsChromaUp() {
    FrameLayout layout = FrameLayout.of(PixelFormat.I420, 720, 405);

    assertThat(layout.planes())
        .containsExactly(
            new PlaneLayout(0, 0, 768, 768 * 405),
            new PlaneLayout(0, 311_040, 512, 512 * 203),
            new PlaneLayout(0, 414_976, 512, 512 * 203));
    assertThat(layout.planeRows(0)).isEqualTo(405);
    assertThat(layout.planeColumns(1)).isEqualTo(360);
    assertThat(layout.planeRows(1)).isEqualTo(203);
    assertThat(layout.rowBytes(0)).isEqualTo(720);
    assertThat(layout.rowBytes(2)).isEqualTo(360);
    assertThat(layout.totalBytes()).isEqualTo(414_976 + 512 * 203);
    assertThat(layout.bufferCount()).isEqualTo(1);
    assertThat(layout.isLinear()).isTrue();
  }

  @Test
  void of_onePixel_hasAllItsPlanes() {
    FrameLayout layout = FrameLayout.of(PixelFormat.NV12, 1, 1);

    assertThat(layout.rowBytes(1)).isEqualTo(2);
    assertThat(layout.totalBytes()).isEqualTo(512);
  }

  @Test
  void builder_packed1080p_isTheSizeEverybodyKnows() {
    FrameLayout layout =
        FrameLayout.builder(PixelFormat.NV12, 1920, 1080)
            .strideAlignment(1)
            .planeAlignment(1)
            .build();

    assertThat(layout.totalBytes()).isEqualTo(3_110_400);
  }

  @Test
  void builder_pageAlignedPlanesAndTail_areRespected() {
    FrameLayout layout =
        FrameLayout.builder(PixelFormat.I420, 720, 405)
            .paddedSize(736, 416)
            .planeAlignment(4096)
            .tailBytes(64)
            .build();

    assertThat(layout.planes().get(0).size()).isEqualTo(768 * 416 + 64);
    assertThat(layout.planes().get(1).offset()).isEqualTo(323_584);
    assertThat(layout.planes().get(1).stride()).isEqualTo(512);
  }

  @Test
  void builder_bufferPerPlane_startsEachAtZero() {
    FrameLayout layout =
        FrameLayout.builder(PixelFormat.I420, 64, 64).strideAlignment(64).bufferPerPlane().build();

    assertThat(layout.bufferCount()).isEqualTo(3);
    assertThat(layout.planes()).allMatch(plane -> plane.offset() == 0);
    assertThat(layout.bufferBytes(0)).isEqualTo(4096);
    assertThat(layout.bufferBytes(1)).isEqualTo(2048);
    assertThat(layout.totalBytes()).isEqualTo(8192);
    assertThatThrownBy(() -> layout.bufferBytes(3)).isInstanceOf(IndexOutOfBoundsException.class);
  }

  @Test
  void builder_importedPlanesWithoutSizes_endWithTheLastRow() {
    FrameLayout layout =
        FrameLayout.builder(PixelFormat.NV12, 720, 405).plane(0, 0, 768).plane(1, 64, 768).build();

    assertThat(layout.bufferBytes(0)).isEqualTo(768 * 404 + 720);
    assertThat(layout.bufferBytes(1)).isEqualTo(64 + 768 * 202 + 720);
  }

  @Test
  void builder_tiledWithCompressionPlane_isTakenAsGiven() {
    FrameLayout layout =
        FrameLayout.builder(PixelFormat.BGRA, 1920, 1080)
            .modifier(TILED)
            .plane(new PlaneLayout(0, 0, 7680, 8_847_360))
            .plane(new PlaneLayout(0, 8_847_360, 128, 4096))
            .build();

    assertThat(layout.isLinear()).isFalse();
    assertThat(layout.totalBytes()).isEqualTo(8_851_456);
    assertThat(layout.toString()).contains("modifier 0x0100000000000002");
    assertThatThrownBy(() -> layout.visibleOffset(0))
        .isInstanceOf(UnsupportedOperationException.class)
        .hasMessageContaining("convert it to linear");
    assertThatThrownBy(() -> layout.row(0, 0, MemorySegment.NULL))
        .isInstanceOf(UnsupportedOperationException.class);
  }

  @Test
  void toBuilder_changesColoursOnly() {
    FrameLayout layout =
        FrameLayout.builder(PixelFormat.I420, 720, 405)
            .paddedSize(736, 416)
            .colorSpace(ColorSpace.BT601)
            .build();

    FrameLayout full = layout.toBuilder().colorRange(ColorRange.FULL).build();

    assertThat(full).isNotEqualTo(layout);
    assertThat(full.planes()).isEqualTo(layout.planes());
    assertThat(full.colorSpace()).isEqualTo(ColorSpace.BT601);
    assertThat(layout.toBuilder().build()).isEqualTo(layout).hasSameHashCodeAs(layout);
  }

  @Test
  void toString_readsLikeASentence() {
    FrameLayout plain = FrameLayout.of(PixelFormat.GRAY8, 16, 2);
    FrameLayout cropped =
        FrameLayout.builder(PixelFormat.I420, 1, 1)
            .visible(8, 4, 720, 405)
            .paddedSize(736, 416)
            .colorSpace(ColorSpace.BT709)
            .colorRange(ColorRange.LIMITED)
            .build();

    assertThat(plain).hasToString("GRAY8 16x2 linear: [0+0 stride 256]");
    assertThat(cropped)
        .hasToString(
            "I420 720x405 (padded 736x416, visible from 8,4) linear: [0+0 stride 768]"
                + " [0+319488 stride 512] [0+425984 stride 512] BT709 LIMITED");
    assertThat(DrmModifier.describe(DrmModifier.INVALID)).isEqualTo("modifier unknown");
    assertThat(DrmModifier.vendor(TILED)).isEqualTo(1);
    assertThat(DrmModifier.vendor(DrmModifier.INVALID)).isZero();
  }

  @Test
  void planes_areACopyThatCantBeChanged() {
    List<PlaneLayout> planes = new ArrayList<>();
    planes.add(new PlaneLayout(0, 0, 16, 32));
    FrameLayout layout = gray(planes, 16, 2);
    planes.clear();

    assertThat(layout.planes()).hasSize(1).isUnmodifiable();
  }

  @Test
  void rowAndPlane_ofACroppedFrame_startAtTheVisiblePixel() {
    FrameLayout layout =
        FrameLayout.builder(PixelFormat.NV12, 1, 1)
            .visible(2, 4, 5, 3)
            .paddedSize(16, 16)
            .strideAlignment(16)
            .build();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(layout.totalBytes());
      buffer.set(ValueLayout.JAVA_BYTE, 16 * 5 + 2, (byte) 7);
      buffer.set(ValueLayout.JAVA_BYTE, 256 + 16 * 3 + 2, (byte) 9);

      assertThat(layout.visibleOffset(0)).isEqualTo(16 * 4 + 2);
      assertThat(layout.row(0, 1, buffer).byteSize()).isEqualTo(5);
      assertThat(layout.row(0, 1, buffer).get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 7);
      assertThat(layout.row(1, 1, buffer).byteSize()).isEqualTo(6);
      assertThat(layout.row(1, 1, buffer).get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 9);
      assertThat(layout.plane(1, buffer).byteSize()).isEqualTo(128);
      assertThatThrownBy(() -> layout.row(1, 2, buffer))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> layout.plane(2, buffer))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertRefused(() -> layout.plane(1, buffer.asSlice(1)), "needs a buffer of 384", "got 383");
    }
  }

  @Test
  void row_ofTheLastRowWithoutPadding_staysInside() {
    FrameLayout layout = FrameLayout.builder(PixelFormat.GRAY8, 10, 3).plane(0, 6, 32).build();

    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(layout.totalBytes());
      assertThat(buffer.byteSize()).isEqualTo(6 + 64 + 10);
      assertThat(layout.row(0, 2, buffer).address()).isEqualTo(buffer.address() + 70);
    }
  }

  @Test
  void build_sizeBelowOne_isRefused() {
    assertRefused(() -> FrameLayout.of(PixelFormat.I420, 0, 405), "at least 1x1", "0x405");
    assertRefused(() -> FrameLayout.of(PixelFormat.I420, 720, -1), "at least 1x1", "720x-1");
    assertRefused(() -> padded(0, 0).build(), "padded size of at least 720x405", "got 0x0");
  }

  @Test
  void build_visiblePartOutsidePadding_isRefused() {
    assertRefused(() -> padded(719, 405).build(), "padded size of at least 720x405", "719x405");
    assertRefused(() -> padded(736, 416).visible(18, 0, 720, 405).build(), "738x405", "18,0");
    assertRefused(() -> padded(736, 416).visible(-2, 0, 720, 405).build(), "start at -2,0");
    assertRefused(
        () -> FrameLayout.builder(PixelFormat.GRAY8, 1, 1).visible(2, 0, maxInt(), 1).build(),
        "2147483649x1");
  }

  @Test
  void build_visiblePartInsideABlock_isRefused() {
    assertRefused(() -> padded(736, 416).visible(1, 0, 720, 405).build(), "2x2 pixels", "1,0");
    assertRefused(() -> padded(736, 416).visible(2, 3, 720, 405).build(), "2x2 pixels", "2,3");
  }

  @Test
  void build_badAlignment_isRefused() {
    for (int bad : new int[] {0, -1, 3, Integer.MIN_VALUE}) {
      assertRefused(() -> padded(736, 416).strideAlignment(bad).build(), "stride", "got " + bad);
      assertRefused(() -> padded(736, 416).planeAlignment(bad).build(), "plane", "got " + bad);
    }
    assertRefused(() -> padded(736, 416).tailBytes(-1).build(), "got -1");
  }

  @Test
  void build_frameTooLargeToAddress_isRefused() {
    assertRefused(() -> FrameLayout.of(PixelFormat.RGBA, maxInt(), 1), "too large", "RGBA");
    assertRefused(() -> padded(736, 416).tailBytes(Long.MAX_VALUE).build(), "too large");
    assertRefused(() -> padded(736, 416).tailBytes(Long.MAX_VALUE / 2).build(), "too large");
    assertRefused(
        () -> padded(736, 416).bufferPerPlane().tailBytes(Long.MAX_VALUE / 2).build(), "add up");
  }

  @Test
  void build_rowsWithoutAlignmentUpToTheLargestStride_areTaken() {
    FrameLayout layout =
        FrameLayout.builder(PixelFormat.GRAY8, maxInt(), maxInt()).strideAlignment(1).build();

    assertThat(layout.totalBytes()).isEqualTo((long) maxInt() * maxInt());
  }

  @Test
  void build_givenPlanesAndArrangement_isRefused() {
    assertRefused(
        () -> padded(736, 416).plane(0, 0, 768).strideAlignment(64).build(), "leave out either");
  }

  @Test
  void build_tiledWithoutSizes_isRefused() {
    assertRefused(() -> padded(736, 416).modifier(TILED).build(), "laid out by its driver");
    assertRefused(
        () -> padded(736, 416).modifier(DrmModifier.INVALID).plane(0, 0, 768).build(),
        "size of plane 0",
        "modifier unknown");
  }

  @Test
  void build_wrongNumberOfPlanes_isRefused() {
    assertRefused(
        () -> padded(736, 416).plane(0, 0, 768).build(), "I420 (linear) must be 3, got 1");
    assertRefused(
        () -> FrameLayout.builder(PixelFormat.GRAY8, 4, 4).plane(0, 0, 4).plane(0, 16, 4).build(),
        "GRAY8 (linear) must be 1, got 2");
    assertRefused(() -> gray(List.of(), 4, 4), "got 0");
  }

  @Test
  void constructor_strideShorterThanARow_isRefused() {
    assertRefused(
        () -> FrameLayout.builder(PixelFormat.RGBA, 100, 2).plane(0, 0, 399).build(),
        "needs 400 bytes",
        "stride is 399");
    assertRefused(
        () -> FrameLayout.builder(PixelFormat.YUYV, 3, 2).plane(0, 0, 6).build(), "needs 8 bytes");
  }

  @Test
  void constructor_sizeBelowTheRows_isRefused() {
    assertRefused(
        () -> gray(List.of(new PlaneLayout(0, 0, 16, 29)), 14, 2), "needs 30 bytes", "size is 29");
    assertThat(gray(List.of(new PlaneLayout(0, 0, 16, 30)), 14, 2).totalBytes()).isEqualTo(30);
  }

  @Test
  void constructor_planesThatShareAByte_areRefused() {
    FrameLayoutBuilder touching =
        FrameLayout.builder(PixelFormat.NV12, 4, 4).plane(0, 8, 4).plane(0, 0, 4);
    FrameLayoutBuilder overlapping =
        FrameLayout.builder(PixelFormat.NV12, 4, 4).plane(0, 7, 4).plane(0, 0, 4);

    assertThat(touching.build().totalBytes()).isEqualTo(24);
    assertRefused(overlapping::build, "Planes 0 (bytes 7 to 23) and 1 (bytes 0 to 8)", "buffer 0");
  }

  @Test
  void constructor_skippedBuffer_isRefused() {
    assertRefused(
        () -> FrameLayout.builder(PixelFormat.NV12, 4, 4).plane(0, 0, 4).plane(2, 0, 4).build(),
        "No plane lies in buffer 1");
    assertRefused(
        () -> FrameLayout.builder(PixelFormat.GRAY8, 4, 4).plane(1, 0, 4).build(),
        "No plane lies in buffer 0");
  }

  @Test
  void planeLayout_badNumbers_areRefused() {
    assertRefused(() -> new PlaneLayout(-1, 0, 1, 1), "0 to 3", "got -1");
    assertRefused(() -> new PlaneLayout(4, 0, 1, 1), "0 to 3", "got 4");
    assertRefused(() -> new PlaneLayout(0, -1, 1, 1), "offset", "got -1");
    assertRefused(() -> new PlaneLayout(0, 0, 0, 1), "stride", "got 0");
    assertRefused(() -> new PlaneLayout(0, 0, -768, 1), "stride", "bottom-up");
    assertRefused(() -> new PlaneLayout(0, 0, 1, 0), "size", "got 0");
    assertRefused(() -> new PlaneLayout(0, Long.MAX_VALUE, 1, 1), "more than a long");
    assertRefused(() -> padded(736, 416).plane(0, 0, -768).build(), "stride", "got -768");
  }

  private static FrameLayoutBuilder padded(int width, int height) {
    return FrameLayout.builder(PixelFormat.I420, 720, 405).paddedSize(width, height);
  }

  private static FrameLayout gray(List<PlaneLayout> planes, int width, int height) {
    return new FrameLayout(
        PixelFormat.GRAY8,
        DrmModifier.LINEAR,
        planes,
        0,
        0,
        width,
        height,
        width,
        height,
        ColorSpace.UNSPECIFIED,
        ColorRange.UNSPECIFIED);
  }

  private static int maxInt() {
    return Integer.MAX_VALUE;
  }

  private static void assertRefused(ThrowingCallable call, String... partsOfMessage) {
    assertThatIllegalArgumentException().isThrownBy(call).withMessageContainingAll(partsOfMessage);
  }
}

package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.PixelFormat.Plane;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class PixelFormatTest {

  /** Codes copied by hand from drm_fourcc.h: name there, number, our name for the same bytes. */
  @ParameterizedTest
  @CsvSource({
    "YUV420, 0x32315559, I420",
    "YVU420, 0x32315659, YV12",
    "YUV422, 0x36315559, I422",
    "YUV444, 0x34325559, I444",
    "S010, 0x30313053, I420_10",
    "NV12, 0x3231564e, NV12",
    "P010, 0x30313050, P010",
    "YUYV, 0x56595559, YUYV",
    "UYVY, 0x59565955, UYVY",
    "ABGR8888, 0x34324241, RGBA",
    "ARGB8888, 0x34325241, BGRA",
    "XBGR8888, 0x34324258, RGBX",
    "XRGB8888, 0x34325258, BGRX",
    "BGR888, 0x34324742, RGB24",
    "RGB888, 0x34324752, BGR24",
    "XRGB2101010, 0x30335258, XRGB2101010",
    "ABGR2101010, 0x30334241, ABGR2101010",
    "R8, 0x20203852, GRAY8",
    "R16, 0x20363152, GRAY16",
  })
  void fourcc_isTheNumberOfTheKernelHeader(String kernelName, String code, PixelFormat format) {
    assertThat(format.fourcc()).as(kernelName).isEqualTo(Integer.decode(code));
  }

  @ParameterizedTest
  @EnumSource(PixelFormat.class)
  void fromFourcc_ofAFormatsOwnCode_findsIt(PixelFormat format) {
    assertThat(PixelFormat.fromFourcc(format.fourcc())).contains(format);
    assertThat(PixelFormat.fourccText(format.fourcc())).isEqualTo(format.fourccText()).hasSize(4);
  }

  @Test
  void fourccs_areAllDifferent() {
    assertThat(Arrays.stream(PixelFormat.values()).map(PixelFormat::fourcc))
        .doesNotHaveDuplicates();
  }

  @Test
  void fromFourcc_unknownOrBigEndian_isEmpty() {
    assertThat(PixelFormat.fromFourcc(0)).isEmpty();
    assertThat(PixelFormat.fromFourcc(PixelFormat.RGBA.fourcc() | 1 << 31)).isEmpty();
  }

  @Test
  void fourccText_unprintableCode_isHexadecimal() {
    assertThat(PixelFormat.fourccText(0)).isEqualTo("0x00000000");
    assertThat(PixelFormat.fourccText(0xb4324241)).isEqualTo("0xb4324241");
    assertThat(PixelFormat.fourccText(0x36314752)).isEqualTo("RG16");
  }

  /** Bytes per 2x2 pixels are what each format is known for: 4:2:0 of 8 bits is 12 bits a pixel. */
  @ParameterizedTest
  @CsvSource({
    "I420, 6",
    "YV12, 6",
    "I422, 8",
    "I444, 12",
    "I420_10, 12",
    "I422_10, 16",
    "I444_10, 24",
    "NV12, 6",
    "NV21, 6",
    "NV16, 8",
    "NV24, 12",
    "P010, 12",
    "P210, 16",
    "YUYV, 8",
    "UYVY, 8",
    "RGBA, 16",
    "BGRA, 16",
    "RGBX, 16",
    "BGRX, 16",
    "RGB24, 12",
    "BGR24, 12",
    "XRGB2101010, 16",
    "XBGR2101010, 16",
    "ARGB2101010, 16",
    "ABGR2101010, 16",
    "GRAY8, 4",
    "GRAY16, 8",
  })
  void planes_ofTwoByTwoPixels_takeTheKnownBytes(PixelFormat format, long bytes) {
    long sum = format.planes().stream().mapToLong(plane -> plane.rows(2) * plane.rowBytes(2)).sum();

    assertThat(sum).isEqualTo(bytes);
  }

  @Test
  void plane_ofOddPictures_roundsUp() {
    Plane chroma = PixelFormat.I420.plane(1);

    assertThat(chroma.columns(719)).isEqualTo(360);
    assertThat(chroma.rows(405)).isEqualTo(203);
    assertThat(chroma.columns(1)).isEqualTo(1);
    assertThat(PixelFormat.YUYV.plane(0).rowBytes(3)).isEqualTo(8);
    assertThat(PixelFormat.I422.plane(1).rows(405)).isEqualTo(405);
  }

  @Test
  void plane_rowLongerThanAnInt_isStillRight() {
    assertThat(PixelFormat.RGBA.plane(0).rowBytes(Integer.MAX_VALUE))
        .isEqualTo(4L * Integer.MAX_VALUE);
  }

  @Test
  void plane_thatCoversNothing_isRefused() {
    assertThatThrownBy(() -> new Plane(0, 1, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("0x1 pixels");
  }

  @Test
  void kindAndDepth_tellTheComponents() {
    assertThat(PixelFormat.NV12.kind()).isEqualTo(PixelFormat.Kind.YCBCR);
    assertThat(PixelFormat.RGBA.kind()).isEqualTo(PixelFormat.Kind.RGB_ALPHA);
    assertThat(PixelFormat.RGBX.kind()).isEqualTo(PixelFormat.Kind.RGB);
    assertThat(PixelFormat.GRAY16.kind()).isEqualTo(PixelFormat.Kind.GRAY);
    assertThat(PixelFormat.P010.bitsPerComponent()).isEqualTo(10);
    assertThat(PixelFormat.I420.bitsPerComponent()).isEqualTo(8);
  }
}

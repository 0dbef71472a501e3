package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.PixelFormat;
import io.github.dmabuf4j.PlaneLayout;
import io.github.dmabuf4j.device.linux.bindings.v4l2_pix_format;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** What a camera's driver says of its pictures, as a layout. */
@EnabledOnOs(OS.LINUX)
final class CaptureFormatTest {
  private static List<PlaneLayout> planes(
      PixelFormat format, int width, int height, int bytesPerLine) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment driver = v4l2_pix_format.allocate(arena);
      v4l2_pix_format.width(driver, width);
      v4l2_pix_format.height(driver, height);
      v4l2_pix_format.bytesperline(driver, bytesPerLine);
      return CaptureFormat.read(format, driver).layout().planes();
    }
  }

  @Test
  void rowsOfChroma_areHalfAsLongAsThoseOfLuma_alsoWhereTheWidthIsOdd() {
    List<PlaneLayout> planes = planes(PixelFormat.I420, 5, 4, 16);
    assertThat(planes).extracting(PlaneLayout::stride).containsExactly(16, 8, 8);
    assertThat(planes).extracting(PlaneLayout::offset).containsExactly(0L, 64L, 80L);
  }

  @Test
  void rowsOfInterleavedChroma_areAsLongAsThoseOfLuma() {
    assertThat(planes(PixelFormat.NV12, 320, 180, 320))
        .extracting(PlaneLayout::stride)
        .containsExactly(320, 320);
  }

  @Test
  void packedRows_areAsLongAsTheDriverSays() {
    assertThat(planes(PixelFormat.YUYV, 320, 180, 704))
        .extracting(PlaneLayout::stride)
        .containsExactly(704);
  }

  @Test
  void driverThatSaysNothing_hasRowsWithoutPadding() {
    assertThat(planes(PixelFormat.I420, 6, 4, 0))
        .extracting(PlaneLayout::stride)
        .containsExactly(6, 3, 3);
  }
}

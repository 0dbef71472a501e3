package io.github.dmabuf4j.device.snippets;

import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.PixelFormat;
import io.github.dmabuf4j.device.CapturedFrame;
import io.github.dmabuf4j.device.VideoCapture;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;

/** The example in the documentation of {@link VideoCapture}. */
final class CameraCapture {
  private CameraCapture() {}

  static void capture() throws InterruptedException {
    // @start region="capture"
    try (Heap heap = Heaps.open("any:system?require=DMABUF&limit=64MiB");
        VideoCapture camera =
            VideoCapture.open(Path.of("/dev/video0"), PixelFormat.YUYV, 640, 480, heap, 4)) {
      for (int i = 0; i < 100; i++) {
        try (CapturedFrame frame = camera.next(Duration.ofSeconds(5)).orElseThrow()) {
          int luma = frame.buffer().read(bytes -> bytes.get(ValueLayout.JAVA_BYTE, 0) & 0xff);
          System.out.println("frame " + frame.sequence() + " begins with luma " + luma);
        }
      }
    }
    // @end
  }
}

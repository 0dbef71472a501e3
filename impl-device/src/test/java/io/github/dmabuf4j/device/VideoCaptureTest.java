package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.PixelFormat;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.zip.CRC32;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * A camera of the real kernel (vivid, a driver that draws test pictures) writes into our buffers.
 */
@Tag("guest")
final class VideoCaptureTest {
  private static final Path CAMERA = Path.of("/dev/video0");
  private static final Duration LONG = Duration.ofSeconds(60);
  private static final int WIDTH = 320;
  private static final int HEIGHT = 180;

  private Heap heap;

  @BeforeEach
  void open() {
    heap = Heaps.open("dma-heap:system?limit=16MiB");
  }

  @AfterEach
  void close() {
    heap.close(); // refuses if a buffer is left
  }

  private VideoCapture capture(int buffers) throws InterruptedException {
    return VideoCapture.open(CAMERA, PixelFormat.YUYV, WIDTH, HEIGHT, heap, buffers);
  }

  private static long checksum(DmaBuf buffer) throws InterruptedException {
    return buffer.read(
        bytes -> {
          CRC32 sum = new CRC32();
          sum.update(bytes.toArray(ValueLayout.JAVA_BYTE));
          return sum.getValue();
        });
  }

  @Test
  void next_deliversPicturesThatChange_inTheBuffersOfTheHeap() throws Exception {
    Set<Long> pictures = new HashSet<>();
    try (VideoCapture camera = capture(4)) {
      long live = heap.statistics().liveBuffers();
      long before = -1;
      for (int i = 0; i < 10; i++) {
        try (CapturedFrame frame = camera.next(LONG).orElseThrow()) {
          assertThat(frame.sequence()).isGreaterThan(before);
          before = frame.sequence();
          assertThat(frame.byteSize()).isEqualTo(WIDTH * HEIGHT * 2L);
          assertThat(frame.buffer().layout()).contains(camera.layout());
          pictures.add(checksum(frame.buffer()));
        }
      }
      assertThat(heap.statistics().liveBuffers()).as("no other buffers").isEqualTo(live);
    }
    assertThat(pictures).as("the picture has a clock").hasSizeGreaterThan(1);
  }

  @Test
  void next_whileAllBuffersAreLent_returnsNothing_andGoesOnWhenOneComesBack() throws Exception {
    try (VideoCapture camera = capture(3)) {
      List<CapturedFrame> lent = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        lent.add(camera.next(LONG).orElseThrow());
      }
      assertThat(camera.next(Duration.ofMillis(50))).isEmpty();
      lent.getFirst().close();
      try (CapturedFrame next = camera.next(LONG).orElseThrow()) {
        assertThat(next.buffer().isSameBuffer(lent.get(1).buffer())).isFalse();
      }
      lent.forEach(CapturedFrame::close);
    }
  }

  @Test
  void bufferWithWorkInFlight_isNotGivenToTheCameraBeforeItsFenceSignals() throws Exception {
    try (VideoCapture camera = capture(2);
        FenceContext gpu = FenceContext.create("reader")) {
      CapturedFrame first = camera.next(LONG).orElseThrow();
      CapturedFrame second = camera.next(LONG).orElseThrow();
      Fence reading = gpu.newFence();
      for (CapturedFrame frame : List.of(first, second)) {
        frame.buffer().reservation().lock();
        try {
          frame.buffer().reservation().reserve(1);
          frame.buffer().reservation().add(reading, FenceUsage.READ);
        } finally {
          frame.buffer().reservation().unlock();
        }
      }
      first.close();
      second.close();
      assertThat(camera.next(Duration.ofMillis(50))).isEmpty();
      gpu.signal(reading);
      camera.next(LONG).orElseThrow().close();
    }
  }

  @Test
  void frame_staysReadableAfterTheCameraIsClosed() throws Exception {
    CapturedFrame frame;
    try (VideoCapture camera = capture(2)) {
      frame = camera.next(LONG).orElseThrow();
      camera.close();
      assertThatIllegalStateException().isThrownBy(() -> camera.next(LONG));
    }
    assertThat(checksum(frame.buffer())).isNotZero();
    frame.close();
    frame.close();
  }

  @Test
  void open_ofWhatIsNotThere_saysWhatIs() {
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(() -> VideoCapture.open(CAMERA, PixelFormat.YUYV, 123, 45, heap, 2))
        .withMessageContaining("wanted 123x45 YUYV of /dev/video0, it offers ");
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(
            () ->
                VideoCapture.open(
                    Path.of("/dev/video99"), PixelFormat.YUYV, WIDTH, HEIGHT, heap, 2))
        .withMessageContaining("/dev/video99")
        .satisfies(e -> assertThat(e.errno()).contains(Errno.ENOENT));
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(
            () -> VideoCapture.open(Path.of("/dev/null"), PixelFormat.YUYV, WIDTH, HEIGHT, heap, 2))
        .withMessageContaining("/dev/null")
        .withMessageContaining("no V4L2 device");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> VideoCapture.open(CAMERA, PixelFormat.P010, WIDTH, HEIGHT, heap, 2))
        .withMessageContaining("P010");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> VideoCapture.open(CAMERA, PixelFormat.YUYV, WIDTH, HEIGHT, heap, 1));
  }

  @Test
  void open_twice_isRefusedWhileTheFirstCaptures() throws Exception {
    try (VideoCapture camera = capture(2)) {
      assertThatExceptionOfType(DmaBufException.class)
          .isThrownBy(() -> capture(2))
          .satisfies(e -> assertThat(e.errno()).contains(Errno.EBUSY));
      camera.next(LONG).orElseThrow().close();
    }
  }

  @Test
  void planarFormat_hasItsPlanesOneAfterTheOther() throws Exception {
    try (VideoCapture camera = VideoCapture.open(CAMERA, PixelFormat.NV12, WIDTH, HEIGHT, heap, 2);
        CapturedFrame frame = camera.next(LONG).orElseThrow()) {
      assertThat(camera.layout().planes().get(1).offset()).isEqualTo(WIDTH * HEIGHT);
      assertThat(frame.buffer().size()).isGreaterThanOrEqualTo(WIDTH * HEIGHT * 3 / 2);
    }
  }
}

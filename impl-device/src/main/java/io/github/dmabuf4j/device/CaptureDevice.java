package io.github.dmabuf4j.device;

import static io.github.dmabuf4j.device.linux.bindings.linux_h.*;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.PixelFormat;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.Restarted;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.timeval;
import io.github.dmabuf4j.device.linux.bindings.v4l2_buffer;
import io.github.dmabuf4j.device.linux.bindings.v4l2_capability;
import io.github.dmabuf4j.device.linux.bindings.v4l2_format;
import io.github.dmabuf4j.device.linux.bindings.v4l2_pix_format;
import io.github.dmabuf4j.device.linux.bindings.v4l2_requestbuffers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The requests that a V4L2 camera is spoken to with, and their errors. No state but the descriptor:
 * who has which buffer is {@link VideoCapture}'s.
 *
 * <p><b>Threads.</b> Any; the driver has locks of its own. No request waits: the descriptor is
 * non-blocking.
 *
 * <p>Source: Documentation/userspace-api/media/v4l/dmabuf.rst.
 */
final class CaptureDevice implements AutoCloseable {
  /**
   * A frame that the camera has written.
   *
   * @param index of the buffer
   * @param bytes how many were written
   * @param sequence its number, which counts lost frames, too
   * @param nanoTime when its first byte was captured, in the time of {@code CLOCK_MONOTONIC}
   * @param damaged whether the driver says that the content is wrong
   */
  record Filled(int index, long bytes, long sequence, long nanoTime, boolean damaged) {}

  private final Path node;
  private final Descriptor descriptor;

  private CaptureDevice(Path node, Descriptor descriptor) {
    this.node = node;
    this.descriptor = descriptor;
  }

  /**
   * Opens a camera.
   *
   * @throws DmaBufException if it can't be opened, or is no camera that this class can use
   */
  static CaptureDevice open(Path node) {
    Descriptor descriptor =
        DescriptorBudget.OF_THIS_PROCESS.make(
            Descriptor.Kind.DEVICE,
            node.toString(),
            "open",
            () -> Syscalls.open(node.toString(), O_RDWR() | O_NONBLOCK() | O_CLOEXEC()));
    CaptureDevice device = new CaptureDevice(node, descriptor);
    boolean done = false;
    try {
      device.requireCamera();
      done = true;
      return device;
    } finally {
      if (!done) {
        device.close();
      }
    }
  }

  Descriptor descriptor() {
    return descriptor;
  }

  private int request(long number, MemorySegment argument) {
    return descriptor.use(fd -> Restarted.call(() -> Syscalls.ioctl(fd, number, argument)));
  }

  private void check(String name, long number, MemorySegment argument, String advice) {
    int result = request(number, argument);
    if (result < 0) {
      throw failure(name, result, advice);
    }
  }

  private DmaBufException failure(String name, int result, String advice) {
    return new SyscallFailure(name, node.toString(), -result)
        .exception(result == -ENODEV() ? "the camera is gone: plug it in again" : advice);
  }

  private void requireCamera() {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment capability = v4l2_capability.allocate(scratch);
      check("VIDIOC_QUERYCAP", VIDIOC_QUERYCAP(), capability, "it is no V4L2 device");
      int all = v4l2_capability.capabilities(capability);
      int own = (all & V4L2_CAP_DEVICE_CAPS()) != 0 ? v4l2_capability.device_caps(capability) : all;
      if ((own & V4L2_CAP_VIDEO_CAPTURE()) == 0) {
        throw unusable(
            capability,
            (own & V4L2_CAP_VIDEO_CAPTURE_MPLANE()) != 0
                ? "captures to several buffers per frame only, which isn't supported"
                : "doesn't capture video");
      }
      if ((own & V4L2_CAP_STREAMING()) == 0) {
        throw unusable(capability, "can't stream into buffers");
      }
    }
  }

  private DmaBufException unusable(MemorySegment capability, String why) {
    String card = v4l2_capability.card(capability).getString(0, StandardCharsets.UTF_8);
    return new DmaBufException(
        "open", Errno.EINVAL, "%s (%s) %s: take another device".formatted(node, card, why), null);
  }

  /**
   * Sets size and format.
   *
   * @return the layout that the driver has chosen
   * @throws DmaBufException if the camera has another size or format: names what it has instead
   */
  CaptureFormat setFormat(PixelFormat format, int width, int height) {
    int fourcc = CaptureFormat.fourcc(format);
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment wanted = v4l2_format.allocate(scratch);
      v4l2_format.type(wanted, V4L2_BUF_TYPE_VIDEO_CAPTURE());
      MemorySegment picture = v4l2_format.fmt.pix(v4l2_format.fmt(wanted));
      v4l2_pix_format.width(picture, width);
      v4l2_pix_format.height(picture, height);
      v4l2_pix_format.pixelformat(picture, fourcc);
      v4l2_pix_format.field(picture, V4L2_FIELD_NONE());
      check("VIDIOC_S_FMT", VIDIOC_S_FMT(), wanted, "close what else uses the camera");
      if (v4l2_pix_format.pixelformat(picture) != fourcc
          || v4l2_pix_format.width(picture) != width
          || v4l2_pix_format.height(picture) != height) {
        throw new DmaBufException(
            "VIDIOC_S_FMT",
            Errno.EINVAL,
            "wanted %dx%d %s of %s, it offers %dx%d %s: ask for that"
                .formatted(
                    width,
                    height,
                    PixelFormat.fourccText(fourcc),
                    node,
                    v4l2_pix_format.width(picture),
                    v4l2_pix_format.height(picture),
                    PixelFormat.fourccText(v4l2_pix_format.pixelformat(picture))),
            null);
      }
      return CaptureFormat.read(format, picture);
    }
  }

  /** Says how many dma-bufs will be queued, 0 to let go of all. Returns how many it takes. */
  int requestBuffers(int count) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment request = v4l2_requestbuffers.allocate(scratch);
      v4l2_requestbuffers.count(request, count);
      v4l2_requestbuffers.type(request, V4L2_BUF_TYPE_VIDEO_CAPTURE());
      v4l2_requestbuffers.memory(request, V4L2_MEMORY_DMABUF());
      check(
          "VIDIOC_REQBUFS",
          VIDIOC_REQBUFS(),
          request,
          "its driver can't capture into dma-bufs (V4L2_MEMORY_DMABUF), or somebody else captures");
      return v4l2_requestbuffers.count(request);
    }
  }

  private static MemorySegment buffer(Arena scratch) {
    MemorySegment buffer = v4l2_buffer.allocate(scratch);
    v4l2_buffer.type(buffer, V4L2_BUF_TYPE_VIDEO_CAPTURE());
    v4l2_buffer.memory(buffer, V4L2_MEMORY_DMABUF());
    return buffer;
  }

  /** Gives the camera a buffer to write to. */
  void queue(int index, int fd, long bytes) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment buffer = buffer(scratch);
      v4l2_buffer.index(buffer, index);
      v4l2_buffer.m.fd(v4l2_buffer.m(buffer), fd);
      v4l2_buffer.length(buffer, Math.toIntExact(bytes));
      check(
          "VIDIOC_QBUF",
          VIDIOC_QBUF(),
          buffer,
          "the camera can't use this memory: take a heap of dma-bufs, contiguous ones if it has no"
              + " IOMMU");
    }
  }

  /** Takes back what the camera has written; empty if that is nothing yet. */
  Optional<Filled> dequeue() {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment buffer = buffer(scratch);
      int result = request(VIDIOC_DQBUF(), buffer);
      if (result == -EAGAIN()) {
        return Optional.empty();
      }
      if (result < 0) {
        throw failure("VIDIOC_DQBUF", result, "close this capture and open another one");
      }
      MemorySegment time = v4l2_buffer.timestamp(buffer);
      return Optional.of(
          new Filled(
              v4l2_buffer.index(buffer),
              Integer.toUnsignedLong(v4l2_buffer.bytesused(buffer)),
              Integer.toUnsignedLong(v4l2_buffer.sequence(buffer)),
              timeval.tv_sec(time) * 1_000_000_000L + timeval.tv_usec(time) * 1_000L,
              (v4l2_buffer.flags(buffer) & V4L2_BUF_FLAG_ERROR()) != 0));
    }
  }

  void start() {
    stream("VIDIOC_STREAMON", VIDIOC_STREAMON());
  }

  /** Takes all buffers away from the camera. */
  void stop() {
    stream("VIDIOC_STREAMOFF", VIDIOC_STREAMOFF());
  }

  private void stream(String name, long number) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment type =
          scratch.allocateFrom(ValueLayout.JAVA_INT, V4L2_BUF_TYPE_VIDEO_CAPTURE());
      check(name, number, type, "close what else uses the camera");
    }
  }

  @Override
  public void close() {
    descriptor.close();
  }
}

package io.github.dmabuf4j.device;

import io.github.dmabuf4j.DmaBuf;

/**
 * A frame that a camera has written into a buffer, lent until it is closed: then the camera may
 * write into that buffer again, as soon as all fences in it have signaled.
 *
 * <p><b>Threads.</b> Any; closing again does nothing.
 */
public final class CapturedFrame implements AutoCloseable {
  private final VideoCapture capture;
  private final CaptureDevice.Filled filled;
  private final DmaBuf buffer;
  private boolean closed;

  CapturedFrame(VideoCapture capture, CaptureDevice.Filled filled, DmaBuf buffer) {
    this.capture = capture;
    this.filled = filled;
    this.buffer = buffer;
  }

  /**
   * The buffer, with the layout of the picture. Its handle is closed with this frame. Whoever keeps
   * another one must not take the content for the same after that.
   *
   * @return the same handle at each call
   */
  public DmaBuf buffer() {
    return buffer;
  }

  /**
   * How many bytes the camera wrote.
   *
   * @return bytes, from the beginning of the buffer
   */
  public long byteSize() {
    return filled.bytes();
  }

  /**
   * The number of the frame. A gap says that the camera had no buffer to write to.
   *
   * @return a number from 0, 32 bits
   */
  public long sequence() {
    return filled.sequence();
  }

  /**
   * When the frame was captured.
   *
   * @return nanoseconds of the clock that {@link System#nanoTime} has on Linux
   */
  public long nanoTime() {
    return filled.nanoTime();
  }

  /** Gives the buffer back to the camera, unless that is closed. Doesn't wait. */
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    buffer.close();
    capture.giveBack(filled.index());
  }

  @Override
  public String toString() {
    return "frame %d of %s".formatted(filled.sequence(), capture);
  }
}

package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.PixelFormat;
import java.lang.foreign.MemorySegment;

/**
 * One decoded picture: its buffer, and where its luma lies in it. The codec may still read the
 * buffer, as a reference for other pictures: it isn't to be written.
 *
 * <p><b>Threads.</b> For one thread.
 */
public final class VideoFrame implements AutoCloseable {
  private final DmaBuf buffer;
  private final int width;
  private final int height;
  private final int sampleBytes;
  private final int shift;
  private final long lumaStart;
  private final int lumaStride;
  private final long copiedBytes;

  private VideoFrame(Picture picture, long copiedBytes) {
    this.buffer = picture.decoded();
    this.width = picture.width;
    this.height = picture.height;
    this.sampleBytes = picture.format.plane(0).blockBytes();
    this.shift = PixelFormats.lumaShift(picture.format);
    this.lumaStart = picture.offsets[0];
    this.lumaStride = picture.strides[0];
    this.copiedBytes = copiedBytes;
  }

  /** Takes over the buffer of a picture, while the decoder still has what it delivered. */
  static VideoFrame of(Picture picture, NativeFrame delivered) {
    boolean done = false;
    try {
      VideoFrame frame = new VideoFrame(picture, copiedBytes(picture, delivered));
      done = true;
      return frame;
    } finally {
      if (!done) {
        picture.release();
      }
    }
  }

  /** Bytes of the planes that aren't where the decoder put them, proven by their addresses. */
  private static long copiedBytes(Picture picture, NativeFrame delivered) {
    long copied = 0;
    try (Hold hold = picture.decoded().hold(ArenaKind.CONFINED)) {
      for (int plane = 0; plane < picture.format.planes().size(); plane++) {
        PixelFormat.Plane grid = picture.format.plane(plane);
        boolean stayed = hold.address() + picture.offsets[plane] == delivered.plane(plane);
        copied += stayed ? 0 : grid.rowBytes(picture.width) * grid.rows(picture.height);
      }
    }
    return copied;
  }

  /**
   * The buffer that the picture lies in.
   *
   * @return a handle that this object closes
   */
  public DmaBuf buffer() {
    return buffer;
  }

  /**
   * How wide it is.
   *
   * @return pixels
   */
  public int width() {
    return width;
  }

  /**
   * How high it is.
   *
   * @return pixels; may be odd
   */
  public int height() {
    return height;
  }

  /**
   * What a sample of luma takes.
   *
   * @return 1 byte, or 2 for little-endian samples
   */
  public int sampleBytes() {
    return sampleBytes;
  }

  /**
   * How far a sample is to be shifted to the right for its upper 8 bits.
   *
   * @return bits
   */
  public int shift() {
    return shift;
  }

  /**
   * Where luma begins.
   *
   * @return bytes from the start of the buffer to the first visible sample
   */
  public long lumaStart() {
    return lumaStart;
  }

  /**
   * The distance of two rows of luma.
   *
   * @return bytes, negative if the picture lies upside down
   */
  public int lumaStride() {
    return lumaStride;
  }

  /**
   * What was copied on the way from the decoder to here.
   *
   * @return bytes of planes, 0 if the decoder wrote into the buffer itself
   */
  public long copiedBytes() {
    return copiedBytes;
  }

  /**
   * The upper 8 bits of each sample of luma. Waits for whoever writes the buffer.
   *
   * @return a byte for each pixel, row by row
   * @throws InterruptedException if the thread is interrupted while waiting
   */
  public byte[] luma() throws InterruptedException {
    byte[] pixels = new byte[width * height];
    buffer.read(segment -> copyLuma(segment, pixels));
    return pixels;
  }

  private byte[] copyLuma(MemorySegment from, byte[] to) {
    for (int y = 0; y < height; y++) {
      long row = lumaStart + (long) y * lumaStride;
      for (int x = 0; x < width; x++) {
        to[y * width + x] =
            (byte) EdgeFilter.sample(from, row + (long) x * sampleBytes, sampleBytes, shift);
      }
    }
    return to;
  }

  /**
   * What the demo's filter makes of the picture, on the CPU. Waits for whoever writes the buffer.
   *
   * @return a byte for each pixel, row by row
   * @throws InterruptedException if the thread is interrupted while waiting
   */
  public byte[] edges() throws InterruptedException {
    byte[] pixels = new byte[width * height];
    EdgeFilter filter = new EdgeFilter(width, height, sampleBytes, shift);
    MemorySegment out = MemorySegment.ofArray(pixels);
    buffer.read(
        segment -> {
          filter.rows(segment, lumaStart, lumaStride, out, width, 0, height);
          return pixels;
        });
    return pixels;
  }

  /** Lets go of the buffer. Closing again does nothing. */
  @Override
  public void close() {
    buffer.close();
  }
}

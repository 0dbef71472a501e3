package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.Advice;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.PixelFormat;
import java.lang.foreign.MemorySegment;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * One decoded picture of a {@link FrameCache}: its buffer, and where the planes lie in it.
 *
 * <p><b>Threads.</b> For one thread.
 */
final class CachedFrame implements AutoCloseable {
  private final DmaBuf buffer;
  private final int width;
  private final int height;
  private final PixelFormat format;
  private final long[] offsets;
  private final int[] strides;

  /** Takes over the buffer of a picture. */
  CachedFrame(Picture picture) {
    this.buffer = picture.decoded();
    this.width = picture.width;
    this.height = picture.height;
    this.format = picture.format;
    this.offsets = Arrays.copyOf(picture.offsets, format.planes().size());
    this.strides = Arrays.copyOf(picture.strides, format.planes().size());
  }

  /** Says whether it would be missed. */
  void advise(Advice advice) {
    buffer.reservation().lock();
    try {
      boolean _ = buffer.advise(advice);
    } finally {
      buffer.reservation().unlock();
    }
  }

  /** Where its content is. */
  BufferObject.Residency residency() {
    return buffer.info().residency();
  }

  /** What it takes. */
  long bytes() {
    return buffer.size();
  }

  /**
   * A hash of all visible samples.
   *
   * @throws io.github.dmabuf4j.BufferPurgedException if they were dropped
   */
  String hash() throws InterruptedException {
    return buffer.read(this::hash);
  }

  private static MessageDigest digest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }

  private String hash(MemorySegment all) {
    MessageDigest digest = digest();
    for (int plane = 0; plane < offsets.length; plane++) {
      PixelFormat.Plane kind = format.plane(plane);
      long rowBytes = kind.rowBytes(width);
      for (int row = 0; row < kind.rows(height); row++) {
        long start = offsets[plane] + (long) row * strides[plane];
        digest.update(all.asSlice(start, rowBytes).asByteBuffer());
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  @Override
  public void close() {
    buffer.close();
  }
}

package io.github.dmabuf4j;

/**
 * Where one plane of a frame lies. What {@code AVDRMPlaneDescriptor} and {@code
 * VkSubresourceLayout} say about a plane.
 *
 * <p>A plane starts at its padded origin; if the visible picture starts further right or down, that
 * is said once for all planes in {@link FrameLayout#visibleX()} and {@link FrameLayout#visibleY()}.
 *
 * <p><b>Threads.</b> Immutable.
 *
 * @param bufferIndex which of the frame's buffers holds the plane, from 0; the index of the file
 *     descriptor when the frame is shared
 * @param offset bytes from the start of that buffer to the plane
 * @param stride bytes from the start of a row to the start of the next; for tiled modifiers the
 *     number which the driver calls pitch
 * @param size bytes that belong to the plane from {@code offset} on, counting padding and any bytes
 *     after the last row that users may touch
 */
public record PlaneLayout(int bufferIndex, long offset, int stride, long size) {
  /**
   * Checks the numbers by themselves; whether they fit a picture is checked by {@link FrameLayout}.
   *
   * @throws IllegalArgumentException if {@code bufferIndex} is not 0 to 3 (a frame has at most
   *     {@link FrameLayout#MAX_PLANES} planes, so no more buffers than that), if {@code offset} is
   *     negative, if {@code stride} or {@code size} is below 1, or if the end of the plane is
   *     beyond {@link Long#MAX_VALUE}
   */
  public PlaneLayout {
    if (bufferIndex < 0 || bufferIndex >= FrameLayout.MAX_PLANES) {
      throw new IllegalArgumentException(
          "A buffer index must be 0 to %d, got %d: number the buffers of the frame from 0"
              .formatted(FrameLayout.MAX_PLANES - 1, bufferIndex));
    }
    if (offset < 0) {
      throw new IllegalArgumentException(
          "The offset of a plane must not be negative, got %d: count bytes from the buffer's start"
              .formatted(offset));
    }
    if (stride < 1) {
      throw new IllegalArgumentException(
          "The stride must be at least 1 byte, got %d: pictures stored bottom-up have to be turned"
              .formatted(stride));
    }
    if (size < 1) {
      throw new IllegalArgumentException(
          "The size of a plane must be at least 1 byte, got %d: pass stride times rows"
              .formatted(size));
    }
    if (offset > Long.MAX_VALUE - size) {
      throw new IllegalArgumentException(
          "Offset %d plus size %d is more than a long can hold: check where they come from"
              .formatted(offset, size));
    }
  }

  /**
   * Where the plane ends.
   *
   * @return bytes from the start of the buffer to the first byte after the plane
   */
  public long end() {
    return offset + size;
  }

  /**
   * Whether both planes claim a byte of the same buffer.
   *
   * @param other the plane to compare with
   * @return true if they do
   */
  public boolean overlaps(PlaneLayout other) {
    return bufferIndex == other.bufferIndex && offset < other.end() && other.offset < end();
  }

  /**
   * {@code [buffer+offset stride n]}, for example {@code [0+319488 stride 384]}.
   *
   * @return the plane for people
   */
  @Override
  public String toString() {
    return "[" + bufferIndex + "+" + offset + " stride " + stride + "]";
  }
}

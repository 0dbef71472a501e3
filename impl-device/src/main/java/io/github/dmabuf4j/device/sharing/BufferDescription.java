package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.ColorRange;
import io.github.dmabuf4j.ColorSpace;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.FrameLayout;
import io.github.dmabuf4j.PixelFormat;
import io.github.dmabuf4j.PlaneLayout;
import io.github.dmabuf4j.device.sharing.PeerException.Problem;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What one process tells another of a buffer, beside its memory.
 *
 * <p>In a frame: size (8 bytes), flags (1: bit 0 may be written, bit 1 has a layout), the name's
 * length (1) and the name in UTF-8; then, if there is one, the layout: fourcc (4), modifier (8),
 * colour space and range (1 each), the visible rectangle's x, y, width and height and the padded
 * width and height (4 each), the number of planes (1), and for each plane its buffer (1), offset
 * (8), stride (4) and size (8).
 *
 * @param size bytes, at least 1
 * @param isWritable whether the receiver may write
 * @param name what it is called in reports
 * @param layout how a frame lies in it, or null
 */
record BufferDescription(long size, boolean isWritable, String name, @Nullable FrameLayout layout) {
  static final int MAX_NAME_BYTES = 255;
  static final int MIN_BYTES = 10;
  static final int MAX_BYTES =
      MIN_BYTES + MAX_NAME_BYTES + 4 + 8 + 2 + 6 * 4 + 1 + FrameLayout.MAX_PLANES * 21;

  private static final int WRITABLE = 1;
  private static final int HAS_LAYOUT = 2;

  /** Their index is what is sent: new ones go to the end. */
  private static final List<ColorSpace> COLOR_SPACES =
      List.of(
          ColorSpace.UNSPECIFIED,
          ColorSpace.SRGB,
          ColorSpace.BT601,
          ColorSpace.BT709,
          ColorSpace.BT2020,
          ColorSpace.BT2100_PQ,
          ColorSpace.BT2100_HLG);

  /** Their index is what is sent: new ones go to the end. */
  private static final List<ColorRange> COLOR_RANGES =
      List.of(ColorRange.UNSPECIFIED, ColorRange.LIMITED, ColorRange.FULL);

  static BufferDescription of(DmaBuf buffer, boolean isWritable) {
    return new BufferDescription(
        buffer.size(), isWritable, buffer.name(), buffer.layout().orElse(null));
  }

  // ---- writing ----

  void write(ByteBuffer into) {
    FrameLayout present = layout;
    byte[] text = nameBytes();
    into.putLong(size)
        .put((byte) ((isWritable ? WRITABLE : 0) | (present == null ? 0 : HAS_LAYOUT)))
        .put((byte) text.length)
        .put(text);
    if (present != null) {
      writeLayout(into, present);
    }
  }

  /** The name's beginning, cut between two characters. */
  private byte[] nameBytes() {
    int end = name.length();
    byte[] text = name.getBytes(StandardCharsets.UTF_8);
    while (text.length > MAX_NAME_BYTES) {
      end = name.offsetByCodePoints(end, -1);
      text = name.substring(0, end).getBytes(StandardCharsets.UTF_8);
    }
    return text;
  }

  private static void writeLayout(ByteBuffer into, FrameLayout layout) {
    into.putInt(layout.format().fourcc())
        .putLong(layout.modifier())
        .put((byte) COLOR_SPACES.indexOf(layout.colorSpace()))
        .put((byte) COLOR_RANGES.indexOf(layout.colorRange()))
        .putInt(layout.visibleX())
        .putInt(layout.visibleY())
        .putInt(layout.width())
        .putInt(layout.height())
        .putInt(layout.paddedWidth())
        .putInt(layout.paddedHeight())
        .put((byte) layout.planes().size());
    for (PlaneLayout plane : layout.planes()) {
      into.put((byte) plane.bufferIndex())
          .putLong(plane.offset())
          .putInt(plane.stride())
          .putLong(plane.size());
    }
  }

  // ---- reading ----

  /**
   * Reads a description.
   *
   * @throws PeerException if a number is out of range, or contradicts another
   */
  static BufferDescription read(Frame frame, ByteBuffer content) {
    long size = content.getLong();
    int flags = content.get();
    if (size <= 0 || (flags & ~(WRITABLE | HAS_LAYOUT)) != 0) {
      throw frame.wrong(
          Problem.CONTENT,
          "a buffer of at least 1 byte with flags up to 3",
          "%d bytes and %d".formatted(size, flags));
    }
    byte[] text = new byte[Byte.toUnsignedInt(content.get())];
    content.get(text);
    String name = new String(text, StandardCharsets.UTF_8);
    FrameLayout layout = (flags & HAS_LAYOUT) == 0 ? null : readLayout(frame, content);
    if (layout != null && layout.totalBytes() > size) {
      throw frame.wrong(
          Problem.CONTENT, "a layout of at most %d bytes".formatted(size), layout.totalBytes());
    }
    return new BufferDescription(size, (flags & WRITABLE) != 0, name, layout);
  }

  private static FrameLayout readLayout(Frame frame, ByteBuffer content) {
    int fourcc = content.getInt();
    PixelFormat format =
        PixelFormat.fromFourcc(fourcc)
            .orElseThrow(
                () ->
                    frame.wrong(
                        Problem.CONTENT, "a known pixel format", PixelFormat.fourccText(fourcc)));
    long modifier = content.getLong();
    ColorSpace space = oneOf(frame, COLOR_SPACES, content.get());
    ColorRange range = oneOf(frame, COLOR_RANGES, content.get());
    int visibleX = content.getInt();
    int visibleY = content.getInt();
    int width = content.getInt();
    int height = content.getInt();
    int paddedWidth = content.getInt();
    int paddedHeight = content.getInt();
    try {
      return new FrameLayout(
          format,
          modifier,
          readPlanes(frame, content),
          visibleX,
          visibleY,
          width,
          height,
          paddedWidth,
          paddedHeight,
          space,
          range);
    } catch (IllegalArgumentException e) {
      throw frame.wrong(Problem.CONTENT, "a layout that is possible", e.getMessage() + "");
    }
  }

  private static List<PlaneLayout> readPlanes(Frame frame, ByteBuffer content) {
    int count = content.get();
    if (count < 1 || count > FrameLayout.MAX_PLANES) {
      throw frame.wrong(Problem.CONTENT, "1 to %d planes".formatted(FrameLayout.MAX_PLANES), count);
    }
    List<PlaneLayout> planes = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      int buffer = content.get();
      long offset = content.getLong();
      int stride = content.getInt();
      planes.add(new PlaneLayout(buffer, offset, stride, content.getLong()));
    }
    return planes;
  }

  private static <T> T oneOf(Frame frame, List<T> all, int index) {
    if (index < 0 || index >= all.size()) {
      throw frame.wrong(Problem.CONTENT, "one of " + all, index);
    }
    return all.get(index);
  }
}

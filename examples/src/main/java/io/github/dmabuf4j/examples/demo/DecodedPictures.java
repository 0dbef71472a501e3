package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.FrameLayout;
import io.github.dmabuf4j.PlaneLayout;
import java.util.Objects;
import org.bytedeco.ffmpeg.avcodec.AVCodecContext;
import org.jspecify.annotations.Nullable;

/**
 * The pictures of a decoder as buffers of a heap: those that it was given to write into, or copies
 * where it insists on memory of its own.
 *
 * <p><b>Threads.</b> For the thread that decodes.
 */
final class DecodedPictures implements DecoderMemory, AutoCloseable {
  private final FrameBuffers.Source source;
  private final FrameBuffers buffers;
  private final boolean readOnly;
  private @Nullable AVCodecContext decoder;
  private @Nullable FrameGeometry copies;

  /**
   * Prepares to give memory to a decoder.
   *
   * @param source where buffers come from
   * @param readOnly what handles they are handed on by: read-only ones can't advise, either
   */
  DecodedPictures(FrameBuffers.Source source, boolean readOnly) {
    this.source = source;
    this.readOnly = readOnly;
    this.buffers = new FrameBuffers(source);
  }

  @Override
  public void installInto(AVCodecContext codec, boolean canUseOurMemory) {
    decoder = codec;
    if (canUseOurMemory) {
      buffers.installInto(codec);
    }
  }

  @Override
  public @Nullable Throwable failure() {
    return buffers.failure();
  }

  /** The decoder that this was installed into. */
  AVCodecContext decoder() {
    return Objects.requireNonNull(decoder, "the decoder isn't open");
  }

  /**
   * Finds the buffer of a picture, and where its planes lie in it.
   *
   * @param frame what the decoder delivered, still the caller's
   * @param picture gets both; the buffer as a handle of its own. The codec may deliver one buffer
   *     twice, and reads it as a reference: it isn't to be written
   */
  void accept(NativeFrame frame, Picture picture) throws Exception {
    FrameBuffers.Decoded decoded = buffers.delivered(frame.bufferBase());
    if (decoded == null) {
      copyIn(frame, picture);
      return;
    }
    DmaBuf buffer = decoded.buffer();
    picture.decoded = readOnly ? buffer.dupReadOnly() : buffer.dup();
    for (int plane = 0; plane < picture.format.planes().size(); plane++) {
      picture.offsets[plane] = frame.plane(plane) - decoded.address();
      picture.strides[plane] = frame.stride(plane);
    }
  }

  /** For a codec that insists on memory of its own. */
  private void copyIn(NativeFrame frame, Picture picture) throws Exception {
    if (!FrameGeometry.fits(copies, frame.format(), picture.width, picture.height)) {
      copies =
          FrameGeometry.of(
              decoder(), frame.format(), picture.format, picture.width, picture.height);
    }
    FrameGeometry geometry = Objects.requireNonNull(copies);
    FrameLayout layout = geometry.layout();
    DmaBuf copy = source.allocate(geometry.request());
    picture.decoded = copy;
    copy.write(
        segment -> {
          for (int plane = 0; plane < layout.planes().size(); plane++) {
            PlaneLayout place = layout.planes().get(plane);
            picture.offsets[plane] = place.offset();
            picture.strides[plane] = place.stride();
            Planes.copyOut(
                frame,
                plane,
                segment,
                place.offset(),
                place.stride(),
                layout.rowBytes(plane),
                layout.planeRows(plane));
          }
        });
  }

  /** The decoder must be closed first. */
  @Override
  public void close() {
    buffers.close();
  }
}

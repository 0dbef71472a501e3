package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.PixelFormat;
import io.github.dmabuf4j.PlaneLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import org.bytedeco.ffmpeg.avcodec.AVCodecContext;
import org.bytedeco.ffmpeg.avutil.AVBufferRef;
import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.global.avcodec;
import org.jspecify.annotations.Nullable;

/**
 * Gives a decoder buffers of a heap to write into: its {@code get_buffer2}.
 *
 * <p>A buffer is the codec's from here until FFmpeg calls back with its last reference; it may be
 * delivered meanwhile, and goes on being read by the codec, as a reference for other pictures.
 * {@link #delivered} makes a handle of its own for whoever comes next.
 *
 * <p><b>Threads.</b> {@code get_buffer2} and the callback run on any of FFmpeg's threads.
 */
final class FrameBuffers implements AutoCloseable {
  private static final GetBuffer GET_BUFFER = new GetBuffer();

  private final Heap heap;
  private final Traffic traffic;
  private final long handle = NativeHandles.register(this);
  private final List<Decoded> live = new ArrayList<>(); // guarded by itself
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
  private volatile @Nullable FrameGeometry geometry;

  FrameBuffers(Heap heap, Traffic traffic) {
    this.heap = heap;
    this.traffic = traffic;
  }

  /** Makes a codec ask here for its buffers. Before it is opened. */
  void installInto(AVCodecContext codec) {
    codec.opaque(new Address().at(handle));
    codec.get_buffer2(GET_BUFFER);
  }

  /**
   * Why {@code get_buffer2} refused. FFmpeg's own error may be another one: a decoder with frame
   * threads reports invalid data when it gets no memory.
   */
  @Nullable Throwable failure() {
    return failure.get();
  }

  /** One buffer while the codec has it. */
  final class Decoded extends Lent {
    private final DmaBuf buffer;
    private final Hold hold;

    Decoded(DmaBuf buffer, Hold hold) {
      this.buffer = buffer;
      this.hold = hold;
    }

    DmaBuf buffer() {
      return buffer;
    }

    long address() {
      return hold.address();
    }

    @Override
    void returned() {
      synchronized (live) {
        live.remove(this);
      }
      try (buffer;
          hold) {
        // The hold first, then the reference.
      }
    }
  }

  /**
   * Finds the buffer of a picture.
   *
   * @param base where its memory starts
   * @return null if it isn't one of ours
   */
  @Nullable Decoded delivered(long base) {
    synchronized (live) {
      for (int i = 0; i < live.size(); i++) {
        Decoded decoded = live.get(i);
        if (decoded.address() == base) {
          return decoded;
        }
      }
    }
    return null;
  }

  /** The codec must be closed first. */
  @Override
  public void close() {
    NativeHandles.release(handle);
  }

  private int allocate(AVCodecContext codec, AVFrame frame, int flags) throws Exception {
    FrameGeometry wanted = geometryOf(codec, frame);
    if (wanted == null) { // the decoder refuses such pictures when it delivers them
      return avcodec.avcodec_default_get_buffer2(codec, frame, flags);
    }
    DmaBuf buffer = traffic.allocate(heap, wanted.request());
    Decoded decoded;
    try {
      decoded = new Decoded(buffer, buffer.hold(ArenaKind.POOL));
    } catch (RuntimeException | Error e) {
      buffer.close();
      throw e;
    }
    synchronized (live) {
      live.add(decoded);
    }
    try {
      fill(frame, decoded, wanted);
    } catch (RuntimeException | Error e) {
      decoded.returned();
      throw e;
    }
    return 0;
  }

  private @Nullable FrameGeometry geometryOf(AVCodecContext codec, AVFrame frame) {
    FrameGeometry known = geometry;
    if (!FrameGeometry.fits(known, frame.format(), frame.width(), frame.height())) {
      PixelFormat format = PixelFormats.of(frame.format());
      if (format == null) {
        return null;
      }
      known = FrameGeometry.of(codec, frame.format(), format, frame.width(), frame.height());
      geometry = known;
    }
    return Objects.requireNonNull(known);
  }

  private static void fill(AVFrame frame, Decoded decoded, FrameGeometry wanted) {
    long base = decoded.address();
    AVBufferRef reference = decoded.lend(base, wanted.request().size(), 0);
    Address plane = new Address();
    List<PlaneLayout> planes = wanted.layout().planes();
    for (int i = 0; i < planes.size(); i++) {
      PlaneLayout place = planes.get(i);
      frame.data(i, plane.at(base + place.offset()));
      frame.linesize(i, place.stride());
    }
    frame.buf(0, reference);
  }

  /**
   * The callback itself: one for the whole process, for JavaCPP has room for ten of a kind. No
   * exception may escape: the frame above is C.
   */
  private static final class GetBuffer
      extends AVCodecContext.Get_buffer2_AVCodecContext_AVFrame_int {
    @Override
    public int call(AVCodecContext codec, AVFrame frame, int flags) {
      FrameBuffers buffers = null;
      try {
        buffers = (FrameBuffers) NativeHandles.get(codec.opaque().address());
        return buffers.allocate(codec, frame, flags);
      } catch (Throwable e) {
        if (buffers != null) {
          buffers.failure.compareAndSet(null, e);
        }
        return Ffmpeg.ENOMEM;
      }
    }
  }
}

package io.github.dmabuf4j.examples.demo;

import static io.github.dmabuf4j.examples.demo.CLinker.INT;
import static io.github.dmabuf4j.examples.demo.CLinker.POINTER;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.PixelFormat;
import io.github.dmabuf4j.PlaneLayout;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import org.bytedeco.ffmpeg.avcodec.AVCodecContext;
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
  /** Of {@code AVCodecContext}, where we keep the number of the object to ask. */
  private static final long OPAQUE = CLinker.offsetOf(AVCodecContext.class, "opaque");

  private static final long GET_BUFFER2 = CLinker.offsetOf(AVCodecContext.class, "get_buffer2");
  private static final long CODEC_BYTES = CLinker.sizeOf(AVCodecContext.class);

  /** The {@code get_buffer2} of every codec. */
  private static final long GET_BUFFER =
      CLinker.callback(
          MethodHandles.lookup(), "getBuffer", FunctionDescriptor.of(INT, POINTER, POINTER, INT));

  /** Where buffers come from. */
  @FunctionalInterface
  interface Source {
    DmaBuf allocate(AllocationRequest request) throws Exception;
  }

  private final Source source;
  private final long handle = NativeHandles.register(this);
  private final List<Decoded> live = new ArrayList<>(); // guarded by itself
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
  private volatile @Nullable FrameGeometry geometry;

  FrameBuffers(Source source) {
    this.source = source;
  }

  /** Makes a codec ask here for its buffers. Before it is opened. */
  void installInto(AVCodecContext codec) {
    MemorySegment struct = CLinker.bytes(codec.address(), CODEC_BYTES);
    struct.set(POINTER, OPAQUE, handle);
    struct.set(POINTER, GET_BUFFER2, GET_BUFFER);
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
    private final Attachment attachment;

    Decoded(DmaBuf buffer, Hold hold, Attachment attachment) {
      this.buffer = buffer;
      this.hold = hold;
      this.attachment = attachment;
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
          hold;
          attachment) {
        // The reference last.
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

  private int allocate(long codec, long address, int flags) throws Exception {
    FrameStruct frame = new FrameStruct(address);
    FrameGeometry wanted = geometryOf(codec, frame);
    if (wanted == null) { // the decoder refuses such pictures when it delivers them
      return avcodec.avcodec_default_get_buffer2(
          codecAt(codec), new AVFrame(new Address().at(address)), flags);
    }
    DmaBuf buffer = source.allocate(wanted.request());
    Decoded decoded = decoded(buffer);
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

  /** Takes a buffer over for the codec. */
  private Decoded decoded(DmaBuf buffer) {
    try {
      Hold hold = buffer.hold(ArenaKind.POOL);
      try {
        return new Decoded(buffer, hold, Stage.DECODER.use(buffer));
      } catch (RuntimeException | Error e) {
        hold.close();
        throw e;
      }
    } catch (RuntimeException | Error e) {
      buffer.close();
      throw e;
    }
  }

  private @Nullable FrameGeometry geometryOf(long codec, FrameStruct frame) {
    FrameGeometry known = geometry;
    if (!FrameGeometry.fits(known, frame.format(), frame.width(), frame.height())) {
      PixelFormat format = PixelFormats.of(frame.format());
      if (format == null) {
        return null;
      }
      known =
          FrameGeometry.of(codecAt(codec), frame.format(), format, frame.width(), frame.height());
      geometry = known;
    }
    return Objects.requireNonNull(known);
  }

  /** With frame threads each thread has a context of its own. */
  private static AVCodecContext codecAt(long address) {
    return new AVCodecContext(new Address().at(address));
  }

  private static void fill(FrameStruct frame, Decoded decoded, FrameGeometry wanted) {
    long base = decoded.address();
    long reference = decoded.lend(base, wanted.request().size(), 0);
    List<PlaneLayout> planes = wanted.layout().planes();
    for (int i = 0; i < planes.size(); i++) {
      PlaneLayout place = planes.get(i);
      frame.setPlane(i, base + place.offset(), place.stride());
    }
    frame.setBuffer(reference);
  }

  /** {@code int (*get_buffer2)(AVCodecContext *, AVFrame *, int flags)}. */
  @SuppressWarnings("unused") // by GET_BUFFER
  private static int getBuffer(long codec, long frame, int flags) {
    FrameBuffers buffers = null;
    try {
      long handle = CLinker.bytes(codec, CODEC_BYTES).get(POINTER, OPAQUE);
      buffers = (FrameBuffers) NativeHandles.get(handle);
      return buffers.allocate(codec, frame, flags);
    } catch (Throwable e) {
      if (buffers != null) {
        buffers.failure.compareAndSet(null, e);
      }
      return Ffmpeg.ENOMEM;
    }
  }
}

package io.github.dmabuf4j.examples.demo;

import static org.bytedeco.ffmpeg.global.avcodec.AV_CODEC_CAP_DR1;
import static org.bytedeco.ffmpeg.global.avutil.AVERROR_EOF;

import io.github.dmabuf4j.PixelFormat;
import io.github.dmabuf4j.examples.BadInputException;
import org.bytedeco.ffmpeg.avcodec.AVCodec;
import org.bytedeco.ffmpeg.avcodec.AVCodecContext;
import org.bytedeco.ffmpeg.avcodec.AVPacket;
import org.bytedeco.ffmpeg.avutil.AVDictionary;
import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.global.avcodec;
import org.jspecify.annotations.Nullable;

/**
 * Turns packets into pictures, with frame threads where the codec has them.
 *
 * <p><b>Threads.</b> For one thread; FFmpeg has its own below.
 */
final class Decoder implements AutoCloseable {
  /**
   * Frame threads and slice threads, whichever the codec can: FF_THREAD_FRAME | FF_THREAD_SLICE.
   */
  private static final int ANY_THREADS = 3;

  /** So many errors in a row at the end of the stream and the decoder is given up. */
  private static final int MAX_ERRORS_AT_END = 100;

  private final AVCodecContext context;
  private final DecoderMemory memory;
  private final String codecName;
  private final AVPacket packet = avcodec.av_packet_alloc();
  private final NativeFrame frame = new NativeFrame();
  private Demuxer source;
  private boolean drained;
  private long damagedFrames;
  private long frames;
  private long lastDamage = Long.MIN_VALUE;
  private int errorsAtEnd;
  private int width;
  private int height;
  private int pixelFormat = -1;
  private PixelFormat format = PixelFormat.I420;

  private Decoder(AVCodecContext context, String name, Demuxer source, DecoderMemory memory) {
    this.context = context;
    this.codecName = name;
    this.source = source;
    this.memory = memory;
  }

  /** Opens the decoder for a video. */
  static Decoder open(Demuxer source, DecoderMemory memory, int threads) throws BadInputException {
    AVCodec codec = avcodec.avcodec_find_decoder(source.parameters().codec_id());
    if (codec == null) {
      throw new BadInputException(
          "%s needs a decoder that this FFmpeg lacks: %s"
              .formatted(
                  source.file(),
                  avcodec.avcodec_get_name(source.parameters().codec_id()).getString()));
    }
    AVCodecContext context = avcodec.avcodec_alloc_context3(codec);
    try {
      Ffmpeg.check(
          avcodec.avcodec_parameters_to_context(context, source.parameters()), "codec parameters");
      context.thread_count(threads);
      context.thread_type(ANY_THREADS);
      memory.installInto(context, (codec.capabilities() & AV_CODEC_CAP_DR1) != 0);
      Ffmpeg.check(
          avcodec.avcodec_open2(context, codec, (AVDictionary) null), "opening the decoder");
      return new Decoder(context, codec.name().getString(), source, memory);
    } catch (RuntimeException e) {
      avcodec.avcodec_free_context(context);
      throw e;
    }
  }

  String codecName() {
    return codecName;
  }

  /** Whether the codec can write into memory that isn't its own. */
  boolean writesIntoOurMemory() {
    return (context.codec().capabilities() & AV_CODEC_CAP_DR1) != 0;
  }

  /** The picture that {@link #next} got; of this decoder until the next call. */
  NativeFrame frame() {
    return frame;
  }

  int width() {
    return width;
  }

  int height() {
    return height;
  }

  PixelFormat format() {
    return format;
  }

  /** When the picture is to be shown, in ticks of the stream's clock, or the smallest long. */
  long timestamp() {
    return frame.pointer().best_effort_timestamp();
  }

  /** Pictures that could be decoded in part or not at all. */
  long damagedFrames() {
    return damagedFrames;
  }

  /** Whether one of the pictures that were in work at the end was damaged: the file was cut. */
  boolean isDamagedAtEnd() {
    return lastDamage >= frames - 1 - context.has_b_frames();
  }

  private void damage() {
    damagedFrames++;
    lastDamage = frames;
  }

  /** Whether the picture can be decoded without any before it. */
  boolean isKeyFrame() {
    return (frame.pointer().flags() & AVFrame.AV_FRAME_FLAG_KEY) != 0;
  }

  /**
   * Goes on with another source of the same kind, after the end of the last; or with the same one
   * at another place.
   */
  void restart(Demuxer next) {
    avcodec.avcodec_flush_buffers(context);
    source = next;
    drained = false;
    errorsAtEnd = 0;
    lastDamage = Long.MIN_VALUE;
  }

  /**
   * Gets the next picture.
   *
   * @return false at the end
   * @throws BadInputException if the filter can't take such pictures, or their size changes
   */
  boolean next() throws Exception {
    frame.clear();
    while (true) {
      int result = avcodec.avcodec_receive_frame(context, frame.pointer());
      checkCallbacks();
      if (result >= 0) {
        examine();
        return true;
      }
      if (result == AVERROR_EOF) {
        return false;
      }
      if (result != Ffmpeg.EAGAIN) {
        damage();
        if (drained && ++errorsAtEnd > MAX_ERRORS_AT_END) {
          return false;
        }
      }
      feed();
    }
  }

  private void feed() throws Exception {
    if (drained) {
      return;
    }
    int result;
    if (source.read(packet)) {
      result = avcodec.avcodec_send_packet(context, packet);
      avcodec.av_packet_unref(packet);
    } else {
      drained = true;
      result = avcodec.avcodec_send_packet(context, (@Nullable AVPacket) null);
    }
    checkCallbacks();
    if (result < 0 && !Ffmpeg.isAgainOrEnd(result)) {
      damage();
    }
  }

  private void checkCallbacks() throws Exception {
    Throwable failure = memory.failure();
    if (failure == null) {
      failure = Lent.takeFailure();
    }
    if (failure instanceof Exception exception) {
      throw exception;
    } else if (failure instanceof Error error) {
      throw error;
    }
  }

  private void examine() throws BadInputException {
    AVFrame raw = frame.pointer();
    frames++;
    if ((raw.flags() & AVFrame.AV_FRAME_FLAG_CORRUPT) != 0 || raw.decode_error_flags() != 0) {
      damage();
    }
    if (pixelFormat < 0) {
      PixelFormat known = PixelFormats.of(raw.format());
      if (known == null) {
        throw new BadInputException(
            "%s has pictures of format %s, but the filter needs a luma plane, as in yuv420p"
                .formatted(source.file(), Ffmpeg.pixelFormatName(raw.format())));
      }
      pixelFormat = raw.format();
      format = known;
      width = raw.width();
      height = raw.height();
    } else if (raw.width() != width || raw.height() != height || raw.format() != pixelFormat) {
      throw new BadInputException(
          "the pictures of %s change size or format in the middle, from %dx%d to %dx%d"
              .formatted(source.file(), width, height, raw.width(), raw.height()));
    }
  }

  @Override
  public void close() {
    frame.close();
    avcodec.av_packet_free(packet);
    avcodec.avcodec_free_context(context);
  }
}

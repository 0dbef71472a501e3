package io.github.dmabuf4j.examples.demo;

import static org.bytedeco.ffmpeg.global.avcodec.AV_CODEC_FLAG_GLOBAL_HEADER;
import static org.bytedeco.ffmpeg.global.avcodec.AV_CODEC_FLAG_QSCALE;
import static org.bytedeco.ffmpeg.global.avcodec.AV_CODEC_ID_MPEG4;
import static org.bytedeco.ffmpeg.global.avformat.AVIO_FLAG_WRITE;
import static org.bytedeco.ffmpeg.global.avutil.AV_PIX_FMT_YUV420P;
import static org.bytedeco.ffmpeg.global.avutil.FF_QP2LAMBDA;

import io.github.dmabuf4j.PixelFormat;
import io.github.dmabuf4j.examples.BadInputException;
import java.nio.file.Path;
import java.util.Objects;
import org.bytedeco.ffmpeg.avcodec.AVCodec;
import org.bytedeco.ffmpeg.avcodec.AVCodecContext;
import org.bytedeco.ffmpeg.avcodec.AVPacket;
import org.bytedeco.ffmpeg.avformat.AVFormatContext;
import org.bytedeco.ffmpeg.avformat.AVIOContext;
import org.bytedeco.ffmpeg.avformat.AVOutputFormat;
import org.bytedeco.ffmpeg.avformat.AVStream;
import org.bytedeco.ffmpeg.avutil.AVDictionary;
import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.avutil.AVRational;
import org.bytedeco.ffmpeg.global.avcodec;
import org.bytedeco.ffmpeg.global.avformat;
import org.jspecify.annotations.Nullable;

/**
 * Encodes pictures into an MP4 file: MPEG-4 part 2, the quickest encoder of FFmpeg's own that every
 * build has and every player knows.
 *
 * <p><b>Threads.</b> For one thread; FFmpeg has its own below.
 */
final class Encoder implements AutoCloseable {
  private static final int QUALITY = 6;
  private static final int KEY_FRAME_EVERY = 25;
  private static final int MACROBLOCK = 16;

  /** What FFmpeg's vector code may need; on machines with narrower vectors it needs less. */
  private static final int PLANE_ALIGNMENT = 64;

  /** MPEG-4 counts time in fractions whose denominator has 16 bits. */
  private static final int MAX_CLOCK = 65_535;

  private final Path file;
  private final AVFormatContext container;
  private final AVCodecContext context;
  private final AVPacket packet = avcodec.av_packet_alloc();
  private final NativeFrame frame = new NativeFrame();
  private final int width;
  private final int height;
  private final int ownStride;
  private final AVRational clock;
  private @Nullable AVRational fileClock;
  private @Nullable AVIOContext io;
  private long frames;
  private boolean copiedInput;

  private Encoder(Path file, AVFormatContext container, AVCodecContext context) {
    this.file = file;
    this.container = container;
    this.context = context;
    this.width = context.width();
    this.height = context.height();
    this.clock = context.time_base();
    this.ownStride = FrameGeometry.paddedWidth(context, PixelFormat.I420, width);
  }

  /** Creates the file. */
  static Encoder open(Path file, Demuxer source, int width, int height, int threads)
      throws BadInputException {
    AVFormatContext container = new AVFormatContext(null);
    Ffmpeg.check(
        avformat.avformat_alloc_output_context2(
            container, (AVOutputFormat) null, (String) null, file.toString()),
        "choosing the container");
    AVCodec codec = avcodec.avcodec_find_encoder(AV_CODEC_ID_MPEG4);
    AVCodecContext context = avcodec.avcodec_alloc_context3(codec);
    configure(context, source, width, height, threads);
    Encoder encoder = new Encoder(file, container, context);
    try {
      Ffmpeg.check(
          avcodec.avcodec_open2(context, codec, (AVDictionary) null), "opening the encoder");
      encoder.begin();
      return encoder;
    } catch (BadInputException | RuntimeException e) {
      encoder.close();
      throw e;
    }
  }

  private static void configure(
      AVCodecContext context, Demuxer source, int width, int height, int threads) {
    context.width(width);
    context.height(height);
    context.pix_fmt(AV_PIX_FMT_YUV420P);
    context.thread_count(threads);
    context.gop_size(KEY_FRAME_EVERY);
    context.flags(context.flags() | AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_QSCALE);
    context.global_quality(QUALITY * FF_QP2LAMBDA);
    int num = source.frameRateRational().num();
    int den = source.frameRateRational().den();
    if (num <= 0 || den <= 0 || num > MAX_CLOCK || den > MAX_CLOCK) {
      num = Math.clamp(Math.round(source.frameRate() * 1000), 1, MAX_CLOCK);
      den = 1000;
    }
    context.time_base().num(den).den(num);
    context.framerate().num(num).den(den);
    context.sample_aspect_ratio(source.sampleAspectRatio());
  }

  private void begin() throws BadInputException {
    AVStream stream = avformat.avformat_new_stream(container, null);
    stream.time_base(context.time_base());
    stream.avg_frame_rate(context.framerate());
    Ffmpeg.check(
        avcodec.avcodec_parameters_from_context(stream.codecpar(), context), "codec parameters");
    AVIOContext opened = new AVIOContext(null);
    int result = avformat.avio_open(opened, file.toString(), AVIO_FLAG_WRITE);
    if (result < 0) {
      throw new BadInputException(
          "%s can't be written: %s".formatted(file, Ffmpeg.message(result)));
    }
    io = opened;
    container.pb(opened);
    Ffmpeg.check(
        avformat.avformat_write_header(container, (AVDictionary) null), "writing the header");
    fileClock = stream.time_base();
  }

  /** The frame to fill for the next {@link #encode}. */
  NativeFrame frame() {
    return frame;
  }

  /** How many pictures were encoded. */
  long frames() {
    return frames;
  }

  /**
   * Whether the encoder made copies of its own. FFmpeg's MPEG encoders read a picture in place if
   * it is made of whole macroblocks, lies aligned, and has the strides of their own pictures, which
   * they know from the second picture on: the first is copied in any case and not counted.
   */
  boolean copiedInput() {
    return copiedInput;
  }

  /** Encodes the frame, and empties it. */
  void encode(long time) {
    AVFrame raw = frame.pointer();
    raw.width(width);
    raw.height(height);
    raw.format(AV_PIX_FMT_YUV420P);
    raw.pts(time);
    raw.quality(QUALITY * FF_QP2LAMBDA); // of each picture, the context's is not looked at
    copiedInput |= frames > 0 && isCopied();
    Ffmpeg.check(avcodec.avcodec_send_frame(context, raw), "encoding");
    frame.clear();
    frames++;
    write();
  }

  private boolean isCopied() {
    return width % MACROBLOCK != 0
        || height % MACROBLOCK != 0
        || frame.plane(0) % PLANE_ALIGNMENT != 0
        || frame.stride(0) != ownStride
        || frame.stride(1) != ownStride / 2
        || frame.stride(2) != ownStride / 2;
  }

  /** Writes what the encoder still has, and the index without which the file can't be played. */
  void finish() {
    Ffmpeg.check(avcodec.avcodec_send_frame(context, (@Nullable AVFrame) null), "encoding the end");
    write();
    Ffmpeg.check(avformat.av_write_trailer(container), "writing the end of the file");
  }

  private void write() {
    while (true) {
      int result = avcodec.avcodec_receive_packet(context, packet);
      if (Ffmpeg.isAgainOrEnd(result)) {
        return;
      }
      Ffmpeg.check(result, "encoding");
      packet.stream_index(0);
      avcodec.av_packet_rescale_ts(packet, clock, Objects.requireNonNull(fileClock));
      Ffmpeg.check(avformat.av_write_frame(container, packet), "writing");
      avcodec.av_packet_unref(packet);
    }
  }

  @Override
  public void close() {
    frame.close();
    avcodec.av_packet_free(packet);
    avcodec.avcodec_free_context(context);
    if (io != null) {
      avformat.avio_closep(io);
    }
    avformat.avformat_free_context(container);
  }
}

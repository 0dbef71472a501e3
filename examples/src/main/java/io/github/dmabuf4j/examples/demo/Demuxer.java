package io.github.dmabuf4j.examples.demo;

import static org.bytedeco.ffmpeg.global.avcodec.AV_PKT_FLAG_CORRUPT;
import static org.bytedeco.ffmpeg.global.avutil.AVERROR_EOF;
import static org.bytedeco.ffmpeg.global.avutil.AVMEDIA_TYPE_AUDIO;
import static org.bytedeco.ffmpeg.global.avutil.AVMEDIA_TYPE_VIDEO;
import static org.bytedeco.ffmpeg.global.avutil.AV_TIME_BASE;

import io.github.dmabuf4j.examples.BadInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.bytedeco.ffmpeg.avcodec.AVCodec;
import org.bytedeco.ffmpeg.avcodec.AVCodecParameters;
import org.bytedeco.ffmpeg.avcodec.AVPacket;
import org.bytedeco.ffmpeg.avformat.AVFormatContext;
import org.bytedeco.ffmpeg.avformat.AVInputFormat;
import org.bytedeco.ffmpeg.avformat.AVStream;
import org.bytedeco.ffmpeg.avutil.AVDictionary;
import org.bytedeco.ffmpeg.avutil.AVRational;
import org.bytedeco.ffmpeg.global.avcodec;
import org.bytedeco.ffmpeg.global.avformat;

/**
 * Reads the packets of a file's best video stream. Everything else in the file is dropped.
 *
 * <p><b>Threads.</b> For one thread.
 */
final class Demuxer implements AutoCloseable {
  /** How much may be missing at the end of a file that is whole: headers round. */
  private static final double SLACK_SECONDS = 0.5;

  private final Path file;
  private final AVFormatContext context;
  private final int streamIndex;
  private final AVStream stream;
  private final double timeBase;
  private final double frameRate;
  private double lastSecond;
  private boolean damaged;

  private Demuxer(Path file, AVFormatContext context, int streamIndex) {
    this.file = file;
    this.context = context;
    this.streamIndex = streamIndex;
    this.stream = context.streams(streamIndex);
    this.timeBase = toDouble(stream.time_base());
    double rate = toDouble(stream.avg_frame_rate());
    this.frameRate = rate > 0 && rate <= 1000 ? rate : 25;
  }

  /**
   * Opens a video.
   *
   * @throws BadInputException if it isn't there, or isn't a video
   */
  static Demuxer open(Path file) throws BadInputException {
    checkReadable(file);
    AVFormatContext context = new AVFormatContext(null);
    int opened =
        avformat.avformat_open_input(
            context, file.toString(), (AVInputFormat) null, (AVDictionary) null);
    if (opened < 0) {
      throw new BadInputException(
          "%s is not a video that FFmpeg can open: %s".formatted(file, Ffmpeg.message(opened)));
    }
    try {
      Ffmpeg.check(
          avformat.avformat_find_stream_info(context, (AVDictionary) null), "looking for streams");
      int best =
          avformat.av_find_best_stream(context, AVMEDIA_TYPE_VIDEO, -1, -1, (AVCodec) null, 0);
      if (best < 0) {
        throw new BadInputException(file + " has no video stream");
      }
      return new Demuxer(file, context, best);
    } catch (BadInputException | RuntimeException e) {
      avformat.avformat_close_input(context);
      if (e instanceof FfmpegException failure) {
        throw new BadInputException("%s can't be read: %s".formatted(file, failure.getMessage()));
      }
      throw e;
    }
  }

  private static void checkReadable(Path file) throws BadInputException {
    if (!Files.exists(file)) {
      throw new BadInputException("there is no file " + file);
    }
    if (Files.isDirectory(file)) {
      throw new BadInputException(file + " is a directory, wanted a video file");
    }
    if (!Files.isReadable(file)) {
      throw new BadInputException(file + " is not readable");
    }
    try {
      if (Files.isRegularFile(file) && Files.size(file) == 0) {
        throw new BadInputException(file + " is empty, wanted a video file");
      }
    } catch (IOException e) {
      throw new BadInputException("%s can't be read: %s".formatted(file, e.getMessage()));
    }
  }

  private static double toDouble(AVRational rational) {
    return rational.den() == 0 ? 0 : (double) rational.num() / rational.den();
  }

  Path file() {
    return file;
  }

  AVCodecParameters parameters() {
    return stream.codecpar();
  }

  /** Pictures per second, 25 where the file doesn't say. */
  double frameRate() {
    return frameRate;
  }

  AVRational frameRateRational() {
    return stream.avg_frame_rate();
  }

  AVRational sampleAspectRatio() {
    return stream.codecpar().sample_aspect_ratio();
  }

  /** Seconds of a tick of the stream's clock. */
  double timeBase() {
    return timeBase;
  }

  /** How many pictures there should be, 0 if the file doesn't say. */
  long expectedFrames() {
    if (stream.nb_frames() > 0) {
      return stream.nb_frames();
    }
    return Math.max(0, Math.round(durationSeconds() * frameRate));
  }

  private double durationSeconds() {
    return context.duration() > 0 ? (double) context.duration() / AV_TIME_BASE : 0;
  }

  /** How many sound streams are dropped. */
  int soundStreams() {
    int count = 0;
    for (int i = 0; i < context.nb_streams(); i++) {
      if (context.streams(i).codecpar().codec_type() == AVMEDIA_TYPE_AUDIO) {
        count++;
      }
    }
    return count;
  }

  /**
   * Reads the next packet of the video.
   *
   * @return false at the end of the file, be it whole or not
   */
  boolean read(AVPacket packet) {
    while (true) {
      int result = avformat.av_read_frame(context, packet);
      if (result < 0) {
        damaged |= result != AVERROR_EOF;
        return false;
      }
      if (packet.stream_index() == streamIndex) {
        damaged |= (packet.flags() & AV_PKT_FLAG_CORRUPT) != 0;
        long end = Math.max(packet.pts(), packet.dts()) + packet.duration();
        lastSecond = Math.max(lastSecond, end * timeBase);
        return true;
      }
      avcodec.av_packet_unref(packet);
    }
  }

  /**
   * Goes to about a time: many formats know only when pictures are decoded, not when they are
   * shown.
   *
   * @param timestamp in ticks of the stream's clock
   */
  void seek(long timestamp) {
    Ffmpeg.check(
        avformat.av_seek_frame(context, streamIndex, timestamp, avformat.AVSEEK_FLAG_BACKWARD),
        "seeking");
  }

  /**
   * Whether the file ended before its time: reading failed, a packet was cut, or its header
   * promised more.
   *
   * @param frames how many pictures it gave
   */
  boolean isCut(long frames) {
    if (stream.nb_frames() > 0) {
      return damaged || frames < stream.nb_frames();
    }
    long start = stream.start_time();
    double first = start > 0 ? start * timeBase : 0;
    return damaged || lastSecond - first + SLACK_SECONDS < durationSeconds();
  }

  @Override
  public void close() {
    avformat.avformat_close_input(context);
  }
}

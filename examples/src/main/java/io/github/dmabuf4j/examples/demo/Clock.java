package io.github.dmabuf4j.examples.demo;

/**
 * Turns the time stamps of a stream into numbers of frames that only grow, as encoders want them:
 * across loops, and where a stream has none or has them out of order.
 */
final class Clock {
  private final double framesPerTick;
  private long first = Long.MIN_VALUE;
  private long begin;
  private long last = -1;

  Clock(Demuxer source) {
    framesPerTick = source.timeBase() * source.frameRate();
  }

  /** The next time stamp belongs to the start of the video again. */
  void restart() {
    first = Long.MIN_VALUE;
    begin = last + 1;
  }

  /**
   * When a picture is to be shown.
   *
   * @param timestamp in ticks of the stream, or the smallest long if there is none
   * @return frames since the start
   */
  long next(long timestamp) {
    if (timestamp != Long.MIN_VALUE && first == Long.MIN_VALUE) {
      first = timestamp;
    }
    long time =
        timestamp == Long.MIN_VALUE
            ? last + 1
            : begin + Math.round((timestamp - first) * framesPerTick);
    last = Math.max(last + 1, time);
    return last;
  }
}

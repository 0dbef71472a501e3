package io.github.dmabuf4j.device.sharing;

import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** What a frame is about: its number in the header, and what it may consist of. */
enum FrameKind {
  /** Bytes of the user's. */
  MESSAGE(1, 0, Frame.MAX_CONTENT, 0, 0),
  /** A {@link BufferDescription} and its memory. */
  BUFFER(2, BufferDescription.MIN_BYTES, BufferDescription.MAX_BYTES, 1, 1),
  /** The kind of a fence, and its descriptor. */
  FENCE(3, 4, 4, 1, 1),
  /** A {@link QueueOffer}: all buffers of a queue. */
  OFFER(4, 5, Frame.MAX_CONTENT, 1, QueueOffer.MAX_SLOTS),
  /** The offer was taken; and what fences the consumer takes beside those that all do. */
  ACCEPT(5, 0, 4, 0, 0),
  /** A {@link Token}: the producer hands a buffer on. */
  QUEUED(6, Token.LEAST_BYTES, Token.MOST_BYTES, 0, 2),
  /** A {@link Token}: the consumer gives a buffer back. */
  RELEASED(7, Token.LEAST_BYTES, Token.MOST_BYTES, 0, 2),
  /** The producer's stream is over. */
  END(8, 0, 0, 0, 0);

  private static final Map<Integer, FrameKind> BY_CODE =
      Arrays.stream(values())
          .collect(Collectors.toUnmodifiableMap(kind -> kind.code, kind -> kind));

  /** The number in the header. */
  final int code;

  private final int leastBytes;
  private final int mostBytes;
  private final int leastDescriptors;
  private final int mostDescriptors;

  FrameKind(int code, int leastBytes, int mostBytes, int leastDescriptors, int mostDescriptors) {
    this.code = code;
    this.leastBytes = leastBytes;
    this.mostBytes = mostBytes;
    this.leastDescriptors = leastDescriptors;
    this.mostDescriptors = mostDescriptors;
  }

  static Optional<FrameKind> of(int code) {
    return Optional.ofNullable(BY_CODE.get(code));
  }

  boolean canHaveBytes(int count) {
    return count >= leastBytes && count <= mostBytes;
  }

  boolean canHaveDescriptors(int count) {
    return count >= leastDescriptors && count <= mostDescriptors;
  }
}

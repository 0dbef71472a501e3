package io.github.dmabuf4j.device.sharing;

import java.nio.ByteBuffer;

/**
 * A turn of a buffer of a queue: which one, how often it was handed on, and its fence. That is a
 * descriptor that comes along, or a point of a timeline.
 *
 * @param slot the number of the buffer in its queue
 * @param turn 1 when the producer hands the buffer on for the first time; the consumer gives it
 *     back with the same number
 * @param fence as what the fence travels
 * @param timeline the number of the timeline if the fence is a point, else 0
 * @param point the number of the point there, else 0
 */
record Token(int slot, long turn, FenceForm fence, int timeline, long point) {
  /** The bytes of one whose fence is no point. */
  static final int LEAST_BYTES = Integer.BYTES + Long.BYTES + Integer.BYTES;

  /** The bytes of one whose fence is a point. */
  static final int MOST_BYTES = LEAST_BYTES + Integer.BYTES + Long.BYTES;

  void write(ByteBuffer into) {
    into.putInt(slot).putLong(turn).putInt(fence.code);
    if (fence.isPoint()) {
      into.putInt(timeline).putLong(point);
    }
  }

  /** Reads a token; who has the slot is for the queue to check, and which points there are, too. */
  static Token read(Frame frame) {
    return frame.read(
        content -> {
          int slot = content.getInt();
          long turn = content.getLong();
          FenceForm fence = FenceForm.read(frame, content.getInt());
          return fence.isPoint()
              ? new Token(slot, turn, fence, content.getInt(), content.getLong())
              : new Token(slot, turn, fence, 0, 0);
        });
  }
}

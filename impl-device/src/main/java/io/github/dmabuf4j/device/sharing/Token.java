package io.github.dmabuf4j.device.sharing;

import java.nio.ByteBuffer;

/**
 * A turn of a buffer of a queue: which one, and how often it was handed on. The fence, if there is
 * one, comes along as a descriptor.
 *
 * @param slot the number of the buffer in its queue
 * @param turn 1 when the producer hands the buffer on for the first time; the consumer gives it
 *     back with the same number
 * @param fence what the descriptor is
 */
record Token(int slot, long turn, FenceForm fence) {
  static final int BYTES = Integer.BYTES + Long.BYTES + Integer.BYTES;

  void write(ByteBuffer into) {
    into.putInt(slot).putLong(turn).putInt(fence.code);
  }

  /** Reads a token; who has the slot is for the queue to check. */
  static Token read(Frame frame) {
    return frame.read(
        content -> {
          int slot = content.getInt();
          long turn = content.getLong();
          FenceForm fence = FenceForm.read(frame, content.getInt());
          return new Token(slot, turn, fence);
        });
  }
}

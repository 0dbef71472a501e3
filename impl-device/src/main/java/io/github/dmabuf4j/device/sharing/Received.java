package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;

/**
 * What came over a {@link BufferConnection}. It is the receiver's: a buffer must be closed.
 *
 * {@snippet file="io/github/dmabuf4j/device/snippets/Sharing.java" region="receive"}
 */
public sealed interface Received {
  /**
   * Bytes that the other process sent; what they mean is between the two. Not to be trusted.
   *
   * @param bytes a copy, at most {@link BufferConnection#MAX_MESSAGE_BYTES}
   */
  @SuppressWarnings("ArrayRecordComponent") // handed over, not compared
  record Message(byte[] bytes) implements Received {}

  /**
   * A buffer. It is one as any other: its bytes are shared with the other process, its reservation
   * isn't (design rule RL8). What the other process may still be doing to it says a fence that
   * comes separately.
   *
   * @param buffer a handle, to be closed; read-only if that was asked for
   */
  record Buffer(DmaBuf buffer) implements Received {}

  /**
   * A fence. It is foreign: who waits gives up when it stays silent (design rule FN1). It fails
   * with {@link io.github.dmabuf4j.FenceAbandonedException} when the connection ends first, unless
   * the kernel signals it.
   *
   * @param fence the fence
   */
  record Signal(Fence fence) implements Received {}
}

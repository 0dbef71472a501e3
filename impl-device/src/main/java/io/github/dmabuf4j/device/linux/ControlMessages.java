package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.device.linux.bindings.cmsghdr;

/**
 * The sizes in a buffer of control messages, which travel beside the bytes of a message over a
 * socket: file descriptors ({@code SCM_RIGHTS}) and credentials ({@code SCM_CREDENTIALS}). They are
 * macros in {@code sys/socket.h}, so a generator makes nothing of them.
 *
 * <p>Each message is a {@code struct cmsghdr}, then its data, then padding up to the next message,
 * which starts at a multiple of eight bytes.
 *
 * <p>All sizes are in bytes. All methods may be called by any thread and take no lock.
 */
public final class ControlMessages {
  private static final long ALIGNMENT = Long.BYTES; // of size_t, on every machine that we run on

  private ControlMessages() {}

  /**
   * A size with the padding after it, {@code CMSG_ALIGN}. A length that a peer wrote into a header
   * is checked against the buffer before it comes here.
   *
   * @param size at least 0, at most {@link Long#MAX_VALUE} - 7
   */
  public static long align(long size) {
    return (size + ALIGNMENT - 1) & -ALIGNMENT;
  }

  /** How far the data of a message is behind its beginning, {@code CMSG_DATA}. */
  public static long dataOffset() {
    return align(cmsghdr.sizeof());
  }

  /**
   * What stands in {@code cmsg_len} of a message, {@code CMSG_LEN}: header and data, without the
   * padding after them.
   *
   * @param dataSize size of the data
   */
  public static long length(long dataSize) {
    return dataOffset() + dataSize;
  }

  /**
   * What a message takes in a buffer, {@code CMSG_SPACE}: header, data and padding.
   *
   * @param dataSize size of the data
   */
  public static long space(long dataSize) {
    return dataOffset() + align(dataSize);
  }
}

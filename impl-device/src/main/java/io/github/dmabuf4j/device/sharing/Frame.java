package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.device.linux.ClosingThread;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.LooseFile;
import io.github.dmabuf4j.device.sharing.PeerException.Problem;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.function.Function;

/**
 * A message between two processes: a header of 24 bytes, content, and descriptors. All numbers are
 * little-endian.
 *
 * <table>
 * <caption>The header</caption>
 * <tr><th>at</th><th>bytes</th><th>what</th></tr>
 * <tr><td>0</td><td>4</td><td>{@link #MAGIC}</td></tr>
 * <tr><td>4</td><td>2</td><td>{@link #VERSION}</td></tr>
 * <tr><td>6</td><td>2</td><td>{@link FrameKind#code}</td></tr>
 * <tr><td>8</td><td>4</td><td>bytes of content after the header</td></tr>
 * <tr><td>12</td><td>4</td><td>number of descriptors</td></tr>
 * <tr><td>16</td><td>8</td><td>sequence: from 1 on, in each direction</td></tr>
 * </table>
 *
 * <p><b>Trust.</b> A frame is made of a copy of what came, which nobody else can change any more.
 * Every number is read from it once, and checked before it is used (design rule DV5).
 *
 * <p><b>Descriptors</b> that nobody has {@linkplain #take taken} are closed with the frame, by the
 * thread that closes what this peer sends: any kind of file may have come.
 *
 * <p><b>Threads.</b> One at a time.
 */
final class Frame implements AutoCloseable {
  static final int MAGIC = 'D' | 'M' << 8 | 'B' << 16 | '4' << 24;
  static final short VERSION = 1;
  static final int HEADER_BYTES = 24;

  /** The most bytes of a frame. */
  static final int MAX_BYTES = 64 * 1024;

  /** The most bytes behind the header. */
  static final int MAX_CONTENT = MAX_BYTES - HEADER_BYTES;

  final FrameKind kind;
  private final ByteBuffer content;
  private final List<LooseFile> files;
  private final ClosingThread closing;
  private final Object peer;

  private Frame(
      FrameKind kind,
      ByteBuffer content,
      List<LooseFile> files,
      ClosingThread closing,
      Object peer) {
    this.kind = kind;
    this.content = content;
    this.files = files;
    this.closing = closing;
    this.peer = peer;
  }

  // ---- sending ----

  /** Writes a header in front of content that is there. */
  static void writeHeader(
      ByteBuffer into, FrameKind kind, int contentBytes, int descriptors, long sequence) {
    into.order(ByteOrder.LITTLE_ENDIAN)
        .putInt(0, MAGIC)
        .putShort(4, VERSION)
        .putShort(6, (short) kind.code)
        .putInt(8, contentBytes)
        .putInt(12, descriptors)
        .putLong(16, sequence);
  }

  // ---- receiving ----

  /**
   * Checks what came.
   *
   * @param bytes a copy that is nobody else's
   * @param files what came along, the frame's from now on, also if this fails
   * @param closing who closes what isn't taken
   * @param sequence the number that it must have
   * @param peer who sent it, for messages
   * @throws PeerException if it isn't what it says
   */
  static Frame of(
      byte[] bytes, List<LooseFile> files, ClosingThread closing, long sequence, Object peer) {
    boolean isGood = false;
    try {
      ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      FrameKind kind = checkHeader(buffer, files.size(), sequence, peer);
      Frame frame = new Frame(kind, buffer.position(HEADER_BYTES), files, closing, peer);
      isGood = true;
      return frame;
    } finally {
      if (!isGood) {
        closeAll(files, closing);
      }
    }
  }

  private static FrameKind checkHeader(
      ByteBuffer frame, int descriptors, long sequence, Object peer) {
    int length = frame.remaining();
    if (length < HEADER_BYTES) {
      throw wrong(Problem.LENGTH, peer, "at least %d bytes".formatted(HEADER_BYTES), length);
    }
    if (frame.getInt(0) != MAGIC) {
      throw wrong(Problem.HEADER, peer, "this protocol", "another");
    }
    int version = frame.getShort(4);
    if (version != VERSION) {
      throw wrong(Problem.HEADER, peer, "version " + VERSION + " of this protocol", version);
    }
    int code = frame.getShort(6);
    FrameKind kind =
        FrameKind.of(code)
            .orElseThrow(() -> wrong(Problem.KIND, peer, "a kind of frame that exists", code));
    int content = frame.getInt(8);
    if (content != length - HEADER_BYTES || !kind.canHaveBytes(content)) {
      throw wrong(
          Problem.LENGTH,
          peer,
          "a length that fits %s and %d bytes of content".formatted(kind, length - HEADER_BYTES),
          content);
    }
    int said = frame.getInt(12);
    if (said != descriptors || !kind.canHaveDescriptors(said)) {
      throw wrong(
          Problem.DESCRIPTORS,
          peer,
          "a number of descriptors that fits %s and the %d that came".formatted(kind, descriptors),
          said);
    }
    long number = frame.getLong(16);
    if (number != sequence) {
      throw wrong(Problem.SEQUENCE, peer, "frame number " + sequence, number);
    }
    return kind;
  }

  private static PeerException wrong(Problem problem, Object peer, String wanted, Object got) {
    return new PeerException(
        problem,
        "wanted %s from %s, got %s: the connection is closed; see that both sides run the same version"
            .formatted(wanted, peer, got));
  }

  /** What to say of content that can't be. */
  PeerException wrong(Problem problem, String wanted, Object got) {
    return wrong(problem, peer, wanted + " in " + kind, got);
  }

  /**
   * Reads all of the content.
   *
   * @throws PeerException what the reader throws; or if it reads more than there is, or leaves
   *     something
   */
  <T> T read(Function<ByteBuffer, T> reader) {
    T result;
    try {
      result = reader.apply(content);
    } catch (BufferUnderflowException e) {
      throw wrong(Problem.LENGTH, "more bytes", "the end after " + content.limit());
    }
    if (content.hasRemaining()) {
      throw wrong(Problem.LENGTH, "the end", "%d bytes more".formatted(content.remaining()));
    }
    return result;
  }

  /** Refuses all other kinds. */
  Frame expect(FrameKind wanted) {
    if (kind != wanted) {
      throw wrong(Problem.KIND, peer, "a frame of the kind " + wanted, kind);
    }
    return this;
  }

  /** How many descriptors came. */
  int descriptors() {
    return files.size();
  }

  /**
   * Takes a descriptor that came along.
   *
   * @param index from 0 to {@link #descriptors}
   * @param purpose which budget it counts against
   * @param holder who has it from now on, as a report names it
   * @return the descriptor, the caller's
   * @throws PeerException if the budget is used up
   */
  Descriptor take(int index, Descriptor.Kind purpose, String holder) {
    try {
      return DescriptorBudget.OF_THIS_PROCESS.take(purpose, holder, files.get(index), closing);
    } catch (DmaBufException e) {
      throw new PeerException(
          Problem.LIMIT, "%s sent a descriptor: %s".formatted(peer, e.getMessage()), e);
    }
  }

  @Override
  public void close() {
    closeAll(files, closing);
  }

  private static void closeAll(List<LooseFile> files, ClosingThread closing) {
    for (int i = 0; i < files.size(); i++) { // needs no Java heap
      files.get(i).close(closing);
    }
  }

  @Override
  public String toString() {
    return "%s of %d bytes and %d descriptors".formatted(kind, content.limit(), files.size());
  }
}

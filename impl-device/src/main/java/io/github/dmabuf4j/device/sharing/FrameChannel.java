package io.github.dmabuf4j.device.sharing;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.device.linux.ClosingThread;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.Poller;
import io.github.dmabuf4j.device.linux.SocketMessage;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.UnixSocket;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.sharing.PeerException.Problem;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Sends and receives {@link Frame}s over a socket.
 *
 * <p><b>Invariant.</b> {@code sent} frames were sent whole, with the numbers from 1 to {@code
 * sent}; it and {@code out} change under {@code sending}. {@code received} frames came with the
 * numbers from 1 to {@code received}; it and {@code in} change under {@code receiving}. No lock is
 * held while waiting for the peer, so that each side can always be heard while the other one sends.
 *
 * <p><b>What the peer sends</b>, or was sent, is closed by a {@link ClosingThread} of this
 * connection: no thread that reads here waits for a close. Once a close is stuck, nothing more is
 * sent or taken.
 *
 * <p><b>Threads.</b> Any. Frames that several threads send at once go in any order.
 */
final class FrameChannel implements AutoCloseable {
  private final Descriptor socket;
  private final PeerCredentials peer;
  private final ClosingThread closing;
  private final ReentrantLock sending;
  private final ReentrantLock receiving;
  private final Arena memory;
  private final SocketMessage out;
  private final SocketMessage in;
  private final ByteBuffer outBytes;
  private long sent;
  private long received;

  /** Takes over a socket that is connected; closes it if this fails. */
  FrameChannel(Descriptor socket) {
    this.socket = socket;
    Arena allocated = null;
    boolean isGood = false;
    try {
      sending = new ReentrantLock();
      receiving = new ReentrantLock();
      allocated = Arena.ofShared();
      memory = allocated;
      out = new SocketMessage(memory, Frame.MAX_BYTES);
      in = new SocketMessage(memory, Frame.MAX_BYTES);
      outBytes = out.bytes().asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
      peer = PeerCredentials.of(UnixSocket.credentials(socket));
      // Twice: what one frame brought may still wait to be closed when the next one comes.
      closing = new ClosingThread(peer.toString(), 2 * SocketMessage.MAX_DESCRIPTORS);
      isGood = true;
    } finally {
      if (!isGood) {
        socket.close();
        if (allocated != null) {
          allocated.close();
        }
      }
    }
  }

  PeerCredentials peer() {
    return peer;
  }

  Descriptor socket() {
    return socket;
  }

  /** Who closes what the peer sends, or has, too. */
  ClosingThread closing() {
    return closing;
  }

  // ---- sending ----

  /**
   * Sends a frame if there is room.
   *
   * @return false if there is none now
   * @throws PeerException if the peer is gone
   * @throws DmaBufException if the kernel refuses
   * @throws IllegalStateException if this was closed
   */
  boolean trySend(FrameKind kind, Consumer<ByteBuffer> content, int... descriptors) {
    sending.lock();
    try {
      checkOpen();
      checkClosing();
      content.accept(outBytes.clear().position(Frame.HEADER_BYTES));
      int length = outBytes.position();
      Frame.writeHeader(outBytes, kind, length - Frame.HEADER_BYTES, descriptors.length, sent + 1);
      int result = out.send(socket, length, descriptors);
      if (result == -linux_h.EAGAIN()) {
        return false;
      }
      checkSent(result);
      sent++;
      return true;
    } finally {
      sending.unlock();
    }
  }

  private void checkSent(int result) {
    if (isEnd(result)) {
      throw gone();
    }
    SyscallFailure.check("sendmsg", peer.toString(), result);
  }

  private static boolean isEnd(int result) {
    return result == -linux_h.EPIPE()
        || result == -linux_h.ECONNRESET()
        || result == -linux_h.ENOTCONN();
  }

  /**
   * Sends a frame, and waits for room until the time is up.
   *
   * @throws PeerException if the peer is gone, or doesn't read
   * @throws InterruptedException if the thread is interrupted; nothing was sent
   */
  void send(FrameKind kind, Duration timeout, Consumer<ByteBuffer> content, int... descriptors)
      throws InterruptedException {
    TimeLeft left = TimeLeft.of(timeout);
    while (!trySend(kind, content, descriptors)) {
      if (!Poller.ofThisProcess().await(socket, Poller.OUT, left.nanos())) {
        throw busy(timeout);
      }
    }
  }

  /** The peer doesn't read. */
  PeerException busy(Duration timeout) {
    return new PeerException(
        Problem.BUSY,
        "%s read nothing for %s, and there is no room for more: find out what it waits for"
            .formatted(peer, timeout));
  }

  PeerException gone() {
    return new PeerException(
        Problem.GONE,
        "%s has closed the connection or died: connect anew when it runs again".formatted(peer));
  }

  // ---- receiving ----

  /**
   * Receives a frame if one is there.
   *
   * @return the frame, to be closed; null if there is none yet
   * @throws PeerException if the peer is gone, or the frame isn't what it says
   * @throws IllegalStateException if this was closed
   */
  @Nullable Frame tryReceive() {
    receiving.lock();
    try {
      checkOpen();
      checkClosing();
      checkRoom();
      return receiveOne();
    } finally {
      receiving.unlock();
    }
  }

  /** A peer whose files can't be closed sends no more of them, and gets no more. */
  private void checkClosing() {
    if (closing.isStuck()) {
      throw new PeerException(
          Problem.LIMIT,
          "a close of a file that %s has, too, doesn't come to an end, and many wait behind it: find out what holds it up"
              .formatted(peer));
    }
  }

  /** What a frame may bring can always be closed, also without Java heap. */
  private void checkRoom() {
    if (!closing.hasRoom(SocketMessage.MAX_DESCRIPTORS)) {
      throw new PeerException(
          Problem.LIMIT,
          "wanted room to close %d files of %s, but too many that came while there was no Java heap are still open: give the JVM more, or find out what holds up their close"
              .formatted(SocketMessage.MAX_DESCRIPTORS, peer));
    }
  }

  /** Lock held. Until the frame owns them, {@code in} has the descriptors that came. */
  private @Nullable Frame receiveOne() {
    try {
      int result = in.receive(socket);
      if (result == -linux_h.ECONNRESET()) { // it left something unread; what it sent still comes
        result = in.receive(socket);
      }
      if (result == -linux_h.EAGAIN()) {
        return null;
      }
      checkReceived(result);
      byte[] bytes = in.bytes().asSlice(0, result).toArray(JAVA_BYTE);
      Frame frame = Frame.of(bytes, in.takeFiles(), closing, received + 1, peer);
      received++;
      return frame;
    } finally {
      in.closeDescriptors(closing);
    }
  }

  private void checkReceived(int result) {
    if (result == 0 || isEnd(result)) {
      throw gone();
    }
    SyscallFailure.check("recvmsg", peer.toString(), result);
    if (in.lostDescriptors()) {
      throw new PeerException(
          Problem.LIMIT,
          "%s sent more descriptors than this process has left: close some, or raise ulimit -n"
              .formatted(peer));
    }
    if (in.wasCutOff()) {
      throw new PeerException(
          Problem.LENGTH,
          "wanted frames of at most %d bytes, got a longer one from %s"
              .formatted(Frame.MAX_BYTES, peer));
    }
  }

  /**
   * Receives the next frame, and waits for it until the time is up.
   *
   * @return the frame, to be closed
   * @throws PeerException if the peer is gone, says nothing, or the frame isn't what it says
   * @throws InterruptedException if the thread is interrupted
   */
  Frame receive(Duration timeout) throws InterruptedException {
    TimeLeft left = TimeLeft.of(timeout);
    while (true) {
      Frame frame = tryReceive();
      if (frame != null) {
        return frame;
      }
      if (!Poller.ofThisProcess().await(socket, Poller.IN, left.nanos())) {
        throw new PeerException(
            Problem.SILENT,
            "%s said nothing for %s: find out what it waits for, or wait longer"
                .formatted(peer, timeout));
      }
    }
  }

  private void checkOpen() {
    if (socket.isClosed()) {
      throw new IllegalStateException("%s is closed".formatted(this));
    }
  }

  /** Ends the connection: the peer, and whoever waits here, is told. Closing again does nothing. */
  @Override
  public void close() {
    sending.lock();
    try {
      receiving.lock();
      try {
        if (!socket.isClosed()) {
          UnixSocket.shutdown(socket);
          try (memory) {
            socket.close();
            in.closeDescriptors(closing);
          }
        }
      } finally {
        receiving.unlock();
      }
    } finally {
      sending.unlock();
    }
  }

  boolean isClosed() {
    return socket.isClosed();
  }

  @Override
  public String toString() {
    return "connection to " + peer;
  }
}

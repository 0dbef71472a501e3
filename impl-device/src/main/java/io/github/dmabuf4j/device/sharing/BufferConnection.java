package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.BufferConsumer;
import io.github.dmabuf4j.BufferProducer;
import io.github.dmabuf4j.BufferQueue;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceTimeoutException;
import io.github.dmabuf4j.Fences;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.UnixSocket;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.sharing.PeerException.Problem;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A connection to another process of this machine, over which buffers, fences and small messages go
 * both ways; or the buffers of one queue, again and again.
 *
 * {@snippet file="io/github/dmabuf4j/device/snippets/Sharing.java" region="connect"}
 *
 * <p><b>Buffers</b> are sent as descriptors of their memory, and nothing is copied. The receiver
 * gets a buffer like any other, with a reservation of its own: the two processes order their work
 * with fences that they send. What was sent stays the sender's, too; it is never pooled again
 * (design rule DV7).
 *
 * <p><b>Queues.</b> {@link #offerQueue} and {@link #awaitQueue} make a {@link BufferQueue} whose
 * two hands are in two processes. The connection is the queue's from then on, and ends with it.
 *
 * <p><b>Trust.</b> Whatever comes is checked before it is used (design rules DV5, DV6); a peer that
 * says what can't be true is a {@link PeerException}, and isn't listened to any more: the
 * connection is closed. Other connections aren't touched. The content of shared memory can't be
 * checked: a peer that may write may do so at any time.
 *
 * <p><b>Threads.</b> Any. One may send while another receives. No lock is held while waiting, and a
 * virtual thread that waits doesn't hold its carrier.
 *
 * <p><b>Memory consistency effects.</b> What happens before a message is sent happens before the
 * return of the call that receives it, for bytes of shared memory, too.
 *
 * <p>Source: design rules DV3 to DV7, FN6.
 */
public final class BufferConnection implements AutoCloseable {
  /** The most bytes of a message. */
  public static final int MAX_MESSAGE_BYTES = Frame.MAX_CONTENT;

  /** The most buffers of a queue. */
  public static final int MAX_QUEUE_BUFFERS = QueueOffer.MAX_SLOTS;

  private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  private final FrameChannel channel;
  private final PeerFences fences;
  private final AtomicBoolean isQueue = new AtomicBoolean();

  BufferConnection(FrameChannel channel) {
    this.channel = channel;
    this.fences = new PeerFences(channel.peer(), channel.closing());
  }

  // ---- making one ----

  /**
   * Connects to a process that listens.
   *
   * @param address where
   * @param timeout how long to wait while it has too many others to accept
   * @return a connection, to be closed
   * @throws PeerException with {@link Problem#BUSY} if it didn't accept in time
   * @throws DmaBufException if nobody listens there (ECONNREFUSED, ENOENT), or this process may not
   *     (EACCES): says what to do
   * @throws InterruptedException if the thread is interrupted while waiting
   */
  public static BufferConnection connect(PeerAddress address, Duration timeout)
      throws InterruptedException {
    TimeLeft left = TimeLeft.of(timeout);
    Descriptor socket = UnixSocket.create("connection to " + address);
    boolean isGood = false;
    try {
      int result = UnixSocket.connect(socket, address.bytes());
      while (result == -linux_h.EAGAIN()) { // nothing to wait for: there is no event
        if (left.nanos() == 0) {
          throw new PeerException(
              Problem.BUSY,
              "%s didn't accept within %s: too many others wait".formatted(address, timeout));
        }
        LockSupport.parkNanos(RETRY_NANOS);
        if (Thread.interrupted()) {
          throw new InterruptedException();
        }
        result = UnixSocket.connect(socket, address.bytes());
      }
      checkConnected(address, result);
      isGood = true;
    } finally {
      if (!isGood) {
        socket.close();
      }
    }
    return over(socket);
  }

  /** Takes over a socket that is connected; closes it if this fails. */
  static BufferConnection over(Descriptor socket) {
    FrameChannel channel = null;
    boolean isGood = false;
    try {
      channel = new FrameChannel(socket);
      BufferConnection connection = new BufferConnection(channel);
      isGood = true;
      return connection;
    } finally {
      if (!isGood && channel != null) {
        channel.close();
      } else if (!isGood) {
        socket.close();
      }
    }
  }

  private static void checkConnected(PeerAddress address, int result) {
    if (result >= 0) {
      return;
    }
    SyscallFailure failure = new SyscallFailure("connect", address.toString(), -result);
    throw switch (Errno.of(-result).orElse(Errno.EIO)) {
      case ENOENT, ECONNREFUSED -> failure.exception("start the process that listens there first");
      case EACCES -> failure.exception("run as the user who listens there");
      default -> failure.exception();
    };
  }

  /** Two ends in this process, for tests. */
  static List<BufferConnection> pair() {
    return UnixSocket.pair("pair of connections").stream().map(BufferConnection::over).toList();
  }

  /**
   * Who is at the other end.
   *
   * @return what the kernel noted when the connection was made
   */
  public PeerCredentials peer() {
    return channel.peer();
  }

  // ---- sending ----

  /**
   * Sends a message, and waits for room at most {@link Fences#defaultTimeout()}.
   *
   * @param message at most {@link #MAX_MESSAGE_BYTES}
   * @throws PeerException if the peer is gone, or reads nothing for that time
   * @throws IllegalArgumentException if the message is too long
   * @throws InterruptedException if the thread is interrupted while waiting; nothing was sent
   * @throws IllegalStateException if this is closed, or a queue's
   */
  public void send(byte[] message) throws InterruptedException {
    send(message, Fences.defaultTimeout());
  }

  /**
   * Sends a message.
   *
   * @param message at most {@link #MAX_MESSAGE_BYTES}
   * @param timeout how long to wait for room; zero or less doesn't wait
   * @throws PeerException if the peer is gone, or reads nothing for that time
   * @throws IllegalArgumentException if the message is too long
   * @throws InterruptedException if the thread is interrupted while waiting; nothing was sent
   * @throws IllegalStateException if this is closed, or a queue's
   */
  public void send(byte[] message, Duration timeout) throws InterruptedException {
    if (message.length > MAX_MESSAGE_BYTES) {
      throw new IllegalArgumentException(
          "wanted a message of at most %d bytes, got %d: send more in a buffer"
              .formatted(MAX_MESSAGE_BYTES, message.length));
    }
    checkFree();
    channel.send(FrameKind.MESSAGE, timeout, content -> content.put(message));
  }

  /**
   * Sends a buffer with its name and its layout, and waits for room at most {@link
   * Fences#defaultTimeout()}. Host fences that are pending on it are waited for first (design rule
   * FN6).
   *
   * <p><b>A peer that may only read</b> gets a descriptor that the kernel doesn't map for writing.
   * A process of the same user could still open the memory file anew, through {@code /proc}. So
   * that others can't, a file that another program made for everybody becomes its owner's alone
   * (0600) here, and stays so.
   *
   * @param buffer from a heap with descriptors; stays the caller's, and open
   * @param access what the peer may do: READ or READ_WRITE
   * @throws UnsupportedOperationException if the buffer has no descriptor
   * @throws DmaBufException if no descriptor is left (EMFILE); or if the peer is to read only and
   *     the kernel can't enforce that (EOPNOTSUPP): it can for memory files
   * @throws FenceTimeoutException if a host fence on the buffer didn't signal in time
   * @throws PeerException if the peer is gone, or reads nothing for that time
   * @throws IllegalArgumentException if the access is WRITE, or more than the handle has
   * @throws InterruptedException if the thread is interrupted while waiting; nothing was sent
   * @throws IllegalStateException if the handle or this is closed, or this is a queue's
   */
  public void send(DmaBuf buffer, Access access) throws InterruptedException {
    checkFree();
    BufferDescription description = BufferDescription.of(buffer, access.writes());
    try (OwnedFd memory = BufferPassing.export(buffer, access)) {
      channel.send(FrameKind.BUFFER, Fences.defaultTimeout(), description::write, memory.fd());
    }
  }

  /**
   * Sends a fence, and waits for room at most {@link Fences#defaultTimeout()}. The peer's fence
   * signals when this one does, and fails if this one does; a kernel fence goes as a sync_file, any
   * other as an event: see {@link io.github.dmabuf4j.device.EventFences}.
   *
   * @param fence any, pending or not
   * @throws DmaBufException if no descriptor is left (EMFILE)
   * @throws PeerException if the peer is gone, or reads nothing for that time
   * @throws InterruptedException if the thread is interrupted while waiting; nothing was sent
   * @throws IllegalStateException if this is closed, or a queue's
   */
  public void send(Fence fence) throws InterruptedException {
    checkFree();
    try (PeerFences.Outgoing outgoing = fences.exportAlways(fence)) {
      channel.send(
          FrameKind.FENCE,
          Fences.defaultTimeout(),
          content -> content.putInt(outgoing.form().code),
          outgoing.descriptors());
    }
  }

  // ---- receiving ----

  /**
   * Waits for what the peer sends next.
   *
   * @param timeout how long at most; zero or less only looks
   * @return a message, a buffer or a fence, the caller's
   * @throws PeerException if the peer said nothing in time ({@link Problem#SILENT}: the connection
   *     can still be used), is gone, or sent what can't be accepted: then this is closed
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalStateException if this is closed, also while waiting, or a queue's
   */
  public Received receive(Duration timeout) throws InterruptedException {
    checkFree();
    try (Frame frame = receiveFrame(timeout)) {
      return switch (frame.kind) {
        case MESSAGE ->
            new Received.Message(
                frame.read(
                    content -> {
                      byte[] bytes = new byte[content.remaining()];
                      content.get(bytes);
                      return bytes;
                    }));
        case BUFFER -> {
          BufferDescription description =
              frame.read(content -> BufferDescription.read(frame, content));
          yield new Received.Buffer(
              BufferPassing.importBuffer(frame, 0, description, holder(description.name())));
        }
        case FENCE -> {
          FenceForm form = frame.read(content -> FenceForm.read(frame, content.getInt()));
          yield new Received.Signal(fences.importFence(frame, form));
        }
        default ->
            throw frame.wrong(Problem.KIND, "a message, a buffer or a fence", "something else");
      };
    } catch (PeerException e) {
      throw ended(e);
    }
  }

  private Frame receiveFrame(Duration timeout) throws InterruptedException {
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    return channel.receive(timeout);
  }

  private String holder(String name) {
    return "%s from %s".formatted(name, channel.peer());
  }

  /** A peer that is gone or lies isn't listened to any more. */
  private PeerException ended(PeerException problem) {
    if (problem.problem() != Problem.SILENT) {
      close();
    }
    return problem;
  }

  // ---- queues ----

  /**
   * Makes a queue whose consumer is the other process: sends the buffers, once, and waits until the
   * peer has taken them with {@link #awaitQueue}. From then on a hand-over is one small message,
   * and fences go along (design rule FN6), of one context as points of one timeline where both have
   * a render node for that.
   *
   * <p>What is returned does what {@link BufferQueue} does, with these differences: buffers can't
   * be attached or withdrawn; and when the peer is gone, or sends what can't be accepted, calls
   * fail with a {@link PeerException}. Closing it closes this connection.
   *
   * @param name what it is for, in reports of both sides, at most 255 bytes in UTF-8
   * @param buffers 1 to {@link #MAX_QUEUE_BUFFERS} from heaps with descriptors; the handles may be
   *     closed afterwards
   * @param access what the consumer may do: READ or READ_WRITE
   * @param timeout how long to wait for the peer
   * @return the producer's hand, to be closed
   * @throws UnsupportedOperationException if a buffer has no descriptor
   * @throws DmaBufException if no descriptor is left (EMFILE); or if the consumer is to read only
   *     and the kernel can't enforce that (EOPNOTSUPP)
   * @throws FenceTimeoutException if a host fence on a buffer didn't signal in time
   * @throws PeerException if the peer is gone, didn't take the queue in time, or said something
   *     else: this is closed
   * @throws IllegalArgumentException if there are too many or no buffers, or one is there twice; if
   *     the name is too long; if the access is WRITE, or more than a handle has
   * @throws InterruptedException if the thread is interrupted while waiting: this is closed
   * @throws IllegalStateException if this is closed, or a queue's; or a handle is closed
   */
  public BufferProducer offerQueue(
      String name, List<DmaBuf> buffers, Access access, Duration timeout)
      throws InterruptedException {
    BufferQueue local = RemoteProducer.localQueue(name, buffers, channel.peer());
    return begin(
        local, () -> RemoteProducer.offer(channel, fences, local, buffers, access, timeout));
  }

  /**
   * Waits for a queue whose producer is the other process, which calls {@link #offerQueue}.
   *
   * <p>What is returned does what {@link BufferQueue} does, with these differences: buffers can't
   * be detached; and when the peer is gone without ending the stream, or sends what can't be
   * accepted, calls fail with a {@link PeerException}. Closing it closes this connection.
   *
   * @param timeout how long to wait for the peer
   * @return the consumer's hand, to be closed
   * @throws PeerException if the peer is gone, offered nothing in time, or sent something that
   *     can't be accepted: this is closed
   * @throws InterruptedException if the thread is interrupted while waiting: this is closed
   * @throws IllegalStateException if this is closed, or a queue's
   */
  public BufferConsumer awaitQueue(Duration timeout) throws InterruptedException {
    return begin(null, () -> RemoteConsumer.await(channel, fences, timeout));
  }

  @FunctionalInterface
  private interface Beginning<T> {
    T begin() throws InterruptedException;
  }

  private <T> T begin(@Nullable BufferQueue local, Beginning<T> beginning)
      throws InterruptedException {
    boolean isGood = false;
    try {
      if (!isQueue.compareAndSet(false, true)) {
        throw new IllegalStateException("%s is a queue's already: make another".formatted(channel));
      }
      T hand;
      try {
        hand = beginning.begin();
        isGood = true;
      } finally {
        if (!isGood) {
          close();
        }
      }
      return hand;
    } finally {
      if (!isGood && local != null) {
        local.close();
      }
    }
  }

  private void checkFree() {
    if (isQueue.get()) {
      throw new IllegalStateException("%s is a queue's: make another".formatted(channel));
    }
    if (channel.isClosed()) {
      throw new IllegalStateException("%s is closed".formatted(channel));
    }
  }

  /**
   * Whether this was closed, by {@link #close} or because of what the peer did.
   *
   * @return true from then on
   */
  public boolean isClosed() {
    return channel.isClosed();
  }

  /**
   * Ends the connection: the peer is told, and whoever waits here. Buffers that were received stay;
   * fences of the peer that are pending fail. Closing again does nothing.
   */
  @Override
  public void close() {
    try (fences) {
      channel.close();
    }
  }

  @Override
  public String toString() {
    return Objects.toString(channel);
  }
}

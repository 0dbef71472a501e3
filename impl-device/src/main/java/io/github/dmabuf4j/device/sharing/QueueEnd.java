package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.BufferQueue;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.device.linux.Poller;
import io.github.dmabuf4j.device.sharing.PeerException.Problem;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One end of a queue between two processes: a {@link BufferQueue} of this process, of which the
 * user has one hand, and this object plays the other, as the peer's tokens say.
 *
 * <p><b>Invariant</b>, whenever {@code lock} is free and the end isn't closed: each slot of the
 * local queue is in one hand, its number says which buffer it is, and
 *
 * <ol>
 *   <li>{@code theirs} has the slots, and only those, that the peer has: in the producer's process
 *       those whose token was sent and didn't come back; in the consumer's those whose token hasn't
 *       come, or was sent back. All others are with the user, or wait for the user. So in both
 *       processes together a buffer is in one hand, or its token is on its way.
 *   <li>{@code turns} has how often each buffer was handed on to the consumer. A token that comes
 *       must be of a slot of {@code theirs}, and of its turn.
 *   <li>Tokens are sent in the order in which the local queue had them.
 * </ol>
 *
 * <p>There are never more tokens on their way than slots, and the socket has room for that many: so
 * sending waits for nobody; a peer for which it would have to wait doesn't keep to the protocol.
 *
 * <p><b>Locks.</b> {@code lock}, then the local queue's, then the channel's. No code of users runs
 * under it, and no fence is signaled.
 *
 * <p><b>Threads.</b> Tokens are taken by the thread of the {@link Poller}, for which all is short
 * and nothing waits.
 */
abstract class QueueEnd {
  private static final System.Logger LOG = System.getLogger(QueueEnd.class.getName());

  /** How many tokens are taken before others have their turn. */
  private static final int BATCH = 64;

  final FrameChannel channel;
  final PeerFences fences;
  final BufferQueue local;
  final ReentrantLock lock = new ReentrantLock();

  /** How often each buffer was handed on. Guarded by the lock. */
  final long[] turns;

  /** Whether the stream is over. Guarded by the lock. */
  boolean hasEnded;

  /** What waits for the next frame; an older one has run, and cancelling it does nothing. */
  private volatile Poller.@Nullable Registration registration;

  private final AtomicReference<@Nullable PeerException> failure = new AtomicReference<>();

  QueueEnd(FrameChannel channel, PeerFences fences, BufferQueue local) {
    this.channel = channel;
    this.fences = fences;
    this.local = local;
    this.turns = new long[local.size()];
  }

  /** A queue of buffers that the peer is going to use. */
  static BufferQueue localQueue(String name, List<DmaBuf> buffers, PeerCredentials peer) {
    int length = name.getBytes(StandardCharsets.UTF_8).length;
    if (length > QueueOffer.MAX_NAME_BYTES) {
      throw new IllegalArgumentException(
          "wanted a name of at most %d bytes, got %d".formatted(QueueOffer.MAX_NAME_BYTES, length));
    }
    if (buffers.size() > QueueOffer.MAX_SLOTS) {
      throw new IllegalArgumentException(
          "wanted at most %d buffers for the queue %s, got %d"
              .formatted(QueueOffer.MAX_SLOTS, name, buffers.size()));
    }
    return BufferQueue.named(name).consumer("in " + peer).over(buffers);
  }

  // ---- listening ----

  /** Has the poller call {@link #readable} when something comes. */
  final void listen() {
    registration = Poller.ofThisProcess().register(channel.socket(), Poller.IN, this::readable);
  }

  private void readable(int events) {
    try {
      for (int i = 0; i < BATCH; i++) {
        Frame frame = channel.tryReceive();
        if (frame == null) {
          break;
        }
        try (frame) {
          take(frame);
        }
      }
      if (events != 0) { // else the poller has ended
        listen();
      }
    } catch (PeerException e) {
      noteProblem(e);
    } catch (IllegalStateException e) {
      if (!channel.isClosed()) {
        noteProblem(unexpected(e));
      }
    } catch (RuntimeException e) {
      noteProblem(unexpected(e));
    } catch (Error e) {
      noteProblem(unexpected(e));
      throw e;
    }
  }

  private PeerException unexpected(Throwable e) {
    LOG.log(Level.DEBUG, "the queue with " + channel.peer() + " ends", e);
    return new PeerException(
        Problem.LIMIT,
        "what %s sent could not be taken: %s".formatted(channel.peer(), e.getMessage()),
        e);
  }

  /** Does what the peer says. Takes the lock. */
  abstract void take(Frame frame);

  /** Checks a token against what the peer has. Lock held. */
  final void checkToken(Frame frame, boolean isTheirs, Token token, long wantedTurn) {
    if (!isTheirs || token.turn() != wantedTurn) {
      throw frame.wrong(
          Problem.TOKEN,
          isTheirs
              ? "turn %d of slot %d".formatted(wantedTurn, token.slot())
              : "a slot that the peer has",
          isTheirs ? token.turn() : "slot " + token.slot());
    }
  }

  final int checkedSlot(Frame frame, Token token) {
    int slot = token.slot();
    if (slot < 0 || slot >= turns.length) {
      throw frame.wrong(Problem.TOKEN, "a slot from 0 to " + (turns.length - 1), slot);
    }
    return slot;
  }

  // ---- sending ----

  /**
   * Sends a token.
   *
   * @return what went wrong, to be passed to {@link #noteProblem} without the lock; null if nothing
   *     did, or this was closed meanwhile
   */
  final @Nullable PeerException send(FrameKind kind, Token token, PeerFences.Outgoing fence) {
    return send(kind, token::write, fence.descriptors());
  }

  private @Nullable PeerException send(
      FrameKind kind, Consumer<ByteBuffer> content, int... descriptors) {
    try {
      return channel.trySend(kind, content, descriptors) ? null : channel.busy(Duration.ZERO);
    } catch (PeerException e) {
      return e;
    } catch (DmaBufException e) {
      return unexpected(e);
    } catch (IllegalStateException e) {
      return null;
    }
  }

  /** Says that the stream is over. As {@link #send}. */
  final @Nullable PeerException sendEnd() {
    return send(FrameKind.END, _ -> {});
  }

  // ---- the end ----

  /** The peer is gone, or did what it mustn't: this end is over. Lock not held. */
  void noteProblem(PeerException problem) {
    boolean _ = failure.compareAndSet(null, problem);
    finish();
  }

  /** Why calls fail: the peer, if it is because of it. */
  final RuntimeException reason(IllegalStateException e) {
    PeerException problem = failure.get();
    return problem != null && local.isClosed() ? problem.again() : e;
  }

  /** Ends all: once or several times. Lock not held. */
  final void finish() {
    channel.close();
    Poller.Registration waiting = registration;
    if (waiting != null) {
      boolean _ = waiting.cancel();
    }
    fences.close();
    local.close();
    List<Runnable> last;
    lock.lock();
    try {
      last = takeTheirs();
    } finally {
      lock.unlock();
    }
    last.forEach(Runnable::run);
  }

  /** What gives the slots back that the peer had, each once. Lock held. */
  abstract List<Runnable> takeTheirs();
}

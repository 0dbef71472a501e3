package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.BufferQueue;
import io.github.dmabuf4j.BufferSlot;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Lockdep;
import io.github.dmabuf4j.NothingQueuedException;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.device.linux.DirectWait;
import io.github.dmabuf4j.device.linux.Poller;
import io.github.dmabuf4j.device.sharing.PeerException.Problem;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;
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
 * <p><b>Who reads.</b> Frames are taken from the socket under the lock, so in their order, by
 * whoever looks. A platform thread that finds no slot waits in the kernel itself ({@link
 * DirectWait}): the frame that it waits for wakes it and nobody else. One at a time does so, the
 * {@code reader}; whoever else takes frames meanwhile rings it, since the socket may be empty then
 * and what was in it in the local queue. All others, and virtual threads, wait in the local queue;
 * whenever one of these ({@code waiting}) does, there is a reader, or the poller {@code isArmed}.
 * That the peer is gone is always heard, by a watch of its own.
 *
 * <p><b>Threads.</b> Any. On the thread of the {@link Poller} all is short and nothing waits.
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

  /** What hears the peer's end. */
  private volatile Poller.@Nullable Registration registration;

  /** What waits for the next frame; an older one has run, and cancelling it does nothing. */
  private volatile Poller.@Nullable Registration armed;

  private final DirectWait direct;

  /** The thread that waits in the kernel. Guarded by the lock. */
  private @Nullable Thread reader;

  /** Whether the poller reads the next frame. Guarded by the lock. */
  private boolean isArmed;

  /** How many threads wait in the local queue. Guarded by the lock. */
  private int waiting;

  private final AtomicReference<@Nullable PeerException> failure = new AtomicReference<>();

  QueueEnd(FrameChannel channel, PeerFences fences, BufferQueue local) {
    this.channel = channel;
    this.fences = fences;
    this.local = local;
    this.turns = new long[local.size()];
    this.direct = new DirectWait("queue " + local.name());
  }

  // ---- reading ----

  /** Has the poller say when the peer is gone. */
  final void listen() {
    registration = Poller.ofThisProcess().register(channel.socket(), 0, this::hungUp);
  }

  /** Has the poller read the next frame. Lock held. */
  private void arm() {
    if (!isArmed && !channel.isClosed()) {
      armed = Poller.ofThisProcess().register(channel.socket(), Poller.IN, this::readable);
      isArmed = true; // the callback waits for the lock
    }
  }

  private void readable(int events) {
    PeerException problem;
    lock.lock();
    try {
      isArmed = false;
      problem = takeAll(BATCH);
      if (problem == null && waiting > 0 && events != 0) {
        arm();
      }
    } finally {
      lock.unlock();
    }
    if (problem != null) {
      noteProblem(problem);
    }
  }

  private void hungUp(int events) {
    PeerException problem;
    lock.lock();
    try {
      problem = takeAll(Integer.MAX_VALUE); // until the end
    } finally {
      lock.unlock();
    }
    if (problem != null) {
      noteProblem(problem);
    }
  }

  /** Takes what has come; what is wrong with it, as {@link Taken} has it. Lock held. */
  private @Nullable PeerException takeAll(int most) {
    PeerException problem = null;
    boolean isMore = true;
    for (int i = 0; i < most && isMore && problem == null; i++) {
      Taken taken = takeOne();
      isMore = taken.isThere;
      problem = taken.problem;
    }
    ringReader();
    return problem;
  }

  /**
   * What became of a look at the socket.
   *
   * @param isThere whether there was a frame
   * @param problem what is wrong with it or the peer, to be passed to {@link #noteProblem} without
   *     the lock; or null
   */
  private record Taken(boolean isThere, @Nullable PeerException problem) {
    private static final Taken NOTHING = new Taken(false, null);
    private static final Taken FRAME = new Taken(true, null);
  }

  /** Takes the next frame if there is one. Lock held. */
  private Taken takeOne() {
    try {
      Frame frame = channel.tryReceive();
      if (frame == null) {
        return Taken.NOTHING;
      }
      try (frame) {
        take(frame);
      }
      return Taken.FRAME;
    } catch (PeerException e) {
      return new Taken(true, e);
    } catch (IllegalStateException e) {
      return channel.isClosed()
          ? Taken.NOTHING
          : new Taken(
              true, unexpected("what %s sent could not be taken".formatted(channel.peer()), e));
    } catch (RuntimeException | Error e) {
      return new Taken(
          true, unexpected("what %s sent could not be taken".formatted(channel.peer()), e));
    }
  }

  private PeerException unexpected(String what, Throwable e) {
    LOG.log(Level.DEBUG, "the queue with " + channel.peer() + " ends", e);
    return new PeerException(Problem.LIMIT, what + ": " + e.getMessage(), e);
  }

  // ---- waiting ----

  /** How the local queue is waited for. */
  @FunctionalInterface
  interface Waiting {
    /** Waits until the time is up, and then throws what says who has which buffer. */
    Optional<BufferSlot> await(Duration timeout) throws InterruptedException;
  }

  /** Takes as {@link #await} does, not interruptibly. */
  final Optional<BufferSlot> awaitUninterruptibly(
      Supplier<Optional<BufferSlot>> now, Waiting later, Duration timeout) {
    try {
      return await(now, later, timeout, false);
    } catch (InterruptedException e) {
      throw new AssertionError("an uninterruptible wait was interrupted", e);
    }
  }

  /**
   * Takes a slot, waiting for it.
   *
   * @param now looks whether there is one
   * @param later waits in the local queue
   * @return empty if there will be none any more
   */
  final Optional<BufferSlot> await(
      Supplier<Optional<BufferSlot>> now, Waiting later, Duration timeout, boolean interruptible)
      throws InterruptedException {
    if (interruptible && Thread.interrupted()) {
      throw new InterruptedException();
    }
    TimeLeft left = TimeLeft.of(timeout);
    if (Lockdep.isEnabled()) {
      Optional<BufferSlot> early = checkMayWait(now, later, left);
      if (early.isPresent()) {
        return early;
      }
    }
    Optional<BufferSlot> slot = look(now);
    if (slot.isPresent()) {
      return slot;
    }
    if (local.isDrained() || left.nanos() == 0) {
      return later.await(Duration.ZERO);
    }
    return startReading() ? read(now, later, left, interruptible) : follow(later, left.duration());
  }

  /** Has the validator look whether this thread may wait here: it does where it would wait. */
  private Optional<BufferSlot> checkMayWait(
      Supplier<Optional<BufferSlot>> now, Waiting later, TimeLeft left)
      throws InterruptedException {
    Optional<BufferSlot> slot = look(now);
    if (slot.isEmpty() && left.nanos() > 0) {
      try {
        slot = later.await(Duration.ofNanos(1));
      } catch (NothingQueuedException | OutOfBuffersException e) {
        // It may, and there is nothing yet.
      }
    }
    return slot;
  }

  /** Whether this thread is the one that waits for the peer; else it has the poller do so. */
  private boolean startReading() {
    lock.lock();
    try {
      boolean reads = reader == null && !Thread.currentThread().isVirtual();
      if (reads) {
        reader = Thread.currentThread();
      } else {
        arm();
        waiting++;
      }
      return reads;
    } finally {
      lock.unlock();
    }
  }

  private Optional<BufferSlot> follow(Waiting later, Duration timeout) throws InterruptedException {
    try {
      return later.await(timeout);
    } finally {
      lock.lock();
      try {
        waiting--;
      } finally {
        lock.unlock();
      }
    }
  }

  private Optional<BufferSlot> read(
      Supplier<Optional<BufferSlot>> now, Waiting later, TimeLeft left, boolean interruptible)
      throws InterruptedException {
    try {
      Optional<BufferSlot> slot = now.get(); // what others took before this was the reader
      while (slot.isEmpty() && !local.isDrained() && left.nanos() > 0 && !channel.isClosed()) {
        waitForPeer(left.nanos(), interruptible);
        slot = look(now);
      }
      if (slot.isPresent() || local.isDrained()) {
        return slot;
      }
    } finally {
      stopReading();
    }
    return later.await(Duration.ZERO); // says who has what
  }

  private void waitForPeer(long nanos, boolean interruptible) throws InterruptedException {
    try {
      if (interruptible) {
        direct.await(channel.socket(), nanos);
      } else {
        direct.awaitUninterruptibly(channel.socket(), nanos);
      }
    } catch (IllegalStateException e) {
      if (!channel.isClosed()) {
        throw e;
      }
    }
  }

  private void stopReading() {
    lock.lock();
    try {
      reader = null;
      if (waiting > 0) {
        arm();
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Takes a slot if there is one. One frame is read in any case, so that whoever only looks comes
   * to what the peer said, too; more are if they are needed.
   */
  private Optional<BufferSlot> look(Supplier<Optional<BufferSlot>> now) {
    PeerException problem;
    Optional<BufferSlot> slot;
    lock.lock();
    try {
      boolean isMore;
      do {
        Taken taken = takeOne();
        isMore = taken.isThere;
        problem = taken.problem;
        slot = now.get();
      } while (slot.isEmpty() && isMore && problem == null);
      ringReader();
    } finally {
      lock.unlock();
    }
    if (problem != null) {
      noteProblem(problem);
    }
    return slot;
  }

  /** Takes a slot if there is one, without waiting. */
  final Optional<BufferSlot> poll(Supplier<Optional<BufferSlot>> now) {
    Optional<BufferSlot> slot = look(now);
    return slot.isPresent() ? slot : now.get(); // which says why not, if the peer is gone
  }

  /** Has whoever waits for the peer look at the local queue, which was changed here. */
  final void wakeReader() {
    lock.lock();
    try {
      ringReader();
    } finally {
      lock.unlock();
    }
  }

  /** Has the reader, if it is another thread, look at the local queue. Lock held. */
  private void ringReader() {
    if (reader != null && reader != Thread.currentThread()) {
      direct.ring();
    }
  }

  // ---- what comes ----

  /** Does what the peer says. Lock held. */
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
    PeerException problem = send(kind, token::write, fence.descriptors());
    if (problem == null) {
      fence.wasSent();
    }
    return problem;
  }

  private @Nullable PeerException send(
      FrameKind kind, Consumer<ByteBuffer> content, int... descriptors) {
    try {
      return channel.trySend(kind, content, descriptors) ? null : channel.busy(Duration.ZERO);
    } catch (PeerException e) {
      return e.problem() == Problem.GONE ? null : e; // who reads hears it, after what it said
    } catch (DmaBufException e) {
      return unexpected("nothing more could be sent to " + channel.peer(), e);
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

  /** It never began: gives back what it made itself. The connection is its maker's. */
  final void abandon() {
    local.close();
    direct.close();
    cancel(registration);
    cancel(armed);
    giveTheirsBack();
  }

  /** Ends all: once or several times. Lock not held. */
  final void finish() {
    try (fences) { // each step, whatever is thrown by one before it
      try (direct;
          channel;
          local) { // this first: whoever finds the connection closed is told why
        // Closed.
      } finally {
        cancel(registration);
        cancel(armed);
      }
    } finally {
      giveTheirsBack();
    }
  }

  private void giveTheirsBack() {
    List<Runnable> last;
    lock.lock();
    try {
      last = takeTheirs();
    } finally {
      lock.unlock();
    }
    last.forEach(Runnable::run);
  }

  private static void cancel(Poller.@Nullable Registration present) {
    if (present != null) {
      boolean _ = present.cancel();
    }
  }

  /** What gives the slots back that the peer had, each once. Lock held. */
  abstract List<Runnable> takeTheirs();
}

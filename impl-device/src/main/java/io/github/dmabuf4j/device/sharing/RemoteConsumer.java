package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.BufferConsumer;
import io.github.dmabuf4j.BufferQueue;
import io.github.dmabuf4j.BufferSlot;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.device.sharing.PeerException.Problem;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The consumer's hand of a queue whose producer is in another process.
 *
 * <p><b>Invariant.</b> That of {@link QueueEnd}, where {@code theirs} are slots that the local
 * queue's producer has dequeued: what the user releases is dequeued at once, under the lock, and
 * its token sent back. Once {@code hasEnded} no more are dequeued, and none are to come.
 *
 * <p><b>Threads.</b> Any.
 */
final class RemoteConsumer extends QueueEnd implements BufferConsumer {
  private final @Nullable BufferSlot[] theirs;

  private RemoteConsumer(FrameChannel channel, PeerFences fences, BufferQueue local) {
    super(channel, fences, local);
    theirs = new BufferSlot[local.size()];
    for (int i = 0; i < theirs.length; i++) {
      BufferSlot slot = local.tryDequeue().orElseThrow();
      theirs[slot.index()] = slot;
    }
  }

  /** Waits for the buffers, and tells the peer that they were taken. */
  static RemoteConsumer await(FrameChannel channel, PeerFences fences, Duration timeout)
      throws InterruptedException {
    TimeLeft left = TimeLeft.of(timeout);
    BufferQueue local;
    try (Frame frame = channel.receive(timeout)) {
      QueueOffer offer = QueueOffer.read(frame.expect(FrameKind.OFFER));
      fences.peerHas(offer.abilities());
      local = localQueue(frame, offer, channel.peer());
    }
    RemoteConsumer consumer = null;
    boolean isGood = false;
    try {
      consumer = new RemoteConsumer(channel, fences, local);
      int abilities = fences.abilities();
      channel.send(
          FrameKind.ACCEPT,
          left.duration(),
          content -> PeerFences.writeAbilities(content, abilities));
      consumer.listen();
      isGood = true;
      return consumer;
    } finally {
      if (!isGood && consumer != null) {
        consumer.abandon();
      } else if (!isGood) {
        local.close();
      }
    }
  }

  private static BufferQueue localQueue(Frame frame, QueueOffer offer, PeerCredentials peer) {
    List<DmaBuf> buffers = new ArrayList<>();
    try {
      for (int i = 0; i < offer.buffers().size(); i++) {
        BufferDescription description = offer.buffers().get(i);
        String holder = "queue %s from %s".formatted(offer.name(), peer);
        buffers.add(BufferPassing.importBuffer(frame, i, description, holder));
      }
      return BufferQueue.named(offer.name()).producer("in " + peer).over(buffers);
    } catch (IllegalArgumentException e) {
      throw frame.wrong(Problem.CONTENT, "each buffer once", e.getMessage() + "");
    } finally {
      buffers.forEach(DmaBuf::close);
    }
  }

  // ---- the peer ----

  @Override
  void take(Frame frame) {
    if (frame.kind == FrameKind.END) {
      takeEnd();
      return;
    }
    Token token = Token.read(frame.expect(FrameKind.QUEUED));
    int index = checkedSlot(frame, token);
    BufferSlot slot = theirs[index];
    checkToken(frame, slot != null && !hasEnded, token, turns[index] + 1);
    Fence acquire = fences.importFence(frame, token);
    theirs[index] = null;
    turns[index]++;
    if (slot != null) {
      local.queue(slot, acquire);
    }
  }

  private void takeEnd() {
    hasEnded = true;
    local.end();
  }

  /** A producer that ended the stream may go: what it queued is still to be taken. */
  @Override
  void noteProblem(PeerException problem) {
    boolean isOver;
    lock.lock();
    try {
      isOver = hasEnded && problem.problem() == Problem.GONE;
    } finally {
      lock.unlock();
    }
    if (isOver) {
      try (fences) {
        channel.close();
      }
    } else {
      super.noteProblem(problem);
    }
  }

  @Override
  List<Runnable> takeTheirs() {
    List<Runnable> last = new ArrayList<>();
    for (int i = 0; i < theirs.length; i++) {
      BufferSlot slot = theirs[i];
      if (slot != null) {
        theirs[i] = null;
        last.add(() -> local.cancel(slot));
      }
    }
    return last;
  }

  private void giveBack(BufferSlot given, @Nullable Fence release) {
    PeerException problem;
    try (PeerFences.Outgoing fence = fences.export(release == null ? given.fence() : release)) {
      lock.lock();
      try {
        int index = given.index();
        if (release == null) {
          local.release(given);
        } else {
          local.release(given, release);
        }
        problem = sendReleased(index, fence);
      } finally {
        lock.unlock();
      }
    }
    if (problem != null) {
      noteProblem(problem);
    }
  }

  /** Sends the token of what was just released. Lock held. */
  private @Nullable PeerException sendReleased(int index, PeerFences.Outgoing fence) {
    if (!hasEnded) {
      BufferSlot free;
      try {
        free = local.tryDequeue().orElse(null);
      } catch (IllegalStateException e) {
        free = null;
      }
      if (free == null) {
        return null; // it was closed
      }
      theirs[index] = free;
    }
    return send(FrameKind.RELEASED, fence.token(index, turns[index]), fence);
  }

  // ---- the user ----

  @Override
  public Optional<BufferSlot> acquire(Duration timeout) throws InterruptedException {
    try {
      return await(local::tryAcquire, local::acquire, timeout, true);
    } catch (IllegalStateException e) {
      throw reason(e);
    }
  }

  @Override
  public Optional<BufferSlot> acquireUninterruptibly(Duration timeout) {
    try {
      return awaitUninterruptibly(local::tryAcquire, local::acquireUninterruptibly, timeout);
    } catch (IllegalStateException e) {
      throw reason(e);
    }
  }

  @Override
  public Optional<BufferSlot> tryAcquire() {
    try {
      return poll(local::tryAcquire);
    } catch (IllegalStateException e) {
      throw reason(e);
    }
  }

  @Override
  public void release(BufferSlot slot, Fence release) {
    giveBack(slot, release);
  }

  @Override
  public void release(BufferSlot slot) {
    giveBack(slot, null);
  }

  @Override
  public DmaBuf detach(BufferSlot slot) {
    throw new UnsupportedOperationException(
        "the buffers of %s are the producer's: keep one longer with a dup, and release the slot"
            .formatted(local));
  }

  @Override
  public boolean isDrained() {
    return local.isDrained();
  }

  @Override
  public void close() {
    finish();
  }

  @Override
  public String toString() {
    return local + ", with " + channel.peer();
  }
}

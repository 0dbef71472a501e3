package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.BufferProducer;
import io.github.dmabuf4j.BufferQueue;
import io.github.dmabuf4j.BufferSlot;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.OwnedFd;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The producer's hand of a queue whose consumer is in another process.
 *
 * <p><b>Invariant.</b> That of {@link QueueEnd}, where {@code theirs} are slots that the local
 * queue's consumer has acquired: what is queued there is acquired at once, under the lock, and its
 * token sent.
 *
 * <p><b>Threads.</b> Any.
 */
final class RemoteProducer extends QueueEnd implements BufferProducer {
  private final @Nullable BufferSlot[] theirs;

  private RemoteProducer(FrameChannel channel, PeerFences fences, BufferQueue local) {
    super(channel, fences, local);
    theirs = new BufferSlot[local.size()];
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

  /**
   * Sends the buffers, and waits until the peer has taken them.
   *
   * @param local the queue of these buffers; closed with what is returned, and only then
   */
  static RemoteProducer offer(
      FrameChannel channel,
      PeerFences fences,
      BufferQueue local,
      List<DmaBuf> buffers,
      Access access,
      Duration timeout)
      throws InterruptedException {
    TimeLeft left = TimeLeft.of(timeout);
    List<OwnedFd> memory = new ArrayList<>(buffers.size());
    try {
      List<BufferDescription> descriptions = new ArrayList<>(buffers.size());
      for (DmaBuf buffer : buffers) {
        memory.add(BufferPassing.export(buffer, access));
        descriptions.add(BufferDescription.of(buffer, access.writes()));
      }
      channel.send(
          FrameKind.OFFER,
          left.duration(),
          new QueueOffer(fences.abilities(), local.name(), descriptions)::write,
          memory.stream().mapToInt(OwnedFd::fd).toArray());
    } finally {
      memory.forEach(OwnedFd::close);
    }
    try (Frame answer = channel.receive(left.duration())) {
      fences.peerHas(answer.expect(FrameKind.ACCEPT).read(PeerFences::readAbilities));
    }
    RemoteProducer producer = new RemoteProducer(channel, fences, local);
    boolean isGood = false;
    try {
      producer.listen();
      isGood = true;
      return producer;
    } finally {
      if (!isGood) {
        producer.abandon();
      }
    }
  }

  // ---- the peer ----

  @Override
  void take(Frame frame) {
    Token token = Token.read(frame.expect(FrameKind.RELEASED));
    int index = checkedSlot(frame, token);
    BufferSlot slot = theirs[index];
    checkToken(frame, slot != null, token, turns[index]);
    Fence release = fences.importFence(frame, token);
    theirs[index] = null;
    if (slot != null) {
      local.release(slot, release);
    }
  }

  @Override
  List<Runnable> takeTheirs() {
    List<Runnable> last = new ArrayList<>();
    for (int i = 0; i < theirs.length; i++) {
      BufferSlot slot = theirs[i];
      if (slot != null) {
        theirs[i] = null;
        last.add(() -> local.release(slot));
      }
    }
    return last;
  }

  private void hand(BufferSlot given, @Nullable Fence acquire) {
    PeerException problem;
    try (PeerFences.Outgoing fence = fences.export(acquire == null ? given.fence() : acquire)) {
      lock.lock();
      try {
        if (acquire == null) {
          local.queue(given);
        } else {
          local.queue(given, acquire);
        }
        problem = sendQueued(fence);
      } finally {
        lock.unlock();
      }
    }
    if (problem != null) {
      noteProblem(problem);
    }
  }

  /** Sends the token of what was just queued. Lock held. */
  private @Nullable PeerException sendQueued(PeerFences.Outgoing fence) {
    BufferSlot queued;
    try {
      queued = local.tryAcquire().orElse(null);
    } catch (IllegalStateException e) {
      queued = null;
    }
    if (queued == null) {
      return null; // it was closed, and dropped
    }
    int index = queued.index();
    turns[index]++;
    theirs[index] = queued;
    return send(FrameKind.QUEUED, fence.token(index, turns[index]), fence);
  }

  // ---- the user ----

  @Override
  public BufferSlot dequeue(Duration timeout) throws InterruptedException {
    try {
      return await(local::tryDequeue, left -> Optional.of(local.dequeue(left)), timeout, true)
          .orElseThrow();
    } catch (IllegalStateException e) {
      throw reason(e);
    }
  }

  @Override
  public BufferSlot dequeueUninterruptibly(Duration timeout) {
    try {
      return awaitUninterruptibly(
              local::tryDequeue, left -> Optional.of(local.dequeueUninterruptibly(left)), timeout)
          .orElseThrow();
    } catch (IllegalStateException e) {
      throw reason(e);
    }
  }

  @Override
  public Optional<BufferSlot> tryDequeue() {
    try {
      return poll(local::tryDequeue);
    } catch (IllegalStateException e) {
      throw reason(e);
    }
  }

  @Override
  public BufferSlot attach(DmaBuf buffer, Duration timeout) {
    throw sentOnce();
  }

  @Override
  public BufferSlot attachUninterruptibly(DmaBuf buffer, Duration timeout) {
    throw sentOnce();
  }

  @Override
  public Optional<BufferSlot> tryAttach(DmaBuf buffer) {
    throw sentOnce();
  }

  @Override
  public DmaBuf withdraw(BufferSlot slot) {
    throw sentOnce();
  }

  private UnsupportedOperationException sentOnce() {
    return new UnsupportedOperationException(
        "the buffers of %s were sent once, when it began: offer a queue of the buffers that are needed"
            .formatted(local));
  }

  @Override
  public void queue(BufferSlot slot, Fence acquire) {
    hand(slot, acquire);
  }

  @Override
  public void queue(BufferSlot slot) {
    hand(slot, null);
  }

  @Override
  public void cancel(BufferSlot slot, Fence release) {
    local.cancel(slot, release);
    wakeReader();
  }

  @Override
  public void cancel(BufferSlot slot) {
    local.cancel(slot);
    wakeReader();
  }

  @Override
  public void end() {
    PeerException problem = null;
    lock.lock();
    try {
      if (!hasEnded) {
        hasEnded = true;
        local.end();
        problem = sendEnd();
      }
    } finally {
      lock.unlock();
    }
    wakeReader();
    if (problem != null) {
      noteProblem(problem);
    }
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

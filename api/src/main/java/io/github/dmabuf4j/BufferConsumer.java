package io.github.dmabuf4j;

import java.time.Duration;
import java.util.Optional;

/**
 * The hand that uses the buffers of a {@link BufferQueue}: takes the oldest one queued, and gives
 * it back with a <i>release fence</i>, which signals when it is no longer touched.
 *
 * <p>The loop of a consumer ends with the stream; a producer that falls silent is an exception, not
 * an end:
 *
 * {@snippet file="io/github/dmabuf4j/snippets/Walkthroughs.java" region="queue-consumer"}
 *
 * <p><b>Fences.</b> An acquired slot comes with what the producer may still be doing ({@link
 * BufferSlot#fence}): it has to be waited for before the bytes are touched, by the thread or by the
 * work that uses them. A fence that is given along must not signal before that one has. Fences of
 * any kind are taken, containers too; the queue waits for none. Without one the slot's own fence
 * goes on: right for who has waited for it, and for who drops a buffer without a look.
 *
 * <p><b>Waiting</b> ends with a buffer or the stream, at a deadline ({@link
 * Fences#defaultTimeout()} unless said otherwise), or with an exception if the queue is closed
 * meanwhile. It parks virtual threads without pinning their carrier. It depends on what the
 * producer does next, and so must not be done with a reservation held, nor in a {@link Signalling}
 * section (design rule FN4); giving back never waits, and is legal everywhere.
 *
 * <p><b>The validator.</b> While it is on, a broken locking rule is a {@link LockdepException}.
 *
 * <p><b>Threads.</b> All methods may be called from any thread; any number of threads may be one
 * hand.
 *
 * <p><b>Memory consistency effects.</b> What happens before a buffer is given to the queue happens
 * before the return of the call that takes it from there.
 */
public interface BufferConsumer extends AutoCloseable {
  /**
   * Takes the oldest buffer queued, waiting for one at most {@link Fences#defaultTimeout()}.
   *
   * @return the slot, to be given back by {@link #release} or {@link #detach}; empty if the
   *     producer has ended the stream and nothing is left of it
   * @throws NothingQueuedException if none was queued in time; says who has each buffer
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalStateException if the consumer has as many as it may, or the queue is closed,
   *     also while waiting
   */
  default Optional<BufferSlot> acquire() throws InterruptedException {
    return acquire(Fences.defaultTimeout());
  }

  /**
   * Takes the oldest buffer queued, waiting for one until the time is up.
   *
   * @param timeout how long to wait; zero or less only looks
   * @return the slot, to be given back by {@link #release} or {@link #detach}; empty if the
   *     producer has ended the stream and nothing is left of it
   * @throws NothingQueuedException if none was queued in time; says who has each buffer
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalStateException if the consumer has as many as it may, or the queue is closed,
   *     also while waiting
   */
  Optional<BufferSlot> acquire(Duration timeout) throws InterruptedException;

  /**
   * Takes a buffer as {@link #acquire(Duration)} does, not interruptibly: an interrupt is kept for
   * later.
   *
   * @param timeout how long to wait; zero or less only looks
   * @return the slot, to be given back by {@link #release} or {@link #detach}; empty if the
   *     producer has ended the stream and nothing is left of it
   * @throws NothingQueuedException if none was queued in time; says who has each buffer
   * @throws IllegalStateException if the consumer has as many as it may, or the queue is closed,
   *     also while waiting
   */
  Optional<BufferSlot> acquireUninterruptibly(Duration timeout);

  /**
   * Takes the oldest buffer queued, if there is one, without waiting and without a report of who
   * has the others.
   *
   * @return the slot, to be given back by {@link #release} or {@link #detach}; empty if nothing is
   *     queued: for now, or for good if {@link #isDrained()}
   * @throws IllegalStateException if the consumer has as many as it may, or the queue is closed
   */
  Optional<BufferSlot> tryAcquire();

  /**
   * Gives a buffer back to the producer. Never waits. Also in a queue that was closed meanwhile.
   *
   * @param slot a slot that was acquired
   * @param release signals when the consumer no longer touches it
   * @throws IllegalStateException if the consumer doesn't have the slot
   * @throws IllegalArgumentException if the slot is of another queue
   */
  void release(BufferSlot slot, Fence release);

  /**
   * Gives a buffer back that is no longer touched, or never was. Never waits. Also in a queue that
   * was closed meanwhile.
   *
   * @param slot a slot that was acquired
   * @throws IllegalStateException if the consumer doesn't have the slot
   * @throws IllegalArgumentException if the slot is of another queue
   */
  void release(BufferSlot slot);

  /**
   * Takes a buffer out of the queue that the consumer has, and leaves its slot empty: the producer
   * may {@link BufferProducer#attach} another. Never waits, neither for what the producer may still
   * be doing: who needs to know asks for {@link BufferSlot#fence} first, or finds the fence in the
   * buffer's reservation. Also in a queue that was closed meanwhile.
   *
   * @param slot a slot that was acquired
   * @return the queue's handle, which is the caller's from now on, to be closed
   * @throws IllegalStateException if the consumer doesn't have the slot
   * @throws IllegalArgumentException if the slot is of another queue
   */
  DmaBuf detach(BufferSlot slot);

  /**
   * Whether the stream is over.
   *
   * @return true once the producer has ended it and everything queued was taken
   */
  boolean isDrained();

  /**
   * Ends the queue at once, for both hands: waits fail, and what was queued is dropped. Closing
   * again does nothing.
   */
  @Override
  void close();
}

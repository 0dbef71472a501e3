package io.github.dmabuf4j;

import java.time.Duration;
import java.util.Optional;

/**
 * The hand that fills the buffers of a {@link BufferQueue}: takes a free one, and queues it with an
 * <i>acquire fence</i>, which signals when the content is there. So a buffer is handed on before it
 * is full, and nobody waits for work that he doesn't need.
 *
 * <p><b>Fences.</b> A dequeued slot comes with what the consumer may still be doing ({@link
 * BufferSlot#fence}): it has to be waited for before the bytes are touched, by the thread or by the
 * work that fills them. A fence that is given along must not signal before that one has. Fences of
 * any kind are taken, containers too; the queue waits for none. Without one the slot's own fence
 * goes on: right for who has waited for it, and for who has touched nothing.
 *
 * <p><b>Waiting</b> ends with a buffer, at a deadline ({@link Fences#defaultTimeout()} unless said
 * otherwise), or with an exception if the queue is closed meanwhile. It parks virtual threads
 * without pinning their carrier. It depends on what the consumer does next, and so must not be done
 * with a reservation held, nor in a {@link Signalling} section (design rule FN4); giving back never
 * waits, and is legal everywhere.
 *
 * <p><b>The validator.</b> While it is on, a broken locking rule is a {@link LockdepException}.
 *
 * <p><b>Threads.</b> All methods may be called from any thread; any number of threads may be one
 * hand.
 *
 * <p><b>Memory consistency effects.</b> What happens before a buffer is given to the queue happens
 * before the return of the call that takes it from there.
 */
public interface BufferProducer extends AutoCloseable {
  /**
   * Takes the buffer that has been free for longest, waiting for one at most {@link
   * Fences#defaultTimeout()}.
   *
   * @return the slot, to be given back by {@link #queue} or {@link #cancel}
   * @throws OutOfBuffersException if none became free in time; says who has each buffer
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalStateException if the producer has as many as it may, has ended the stream, or
   *     the queue is closed, also while waiting
   */
  default BufferSlot dequeue() throws InterruptedException {
    return dequeue(Fences.defaultTimeout());
  }

  /**
   * Takes the buffer that has been free for longest, waiting for one until the time is up.
   *
   * @param timeout how long to wait; zero or less only looks
   * @return the slot, to be given back by {@link #queue} or {@link #cancel}
   * @throws OutOfBuffersException if none became free in time; says who has each buffer
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalStateException if the producer has as many as it may, has ended the stream, or
   *     the queue is closed, also while waiting
   */
  BufferSlot dequeue(Duration timeout) throws InterruptedException;

  /**
   * Takes a buffer as {@link #dequeue(Duration)} does, not interruptibly: an interrupt is kept for
   * later.
   *
   * @param timeout how long to wait; zero or less only looks
   * @return the slot, to be given back by {@link #queue} or {@link #cancel}
   * @throws OutOfBuffersException if none became free in time; says who has each buffer
   * @throws IllegalStateException if the producer has as many as it may, has ended the stream, or
   *     the queue is closed, also while waiting
   */
  BufferSlot dequeueUninterruptibly(Duration timeout);

  /**
   * Takes the buffer that has been free for longest, if there is one, without waiting and without a
   * report of who has the others.
   *
   * @return the slot, to be given back by {@link #queue} or {@link #cancel}; empty if none is free
   * @throws IllegalStateException if the producer has as many as it may, has ended the stream, or
   *     the queue is closed
   */
  Optional<BufferSlot> tryDequeue();

  /**
   * Puts a buffer from outside into the queue, in the producer's hand, waiting for an empty slot at
   * most {@link Fences#defaultTimeout()}.
   *
   * @param buffer a handle that belongs to the queue from now on, unless this fails
   * @return the slot, to be given back by {@link #queue}, {@link #withdraw} or {@link #cancel}
   * @throws OutOfBuffersException if no slot became empty in time; says who has each buffer
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalArgumentException if the buffer is in the queue already, unless neither of the
   *     two handles can write
   * @throws IllegalStateException if the handle is closed, the producer has as many as it may, has
   *     ended the stream, or the queue is closed, also while waiting
   */
  default BufferSlot attach(DmaBuf buffer) throws InterruptedException {
    return attach(buffer, Fences.defaultTimeout());
  }

  /**
   * Puts a buffer from outside into the queue, in the producer's hand: into the slot that has been
   * empty for longest, waiting for one until the time is up. The slot's fence is {@link
   * Fence#stub()}: what has to be waited for before the bytes are touched, the producer knows.
   *
   * @param buffer a handle that belongs to the queue from now on, unless this fails: not to be
   *     closed by others
   * @param timeout how long to wait; zero or less only looks
   * @return the slot, to be given back by {@link #queue}, {@link #withdraw} or {@link #cancel}
   * @throws OutOfBuffersException if no slot became empty in time; says who has each buffer
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalArgumentException if the buffer is in the queue already, unless neither of the
   *     two handles can write
   * @throws IllegalStateException if the handle is closed, the producer has as many as it may, has
   *     ended the stream, or the queue is closed, also while waiting
   */
  BufferSlot attach(DmaBuf buffer, Duration timeout) throws InterruptedException;

  /**
   * Puts a buffer into the queue as {@link #attach(DmaBuf, Duration)} does, not interruptibly: an
   * interrupt is kept for later.
   *
   * @param buffer a handle that belongs to the queue from now on, unless this fails
   * @param timeout how long to wait; zero or less only looks
   * @return the slot, to be given back by {@link #queue}, {@link #withdraw} or {@link #cancel}
   * @throws OutOfBuffersException if no slot became empty in time; says who has each buffer
   * @throws IllegalArgumentException if the buffer is in the queue already, unless neither of the
   *     two handles can write
   * @throws IllegalStateException if the handle is closed, the producer has as many as it may, has
   *     ended the stream, or the queue is closed, also while waiting
   */
  BufferSlot attachUninterruptibly(DmaBuf buffer, Duration timeout);

  /**
   * Puts a buffer into the queue if a slot is empty, without waiting and without a report of who
   * has the others.
   *
   * @param buffer a handle that belongs to the queue from now on, unless this fails or returns
   *     nothing
   * @return the slot, to be given back by {@link #queue}, {@link #withdraw} or {@link #cancel};
   *     empty if no slot is
   * @throws IllegalArgumentException if the buffer is in the queue already, unless neither of the
   *     two handles can write
   * @throws IllegalStateException if the handle is closed, the producer has as many as it may, has
   *     ended the stream, or the queue is closed
   */
  Optional<BufferSlot> tryAttach(DmaBuf buffer);

  /**
   * Takes a buffer out of the queue that the producer has, and leaves its slot empty. Undoes {@link
   * #attach}. Never waits, neither for the slot's own fence: who needs it asks for {@link
   * BufferSlot#fence} first. Also in a queue that was closed meanwhile.
   *
   * @param slot a slot that was attached or dequeued
   * @return the queue's handle, which is the caller's from now on, to be closed
   * @throws IllegalStateException if the producer doesn't have the slot
   * @throws IllegalArgumentException if the slot is of another queue
   */
  DmaBuf withdraw(BufferSlot slot);

  /**
   * Hands a buffer to the consumer. Never waits. In a queue that was closed meanwhile the content
   * is dropped, as if it had been queued before the close.
   *
   * @param slot a slot that was dequeued or attached
   * @param acquire signals when the content is there
   * @throws IllegalStateException if the producer doesn't have the slot, or has ended the stream:
   *     then the slot is still to be cancelled
   * @throws IllegalArgumentException if the slot is of another queue
   */
  void queue(BufferSlot slot, Fence acquire);

  /**
   * Hands a buffer to the consumer whose content is there, or will be when the slot's own fence
   * signals. Never waits. In a queue that was closed meanwhile the content is dropped, as if it had
   * been queued before the close.
   *
   * @param slot a slot that was dequeued or attached
   * @throws IllegalStateException if the producer doesn't have the slot, or has ended the stream:
   *     then the slot is still to be cancelled
   * @throws IllegalArgumentException if the slot is of another queue
   */
  void queue(BufferSlot slot);

  /**
   * Gives a buffer back unfilled, behind those that are free. Never waits. Also in a queue that was
   * closed meanwhile.
   *
   * @param slot a slot that was dequeued or attached; its buffer stays in the queue
   * @param release signals when the producer no longer touches it
   * @throws IllegalStateException if the producer doesn't have the slot
   * @throws IllegalArgumentException if the slot is of another queue
   */
  void cancel(BufferSlot slot, Fence release);

  /**
   * Gives a buffer back that wasn't touched, behind those that are free. Never waits. Also in a
   * queue that was closed meanwhile.
   *
   * @param slot a slot that was dequeued or attached; its buffer stays in the queue
   * @throws IllegalStateException if the producer doesn't have the slot
   * @throws IllegalArgumentException if the slot is of another queue
   */
  void cancel(BufferSlot slot);

  /**
   * Says that no more will be queued: the consumer takes what is there and is then told. What the
   * producer still has can only be cancelled. Ending again does nothing.
   */
  void end();

  /**
   * Ends the queue at once, for both hands: waits fail, and what was queued is dropped. A producer
   * that is done calls {@link #end}, and leaves closing to whoever sees the consumer done, too.
   * Closing again does nothing.
   */
  @Override
  void close();
}

package io.github.dmabuf4j;

import java.time.Duration;

/**
 * Hands buffers from a producer to a consumer and back: bounded, with a fence each way, so that
 * neither waits for the other's work but only for its own turn (Android's {@code BufferQueue},
 * PipeWire's buffers).
 *
 * <p>The producer dequeues a free buffer, waits for its release fence or passes it on, fills it,
 * and queues it with an acquire fence. The consumer acquires the oldest, waits for its acquire
 * fence or passes it on, reads it, and releases it with a release fence.
 *
 * <p><b>Shape.</b> This type fixes the contract; no implementation is shipped yet.
 *
 * <p><b>Threads.</b> Any; each slot is in one hand at a time.
 */
public interface BufferQueue extends AutoCloseable {
  /**
   * A buffer in somebody's hand, and what to wait for before touching it.
   *
   * @param buffer the buffer; owned by the queue, not to be closed
   * @param ready what to wait for
   */
  record Slot(DmaBuf buffer, Fence ready) {}

  /**
   * Takes a free buffer to fill.
   *
   * @param timeout how long to wait for one
   * @return a free buffer and its release fence
   * @throws OutOfBuffersException if none became free in time: names who holds them
   * @throws InterruptedException if the thread is interrupted while waiting
   */
  Slot dequeue(Duration timeout) throws InterruptedException;

  /**
   * Hands a buffer to the consumer.
   *
   * @param buffer a buffer that was dequeued
   * @param acquire signals when its content is there
   */
  void queue(DmaBuf buffer, Fence acquire);

  /**
   * Takes the oldest buffer that was queued.
   *
   * @param timeout how long to wait for one
   * @return the buffer and its acquire fence
   * @throws FenceTimeoutException if none came in time
   * @throws InterruptedException if the thread is interrupted while waiting
   */
  Slot acquire(Duration timeout) throws InterruptedException;

  /**
   * Gives a buffer back to the producer.
   *
   * @param buffer a buffer that was acquired
   * @param release signals when the consumer no longer touches it
   */
  void release(DmaBuf buffer, Fence release);

  /** Ends the queue; waits fail, buffers are dropped as their fences signal. */
  @Override
  void close();
}

package io.github.dmabuf4j;

/**
 * A buffer of a {@link BufferQueue} in somebody's hand: what a {@link BufferProducer} has dequeued,
 * or a {@link BufferConsumer} acquired, and has to give back.
 *
 * <p><b>Life.</b> A slot is used until it is given back, and then no more: the queue hands out the
 * same object for the same buffer again, so that a hand-over allocates nothing. Giving back what
 * isn't in that hand is refused. A slot that is used too late, after the same hand has taken the
 * buffer anew, can be told from the new one only while the validator is on ({@link Lockdep}): then
 * each turn has an object of its own, and one that was given back refuses everything.
 *
 * <p><b>Threads.</b> Any thread may use a slot or give it back, not only the one that took it; who
 * hands a slot from thread to thread orders the two.
 */
public interface BufferSlot {
  /**
   * The slot's number in its queue, always the same: for what is to be kept beside it.
   *
   * @return from 0 on, below the size of the queue
   */
  int index();

  /**
   * The buffer.
   *
   * @return a handle that belongs to the queue: not to be closed. Who needs the bytes for longer
   *     makes a {@link DmaBuf#dup}, which gives no right to touch them, and takes no turn
   * @throws IllegalStateException if the slot was given back and the validator is on or the slot is
   *     empty
   */
  DmaBuf buffer();

  /**
   * What to wait for before the bytes are touched: the other hand may still be at work. The waiting
   * can be left to a {@link Job} ({@link Job.Builder#after}) or a device.
   *
   * @return the fence that the slot was given back with last, since its buffer is in the queue; if
   *     that has signaled without an error, {@link Fence#stub()}. One that has failed or was
   *     abandoned is passed on: its {@link Fence#error()} says why the content may not be there
   * @throws IllegalStateException if the validator is on and the slot was given back
   */
  Fence fence();
}

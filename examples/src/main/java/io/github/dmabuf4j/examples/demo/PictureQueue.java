package io.github.dmabuf4j.examples.demo;

import org.jspecify.annotations.Nullable;

/**
 * Pictures between two stages, one thread on each side. Room is waited for before a picture is
 * begun: a job whose fence is out must not wait for a queue.
 *
 * <p><b>Threads.</b> Any for {@link #end} and {@link #close}, one for each stage's part.
 */
interface PictureQueue {
  /**
   * Waits until {@link #add} is sure to have room.
   *
   * @return false if the queue was closed: nobody will take anything any more
   */
  boolean awaitRoom(Picture picture) throws InterruptedException;

  /** Adds the picture that room was waited for with, never waits. */
  void add(Picture picture);

  /**
   * Takes the next picture, waiting for it.
   *
   * @return null once the queue is closed, or has ended and is empty
   */
  @Nullable Picture take() throws InterruptedException;

  /** No more pictures will come; what is in the queue is still taken. */
  void end();

  /** Ends the queue at once. */
  void close();

  /**
   * Takes what nobody took before the queue was closed. Once both stages have ended.
   *
   * @return null if nothing is left
   */
  @Nullable Picture takeLeftOver();
}

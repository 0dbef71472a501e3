package io.github.dmabuf4j.tck;

import io.github.dmabuf4j.spi.Exporter;
import java.util.function.UnaryOperator;

/**
 * What the kit runs against: a way to open heaps of one kind, and what that kind can do.
 *
 * <p><b>Threads.</b> Called on the threads that tests run on, one after the other.
 */
public interface Subject {
  /**
   * What heaps of this kind can do.
   *
   * @return the same row at each call
   */
  Capabilities capabilities();

  /**
   * Opens a heap for one test, with room for at least 4 MiB. The kit closes it.
   *
   * @param around put around each exporter before it is given to its {@link
   *     io.github.dmabuf4j.BufferObject}, if the heap is {@link Capability#OBSERVABLE}; else of no
   *     use
   * @return a new heap, with what the test needs to make it move, drop or revoke
   * @throws Exception if it can't be opened: the test fails
   */
  HeapUnderTest open(UnaryOperator<Exporter> around) throws Exception;
}

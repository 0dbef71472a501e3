package io.github.dmabuf4j.spi;

import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapDescription;
import io.github.dmabuf4j.HeapUri;
import java.util.List;

/**
 * Opens heaps of one or more kinds; found with {@link java.util.ServiceLoader}. A provider that
 * can't serve says why in {@link #describe()} instead of failing later.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public interface HeapProvider {
  /**
   * The heaps this provider knows of, those that can't be opened here included.
   *
   * @return one description or more
   */
  List<HeapDescription> describe();

  /**
   * Opens a heap whose kind and name match one of the descriptions.
   *
   * @param uri what to open, with its options
   * @return a new heap
   * @throws io.github.dmabuf4j.HeapUnavailableException if it can't be opened here: why, and what
   *     would fix it
   * @throws IllegalArgumentException if an option is unknown or its value is bad
   */
  Heap open(HeapUri uri);
}

package io.github.dmabuf4j.spi;

/**
 * Makes {@link PoolingStrategy}s of one name for heaps; found with {@link java.util.ServiceLoader}.
 * That of an implementation which isn't there, because a library is missing, can be looked at and
 * says what is missing.
 *
 * {@snippet file="io/github/dmabuf4j/snippets/ExampleStrategyProvider.java" region="provider"}
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public interface PoolingStrategyProvider {
  /**
   * What the option of a heap calls it, for example {@code malloc} in {@code
   * offheap:system?strategy=malloc}.
   *
   * @return a name that no other provider has: a heap's own strategies come first, then the first
   *     that is found
   */
  String name();

  /**
   * Why it can't be opened here, and what would fix it.
   *
   * @return one line; empty, the default, if it can be opened
   */
  default String unavailable() {
    return "";
  }

  /**
   * Makes a strategy for one heap, which closes it.
   *
   * @param limit the most bytes that the heap will have at once, without what the strategy needs
   *     for itself
   * @return a new strategy
   * @throws io.github.dmabuf4j.HeapUnavailableException if it can't be opened here: why, and what
   *     would fix it
   */
  PoolingStrategy open(long limit);
}

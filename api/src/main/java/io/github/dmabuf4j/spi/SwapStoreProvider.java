package io.github.dmabuf4j.spi;

import java.util.Map;

/**
 * Makes {@link SwapStore}s of one kind, found by {@link java.util.ServiceLoader}: {@code
 * offheap:system?swap=NAME} opens one for that heap.
 *
 * <p><b>Threads.</b> Any.
 */
public interface SwapStoreProvider {
  /**
   * The name of the kind, as it stands in a heap's URI.
   *
   * @return lower case letters, digits, dashes
   */
  String name();

  /**
   * Opens a store.
   *
   * @param options those of the heap whose names begin with {@code swap-}, without that; for
   *     example {@code limit} for {@code swap-limit=256MiB}
   * @param memory where it takes memory from, as long as it is open
   * @return the store; the caller's to close
   * @throws IllegalArgumentException if an option is unknown or has a value that it can't have; the
   *     message says what was wanted and what came
   * @throws io.github.dmabuf4j.HeapUnavailableException if it can't be opened here, for example
   *     because its directory can't be written to
   */
  SwapStore open(Map<String, String> options, SwapMemory memory);
}

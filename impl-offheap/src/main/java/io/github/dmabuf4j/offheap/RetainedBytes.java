package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.ByteSize;
import java.lang.System.Logger.Level;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.WeakHashMap;

/**
 * How much all heaps of the process keep idle together, and how much they may (design rule AL9). At
 * each tick of its timer a heap gives back of its own what all have too much.
 *
 * <p><b>Threads.</b> Any. Its lock is taken inside of none and holds none.
 */
final class RetainedBytes {
  /**
   * The system property with the most bytes that all heaps keep idle, for example {@code 256MiB}.
   * Without it a quarter of the memory that this process may have: of the machine's, or of its
   * cgroup's limit.
   */
  static final String PROPERTY = "dmabuf4j.offheap.retained";

  private static final System.Logger LOG = System.getLogger(RetainedBytes.class.getName());

  /** Of this process. */
  static final RetainedBytes OF_THIS_PROCESS = new RetainedBytes(limit());

  private final long limit;
  private final Set<Pool> pools = Collections.newSetFromMap(new WeakHashMap<>());

  RetainedBytes(long limit) {
    this.limit = limit;
  }

  private static long limit() {
    String text = System.getProperty(PROPERTY);
    if (text != null) {
      try {
        return ByteSize.parse(text);
      } catch (IllegalArgumentException e) {
        LOG.log(Level.WARNING, "-D{0} is passed by: {1}", PROPERTY, e.getMessage());
      }
    }
    return HeapOptions.defaultLimit();
  }

  /** Counts a pool, for as long as there is one. */
  synchronized void add(Pool pool) {
    pools.add(pool);
  }

  private synchronized List<Pool> pools() {
    return List.copyOf(pools);
  }

  /** How many bytes too many are idle in all pools together; at most 0 if none are. */
  long excess() {
    long idle = 0;
    for (Pool pool : pools()) {
      idle += pool.magazines.idleBytes();
    }
    return idle - limit;
  }
}

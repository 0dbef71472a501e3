package io.github.dmabuf4j.tck.exporters;

import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.spi.MappingCache;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A cache of idle mappings that keeps those used last, up to a number of bytes (design rule VM1).
 *
 * <p><b>Invariant.</b> A buffer is in {@code kept}, with the number of its mapping, exactly while
 * the idle reference of that mapping is this cache's. Both change under {@code lock}. Exporters
 * unmap under the lock; they take no reservation there, as they must not anyway.
 *
 * <p><b>Threads.</b> Any.
 */
public final class IdleMappings implements MappingCache {
  private final long limit;
  private final ReentrantLock lock = new ReentrantLock();
  private final Map<BufferObject, Integer> kept = new LinkedHashMap<>();
  private long bytes;

  /**
   * Creates an empty cache.
   *
   * @param limitBytes how many bytes of mappings it keeps at most
   */
  public IdleMappings(long limitBytes) {
    limit = limitBytes;
  }

  @Override
  public void mapped(BufferObject buffer, int mapping) {
    lock.lock();
    try {
      kept.put(buffer, mapping);
      bytes += buffer.size();
      while (bytes > limit) {
        boolean _ = drop(kept.keySet().iterator().next());
      }
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void used(BufferObject buffer) {
    lock.lock();
    try {
      Integer mapping = kept.remove(buffer);
      if (mapping != null) {
        kept.put(buffer, mapping); // the last one again
      }
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void unmapped(BufferObject buffer, int mapping) {
    lock.lock();
    try {
      takeOff(buffer);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Gives one of them up.
   *
   * @param buffer whose mapping it is
   * @return true if it was kept until now
   */
  public boolean drop(BufferObject buffer) {
    lock.lock();
    try {
      Integer mapping = takeOff(buffer);
      return mapping != null && buffer.dropIdleMapping(mapping); // false for one that ends
    } finally {
      lock.unlock();
    }
  }

  /**
   * How many bytes of mappings it keeps.
   *
   * @return bytes, at most the limit
   */
  public long keptBytes() {
    lock.lock();
    try {
      return bytes;
    } finally {
      lock.unlock();
    }
  }

  /** Lock held. */
  private @Nullable Integer takeOff(BufferObject buffer) {
    Integer mapping = kept.remove(buffer);
    if (mapping != null) {
      bytes -= buffer.size();
    }
    return mapping;
  }
}

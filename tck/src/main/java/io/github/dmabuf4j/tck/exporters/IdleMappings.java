package io.github.dmabuf4j.tck.exporters;

import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.spi.MappingCache;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A cache of idle mappings that keeps those used last, up to a number of bytes (design rule VM1).
 *
 * <p><b>Invariant.</b> A buffer is in {@code kept} exactly while the idle reference of its mapping
 * is this cache's. Both change under {@code lock}: a reference is given up and its buffer taken off
 * in one go, so that none that is made meanwhile is mistaken for the old one. Exporters unmap under
 * the lock; they take no reservation there, as they must not anyway.
 *
 * <p><b>Threads.</b> Any.
 */
public final class IdleMappings implements MappingCache {
  private final long limit;
  private final ReentrantLock lock = new ReentrantLock();
  private final Set<BufferObject> kept = new LinkedHashSet<>();
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
      kept.add(buffer);
      bytes += buffer.size();
      while (bytes > limit) {
        boolean _ = drop(kept.iterator().next());
      }
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void used(BufferObject buffer) {
    lock.lock();
    try {
      if (kept.remove(buffer)) {
        kept.add(buffer); // the last one again
      }
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void unmapped(BufferObject buffer, int mapping) {
    lock.lock();
    try {
      boolean _ = takeOff(buffer);
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
      return takeOff(buffer) && buffer.dropIdleMapping(); // false for one that ends
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
  private boolean takeOff(BufferObject buffer) {
    boolean there = kept.remove(buffer);
    if (there) {
      bytes -= buffer.size();
    }
    return there;
  }
}

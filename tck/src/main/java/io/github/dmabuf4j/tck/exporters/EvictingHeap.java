package io.github.dmabuf4j.tck.exporters;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.BufferLru;
import io.github.dmabuf4j.Lockdep;
import io.github.dmabuf4j.ReclaimStatistics;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.Shrinkable;
import io.github.dmabuf4j.Shrinker;
import io.github.dmabuf4j.spi.Exporter;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A heap with a store: what is used least recently goes there when its limit is reached. Closing it
 * fails if something is left in the store.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public class EvictingHeap extends KitHeap {
  /** Makes the exporters of such a heap. */
  @FunctionalInterface
  interface EvictingFactory {
    PlainExporter create(EvictingHeap heap, long bytes, @Nullable Reservation shared);
  }

  private final CopyingStore store;
  private final BufferLru lru;
  private final List<Shrinkable> registered = new CopyOnWriteArrayList<>();
  private final Shrinker shrinker = new KitShrinker();

  EvictingHeap(
      String name,
      long limit,
      UnaryOperator<Exporter> around,
      EvictingFactory factory,
      CopyingStore store) {
    super(
        name,
        limit,
        around,
        (heap, bytes, shared) -> factory.create((EvictingHeap) heap, bytes, shared));
    this.store = store;
    this.lru = new BufferLru(store);
  }

  /**
   * Where evicted content goes.
   *
   * @return the same at each call
   */
  public CopyingStore store() {
    return store;
  }

  /**
   * The buffers in the order of their last use.
   *
   * @return the same at each call
   */
  public BufferLru lru() {
    return lru;
  }

  @Override
  public Shrinker shrinker() {
    return shrinker;
  }

  @Override
  void makeRoom(long bytes) {
    long missing = missing(bytes);
    if (missing > 0) {
      long dropped = lru.purge(missing);
      lru.evict(missing - dropped);
    }
  }

  /** As {@link Shrinker#reclaim}. */
  long reclaim(long bytes, AllocPolicy policy) {
    long given = trim();
    given += lru.purge(bytes - given);
    if (policy.compareTo(AllocPolicy.NORMAL) < 0) {
      return given;
    }
    for (Shrinkable one : registered) {
      given += given < bytes ? one.scan(bytes - given) : 0;
    }
    given += lru.evict(bytes - given);
    if (policy.compareTo(AllocPolicy.NORMAL) > 0) {
      Duration patience = Duration.ofMillis(policy == AllocPolicy.TRY_HARD ? 50 : 30_000);
      given += lru.reclaimActive(bytes - given, patience);
    }
    return given;
  }

  @Override
  public void close() {
    super.close();
    if (store.size() != 0) {
      throw new AssertionError("nobody has a buffer, and %d are stored".formatted(store.size()));
    }
  }

  private final class KitShrinker implements Shrinker {
    @Override
    public Registration register(Shrinkable shrinkable) {
      registered.add(shrinkable);
      return () -> registered.remove(shrinkable);
    }

    @Override
    public long reclaim(long bytes, AllocPolicy policy) {
      if (bytes < 0) {
        throw new IllegalArgumentException("wanted at least 0 bytes, got " + bytes);
      }
      if (policy == AllocPolicy.NOWAIT) {
        return 0;
      }
      Lockdep.mayReclaim("reclaiming from " + name());
      return EvictingHeap.this.reclaim(bytes, policy);
    }

    @Override
    public ReclaimStatistics statistics() {
      return lru.statistics();
    }
  }
}

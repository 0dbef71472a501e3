package io.github.dmabuf4j.snippets;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Shrinkable;
import io.github.dmabuf4j.Shrinker;
import java.util.concurrent.ConcurrentLinkedQueue;

/** Keeps frames for as long as nobody needs their memory. */
// @start region="shrinkable"
public final class FrameCache implements Shrinkable, AutoCloseable {
  private final ConcurrentLinkedQueue<DmaBuf> oldestFirst = new ConcurrentLinkedQueue<>();
  private final Shrinker.Registration registration;

  /** Caches frames of a heap, which asks for them when its limit is reached. */
  public FrameCache(Heap heap) {
    registration = heap.shrinker().register(this);
  }

  /** Keeps a frame, whose handle is the cache's from now on. */
  public void keep(DmaBuf frame) {
    oldestFirst.add(frame);
  }

  @Override
  public long count() {
    return oldestFirst.stream().mapToLong(DmaBuf::size).sum();
  }

  @Override
  public long scan(long bytes) {
    long given = 0;
    while (given < bytes) {
      DmaBuf oldest = oldestFirst.poll(); // takes no lock
      if (oldest == null) {
        break;
      }
      given += oldest.size();
      oldest.close();
    }
    return given;
  }

  @Override
  public void close() {
    registration.close();
    long _ = scan(Long.MAX_VALUE);
  }
}
// @end

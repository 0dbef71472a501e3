package io.github.dmabuf4j.benchmarks;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import java.util.concurrent.locks.ReentrantLock;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** What the benchmarks of one buffer have in common: the buffer, and what it is compared with. */
public final class Peers {
  static final int SIZE = 4096;

  private Peers() {}

  /** A buffer of the thread's own that nobody else uses. */
  @State(Scope.Thread)
  @SuppressWarnings("NullAway.Init") // by JMH
  public static class Idle {
    private Heap heap;
    DmaBuf buffer;

    /** Opens the heap. */
    @Setup
    public void open() {
      heap = Heaps.open("offheap:system?limit=16MiB");
      buffer = heap.allocate(SIZE);
      buffer.hold().close(); // mapped
    }

    /** Closes it; fails if something is left. */
    @TearDown
    public void close() {
      buffer.close();
      heap.close();
    }
  }

  /** The lock that the bars are measured in. */
  @State(Scope.Thread)
  public static class Lock {
    private final ReentrantLock lock = new ReentrantLock();
    private int guarded;

    int pair() {
      lock.lock();
      try {
        return ++guarded;
      } finally {
        lock.unlock();
      }
    }
  }
}

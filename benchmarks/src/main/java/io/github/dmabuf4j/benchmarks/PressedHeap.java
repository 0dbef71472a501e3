package io.github.dmabuf4j.benchmarks;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.Hold;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * A full heap in which more frames are live than fit: for each new one another has to be evicted by
 * whoever allocates, for nobody reclaims in the background. The oldest, which is evicted, is closed
 * before each call, so that it goes on like this.
 */
@State(Scope.Thread)
@SuppressWarnings("NullAway.Init") // by JMH
public class PressedHeap {
  /**
   * Live frames: eight more than the limit has room for; what each takes compressed is a fifth
   * less.
   */
  private static final int COUNT = 145;

  private final ArrayDeque<DmaBuf> live = new ArrayDeque<>();
  private MemorySegment content;
  private Heap heap;
  private AllocationRequest request;

  /** Fills the heap. */
  @Setup(Level.Trial)
  public void open() {
    heap =
        Heaps.open(
            "offheap:system?limit=64MiB&decay=1h&pressure=ignore&low-watermark=0&high-watermark=0"
                + "&swap=compressed&swap-codec=lz4");
    content = DecodedFrame.of("720x405");
    request = AllocationRequest.of(content.byteSize()).uninitialized().build();
    while (live.size() < COUNT) {
      long _ = allocate();
      fillNewest();
    }
  }

  private void fillNewest() {
    try (Hold hold = live.getLast().hold()) {
      hold.segment().copyFrom(content);
    }
  }

  /** Fills the newest and closes the oldest. */
  @Setup(Level.Invocation)
  public void makeRoomForOne() {
    if (live.size() == COUNT) {
      fillNewest();
      live.removeFirst().close();
    }
  }

  /** Allocates a frame. */
  long allocate() {
    DmaBuf buffer = heap.allocateUninterruptibly(request);
    live.add(buffer);
    return buffer.size();
  }

  /** Closes the heap; fails if nothing was evicted, or something is left. */
  @TearDown(Level.Trial)
  public void close() {
    long evictions = heap.shrinker().statistics().evictions();
    live.forEach(DmaBuf::close);
    live.clear();
    heap.close();
    if (evictions < COUNT / 4) {
      throw new IllegalStateException("%d evictions: it wasn't full".formatted(evictions));
    }
  }
}

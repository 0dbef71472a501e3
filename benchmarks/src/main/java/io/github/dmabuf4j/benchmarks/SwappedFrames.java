package io.github.dmabuf4j.benchmarks;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.Hold;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * Decoded frames in a heap that evicts. The subclasses say where the frames are before each call;
 * the heap has nothing idle then, so that all memory that is needed comes from the operating
 * system. {@link BareFrames} is the same without a heap.
 */
@State(Scope.Thread)
@SuppressWarnings("NullAway.Init") // by JMH
public abstract class SwappedFrames {
  /** How many frames. */
  static final int COUNT = 4;

  /** What the store compresses with; without a codec it keeps no checksums either. */
  @Param({"lz4", "none-unchecked"})
  public String codec;

  /** How large a frame is. */
  @Param({"720x405", "1920x1080"})
  public String picture;

  private final List<DmaBuf> buffers = new ArrayList<>();
  private MemorySegment content;
  private Heap heap;

  /** Before each call all frames are in memory, and the store is empty. */
  @State(Scope.Thread)
  public static class Resident extends SwappedFrames {
    /** Brings all back. */
    @Setup(Level.Invocation)
    public void bringBack() {
      long _ = restore();
      trim();
    }
  }

  /** Before each call all frames are in the store. */
  @State(Scope.Thread)
  public static class Evicted extends SwappedFrames {
    /** Evicts all. */
    @Setup(Level.Invocation)
    public void putAway() {
      trim(); // what is idle would be given back instead
      long _ = evict();
      trim();
    }
  }

  /** Opens the heap. */
  @Setup(Level.Trial)
  public void open() {
    heap =
        Heaps.open(
            "offheap:system?limit=256MiB&decay=1h&pressure=ignore&low-watermark=0&high-watermark=0"
                + "&swap=compressed&swap-codec="
                + (codec.equals("lz4") ? "lz4" : "none&swap-checksum=false"));
    content = DecodedFrame.of(picture);
    AllocationRequest frame = AllocationRequest.of(content.byteSize()).uninitialized().build();
    for (int i = 0; i < COUNT; i++) {
      DmaBuf buffer = heap.allocateUninterruptibly(frame);
      buffers.add(buffer);
      try (Hold hold = buffer.hold()) {
        hold.segment().copyFrom(content);
      }
    }
  }

  /**
   * Evicts all frames; their memory goes back to the operating system.
   *
   * @throws IllegalStateException if that isn't what happened
   */
  long evict() {
    long all = COUNT * content.byteSize();
    long given = heap.shrinker().reclaim(all, AllocPolicy.NORMAL);
    long evicted = heap.shrinker().statistics().evictedBytes();
    if (given != all || evicted != all) {
      throw new IllegalStateException(
          "wanted %d B evicted, %d B are, %d B were given back".formatted(all, evicted, given));
    }
    return given;
  }

  /** Uses all frames, which brings them back. */
  long restore() {
    long bytes = 0;
    for (DmaBuf buffer : buffers) {
      try (Hold hold = buffer.hold()) {
        bytes += hold.segment().byteSize();
      }
    }
    return bytes;
  }

  final void trim() {
    long _ = heap.trim();
  }

  /** Closes the heap; fails if a frame isn't what it was, or something is left. */
  @TearDown(Level.Trial)
  public void close() {
    for (DmaBuf buffer : buffers) {
      try (buffer;
          Hold hold = buffer.hold()) {
        if (hold.segment().mismatch(content) >= 0) {
          throw new IllegalStateException("what came back isn't what was evicted");
        }
      }
    }
    buffers.clear();
    heap.close();
  }
}

package io.github.dmabuf4j.benchmarks;

import io.github.dmabuf4j.Advice;
import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.Hold;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * 300 MB of which every page is there before a call, and none afterwards: both are checked after
 * each call, by what the kernel says of the process.
 */
@SuppressWarnings("NullAway.Init") // by JMH
public final class PurgedMemory {
  /** How much. */
  static final long BYTES = 300_000_000;

  private static final Path RESIDENT = Path.of("/proc/self/smaps_rollup");

  private PurgedMemory() {}

  /** What the two have in common. */
  @State(Scope.Thread)
  public abstract static class Populated {
    private long before;

    abstract void populate();

    /** Touches every page. */
    @Setup(Level.Invocation)
    public void begin() {
      populate();
      before = anonymousBytes();
    }

    /**
     * Checks.
     *
     * @throws IllegalStateException if less than 95 % of the memory went back
     */
    @TearDown(Level.Invocation)
    public void check() {
      long gone = before - anonymousBytes();
      if (gone < BYTES / 100 * 95) {
        throw new IllegalStateException("wanted %d B gone, %d B are".formatted(BYTES, gone));
      }
    }
  }

  /** In buffers that aren't needed. */
  @State(Scope.Thread)
  public static class Buffers extends Populated {
    /** Of a buffer. */
    @Param({"1048576", "3110400"})
    public long bytes;

    private final List<DmaBuf> buffers = new ArrayList<>();
    private Heap heap;
    private AllocationRequest request;

    /** Opens the heap. */
    @Setup(Level.Trial)
    public void open() {
      heap = Heaps.open("offheap:system?limit=512MiB&decay=1h&pressure=ignore");
      request = AllocationRequest.of(bytes).uninitialized().build();
    }

    @Override
    void populate() {
      closeAll();
      while (buffers.size() * bytes < BYTES) {
        DmaBuf buffer = heap.allocateUninterruptibly(request);
        buffers.add(buffer);
        try (Hold hold = buffer.hold()) {
          RawMemory.touch(hold.segment());
        }
        buffer.reservation().lock();
        try {
          boolean _ = buffer.advise(Advice.DONT_NEED);
        } finally {
          buffer.reservation().unlock();
        }
      }
    }

    /** Purges all; the memory goes back to the operating system. */
    long purge() {
      return heap.shrinker().reclaim(buffers.size() * bytes, AllocPolicy.FAIL_FAST);
    }

    private void closeAll() {
      buffers.forEach(DmaBuf::close);
      buffers.clear();
    }

    /** Closes the heap; fails if something is left. */
    @TearDown(Level.Trial)
    public void close() {
      closeAll();
      heap.close();
    }
  }

  /** In one mapping. */
  @State(Scope.Thread)
  public static class Mapping extends Populated {
    private RawMemory memory;

    /** Maps it. */
    @Setup(Level.Trial)
    public void open() {
      memory = new RawMemory(BYTES);
    }

    @Override
    void populate() {
      RawMemory.touch(memory.segment());
    }

    /** Gives it back, in one call. */
    long giveBack() {
      memory.giveBack();
      return BYTES;
    }

    /** Unmaps it. */
    @TearDown(Level.Trial)
    public void close() {
      memory.close();
    }
  }

  private static long anonymousBytes() {
    try (var lines = Files.lines(RESIDENT)) {
      return lines
          .filter(line -> line.startsWith("Anonymous:"))
          .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("\\D", "")))
          .sum();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

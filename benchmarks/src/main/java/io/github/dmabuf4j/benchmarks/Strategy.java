package io.github.dmabuf4j.benchmarks;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapStatistics;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.Hold;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;

/**
 * One way to get off-heap memory and to give it back. All of them are asked for the same sizes and
 * do the same work: memory is recycled as it is unless zeros are wanted, and what is called
 * touching writes one byte to the first and last byte of each page, through the strategy's own
 * checks.
 *
 * <p>Each run has a JVM of its own, in which one of these classes is loaded, so that its calls are
 * inlined as they would be in a program that uses it directly.
 *
 * <p><b>Threads.</b> Any; what one allocates another may free, but for {@code arena-confined}.
 */
abstract class Strategy implements AutoCloseable {
  private static final int PAGE = 4096;

  /**
   * Makes one.
   *
   * @param name as the parameter {@code strategy} has it
   * @param sizes what will be allocated, in bytes; {@link #allocate} takes an index of it
   */
  static Strategy named(String name, int... sizes) {
    return switch (name) {
      case "dmabuf4j" -> new Ours(sizes);
      case "arena-confined" -> new OfArena(sizes, false);
      case "arena-shared" -> new OfArena(sizes, true);
      case "malloc" -> new OfLibc(sizes);
      default -> {
        if (!name.startsWith("netty-")) {
          throw new IllegalArgumentException("wanted a strategy, got " + name);
        }
        // Read by Netty when it is loaded, which NettyStrategy does.
        System.setProperty("io.netty.noUnsafe", String.valueOf(!name.endsWith("-unsafe")));
        yield NettyStrategy.ofName(name.replace("-unsafe", ""), sizes);
      }
    };
  }

  /** Memory with any content, of the size with that index. */
  abstract Object allocate(int which);

  /** Memory that is zero. */
  abstract Object allocateZeroed(int which);

  /** Gives memory back. */
  abstract void free(Object memory);

  /** Writes the ends of each page. */
  abstract byte touch(Object memory);

  /** How many bytes it has from the operating system now; -1 if it can't tell. */
  long committedBytes() {
    return -1;
  }

  @Override
  public void close() {}

  static byte touch(MemorySegment segment) {
    long size = segment.byteSize();
    for (long page = 0; page < size; page += PAGE) {
      segment.set(ValueLayout.JAVA_BYTE, page, (byte) 1);
      segment.set(ValueLayout.JAVA_BYTE, Math.min(page + PAGE, size) - 1, (byte) 1);
    }
    return segment.get(ValueLayout.JAVA_BYTE, size - 1);
  }

  /** A heap of this library. */
  static final class Ours extends Strategy {
    final Heap heap = Heaps.open("offheap:system?limit=8GiB");
    final AllocationRequest[] requests;
    private final AllocationRequest[] zeroed;

    Ours(int[] sizes) {
      requests =
          Arrays.stream(sizes)
              .mapToObj(size -> AllocationRequest.of(size).uninitialized().build())
              .toArray(AllocationRequest[]::new);
      zeroed =
          Arrays.stream(sizes)
              .mapToObj(size -> AllocationRequest.of(size).build())
              .toArray(AllocationRequest[]::new);
    }

    @Override
    Object allocate(int which) {
      return heap.allocateUninterruptibly(requests[which]);
    }

    @Override
    Object allocateZeroed(int which) {
      return heap.allocateUninterruptibly(zeroed[which]);
    }

    @Override
    void free(Object memory) {
      ((DmaBuf) memory).close();
    }

    @Override
    byte touch(Object memory) {
      try (Hold hold = ((DmaBuf) memory).hold()) {
        return touch(hold.segment());
      }
    }

    @Override
    long committedBytes() {
      HeapStatistics now = heap.statistics();
      return now.committedBytes();
    }

    @Override
    public void close() {
      heap.close(); // fails if anything is left
    }
  }

  /** An arena per buffer, which zeroes. */
  static final class OfArena extends Strategy {
    private final int[] sizes;
    private final boolean shared;

    private record Piece(Arena arena, MemorySegment segment) {}

    OfArena(int[] sizes, boolean shared) {
      this.sizes = sizes;
      this.shared = shared;
    }

    @Override
    Object allocate(int which) {
      Arena arena = shared ? Arena.ofShared() : Arena.ofConfined();
      return new Piece(arena, arena.allocate(sizes[which], 64));
    }

    @Override
    Object allocateZeroed(int which) {
      return allocate(which);
    }

    @Override
    void free(Object memory) {
      ((Piece) memory).arena.close();
    }

    @Override
    byte touch(Object memory) {
      return touch(((Piece) memory).segment);
    }
  }

  /** The C library, with segments that nothing guards. */
  static final class OfLibc extends Strategy {
    private static final MethodHandle MALLOC;
    private static final MethodHandle CALLOC;
    private static final MethodHandle FREE;

    static {
      Linker linker = Linker.nativeLinker();
      var lookup = linker.defaultLookup();
      ValueLayout.OfLong size = ValueLayout.JAVA_LONG;
      var address = ValueLayout.ADDRESS;
      MALLOC =
          linker.downcallHandle(lookup.findOrThrow("malloc"), FunctionDescriptor.of(address, size));
      CALLOC =
          linker.downcallHandle(
              lookup.findOrThrow("calloc"), FunctionDescriptor.of(address, size, size));
      FREE = linker.downcallHandle(lookup.findOrThrow("free"), FunctionDescriptor.ofVoid(address));
    }

    private final int[] sizes;

    OfLibc(int[] sizes) {
      this.sizes = sizes;
    }

    @Override
    Object allocate(int which) {
      try {
        long size = sizes[which];
        return ((MemorySegment) MALLOC.invokeExact(size)).reinterpret(size);
      } catch (Throwable e) {
        throw new AssertionError(e);
      }
    }

    @Override
    Object allocateZeroed(int which) {
      try {
        long size = sizes[which];
        return ((MemorySegment) CALLOC.invokeExact(1L, size)).reinterpret(size);
      } catch (Throwable e) {
        throw new AssertionError(e);
      }
    }

    @Override
    void free(Object memory) {
      try {
        FREE.invokeExact((MemorySegment) memory);
      } catch (Throwable e) {
        throw new AssertionError(e);
      }
    }

    @Override
    byte touch(Object memory) {
      return touch((MemorySegment) memory);
    }
  }
}

package io.github.dmabuf4j.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Memory whose pages are given back by {@code madvise(MADV_DONTNEED)} alone, as somebody does who
 * has no heap: what giving back is compared with. Not thread-safe.
 */
final class RawMemory implements AutoCloseable {
  static final long PAGE = 4096;

  private static final int MADV_DONTNEED = 4;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment all;

  /**
   * Takes memory, whose pages are there.
   *
   * @param bytes how much; rounded up to pages
   */
  RawMemory(long bytes) {
    all = arena.allocate(wholePages(bytes), PAGE);
  }

  /** Bytes rounded up to pages. */
  static long wholePages(long bytes) {
    return (bytes + PAGE - 1) & -PAGE;
  }

  /** All of it. */
  MemorySegment segment() {
    return all;
  }

  /** Gives all pages back: they read as zero, and cost a fault each. */
  void giveBack() {
    giveBack(0, all.byteSize());
  }

  /**
   * Gives some pages back.
   *
   * @param offset where they begin, a multiple of a page
   * @param bytes rounded up to pages
   * @throws IllegalStateException if the kernel refuses
   */
  void giveBack(long offset, long bytes) {
    int result = Calls.madvise(all.asSlice(offset, wholePages(bytes)));
    if (result != 0) {
      throw new IllegalStateException("madvise returned " + result);
    }
  }

  /** Writes to each page. */
  static void touch(MemorySegment memory) {
    for (long at = 0; at < memory.byteSize(); at += PAGE) {
      memory.set(ValueLayout.JAVA_BYTE, at, (byte) 1);
    }
  }

  @Override
  public void close() {
    arena.close();
  }

  /** Found when it is first used: other systems than Linux have no such call. */
  private static final class Calls {
    private static final MethodHandle MADVISE =
        Linker.nativeLinker()
            .downcallHandle(
                Linker.nativeLinker().defaultLookup().findOrThrow("madvise"),
                FunctionDescriptor.of(
                    ValueLayout.JAVA_INT,
                    ValueLayout.ADDRESS,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_INT));

    private Calls() {}

    static int madvise(MemorySegment pages) {
      try {
        return (int) MADVISE.invokeExact(pages, pages.byteSize(), MADV_DONTNEED);
      } catch (Throwable e) {
        throw new AssertionError(e);
      }
    }
  }
}

package io.github.dmabuf4j.offheap;

import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Private anonymous mappings of Linux: address space is reserved at once, memory comes at the first
 * touch of each page and goes back with {@code MADV_DONTNEED}.
 *
 * <p><b>Threads.</b> No state but that of the {@link Mappings}, which all heaps share.
 */
final class LinuxMemory implements SlabMemory {
  private static final System.Logger LOG = System.getLogger(LinuxMemory.class.getName());

  private static final long MAX_ALIGNMENT = 1L << 30;

  /**
   * Of x86 and of ARM with pages of 4 KiB. Elsewhere they are larger, and the alignment is less
   * than it could be.
   */
  private static final long HUGE_PAGE = 2L << 20;

  /** Larger blocks have so many pages that a mapping and its end cost little beside them. */
  private static final long LARGEST_SHARED = 4L << 20;

  /** Whether the kernel gives huge pages to whoever has room for one. */
  private static final Path TRANSPARENT_HUGE_PAGES =
      Path.of("/sys/kernel/mm/transparent_hugepage/enabled");

  private static final String MAX_MAP_COUNT = "/proc/sys/vm/max_map_count";

  /** Of include/linux/mm.h. */
  private static final int DEFAULT_MAX_MAP_COUNT = 65_530;

  private static final Mappings OF_THIS_PROCESS =
      new Mappings(MappingCalls.LINUX, LinuxMemory::maxMapCount);

  private final long pageSize = Libc.getpagesize();
  private final MappingCalls calls;
  private final Mappings mappings;
  private final boolean hugePages;

  /** Whether a mapping that is one block may have huge pages, asked for or not. */
  private final boolean mayBeHuge;

  /**
   * Of this process.
   *
   * @param hugePages whether to ask for them where a mapping is one block
   */
  LinuxMemory(boolean hugePages) {
    this(MappingCalls.LINUX, OF_THIS_PROCESS, hugePages);
  }

  /** Without asking for huge pages. */
  LinuxMemory(MappingCalls calls, Mappings mappings) {
    this(calls, mappings, false);
  }

  private LinuxMemory(MappingCalls calls, Mappings mappings, boolean hugePages) {
    this.calls = calls;
    this.mappings = mappings;
    this.hugePages = hugePages;
    this.mayBeHuge = hugePages || areHugePagesGiven();
  }

  private static boolean areHugePagesGiven() {
    try {
      return Files.readString(TRANSPARENT_HUGE_PAGES).contains("[always]");
    } catch (IOException e) { // a kernel without them
      return false;
    }
  }

  /** The value of vm.max_map_count now. */
  static int maxMapCount() {
    byte[] text = new byte[32];
    try (InputStream in = new FileInputStream(MAX_MAP_COUNT)) {
      int length = in.read(text); // in one piece: the file has no more where a read ended
      return Integer.parseInt(
          new String(text, 0, Math.max(0, length), StandardCharsets.US_ASCII).strip());
    } catch (IOException | NumberFormatException e) {
      LOG.log(Level.DEBUG, "vm.max_map_count can't be read", e);
      return DEFAULT_MAX_MAP_COUNT;
    }
  }

  @Override
  public String summary() {
    return "private anonymous mappings";
  }

  @Override
  public long pageSize() {
    return pageSize;
  }

  @Override
  public long maxAlignment() {
    return MAX_ALIGNMENT;
  }

  @Override
  public long largestShared() {
    return mayBeHuge ? HUGE_PAGE - SizeClasses.PAGE : LARGEST_SHARED;
  }

  @Override
  public boolean isDirectMemory() {
    return false;
  }

  @Override
  public Region map(long bytes, long alignment, boolean shared) throws SlabMemoryException {
    boolean huge = hugePages && !shared && bytes >= HUGE_PAGE;
    long whole = roundUp(bytes, pageSize);
    long step = Math.max(Math.max(alignment, pageSize), huge ? HUGE_PAGE : 1);
    MemorySegment reserved = mappings.map(whole + step - pageSize);
    long head = roundUp(reserved.address(), step) - reserved.address();
    // Not undone where it throws: what is unmapped already may be somebody else's by then.
    MemorySegment mapping = trim(reserved, head, whole);
    try {
      if (shared) {
        advise(mapping, Libc.MADV_NOHUGEPAGE); // it would bring in the pages of idle neighbours
      } else if (huge) {
        advise(mapping, Libc.MADV_HUGEPAGE);
      }
      // Shared, for POOL segments are used on any thread: once unmapped, their use is an exception
      // and not a crash.
      Arena arena = Arena.ofShared();
      MemorySegment pages = reserved.asSlice(head, bytes);
      return new Region(pages.reinterpret(arena, _ -> mappings.unmap(mapping)), arena);
    } catch (OutOfMemoryError | StackOverflowError e) {
      mappings.unmap(mapping);
      throw e;
    }
  }

  /**
   * Gives back what lies around the pages, which was reserved for the sake of their alignment.
   *
   * @return what of it is still mapped: the kernel may refuse
   */
  private MemorySegment trim(MemorySegment reserved, long head, long bytes) {
    MemorySegment left = reserved;
    long tail = reserved.byteSize() - head - bytes;
    if (tail > 0 && mappings.trim(reserved.asSlice(head + bytes))) {
      left = left.asSlice(0, head + bytes);
    }
    if (head > 0 && mappings.trim(reserved.asSlice(0, head))) {
      left = left.asSlice(head);
    }
    return left;
  }

  /** Says what pages are wanted: advice, without which all works as well. */
  private void advise(MemorySegment mapping, int advice) {
    int refused = calls.madvise(mapping, advice);
    if (refused != 0) { // EINVAL: a kernel without huge pages
      LOG.log(Level.DEBUG, "madvise with {0} returned {1}", advice, refused);
    }
  }

  @Override
  public boolean decommit(Region region, long offset, long bytes) {
    int refused = calls.madvise(region.segment().asSlice(offset, bytes), Libc.MADV_DONTNEED);
    if (refused != 0) { // EINVAL: locked pages
      LOG.log(Level.DEBUG, "madvise(MADV_DONTNEED) returned {0}", refused);
    }
    return refused == 0;
  }

  private static long roundUp(long value, long unit) {
    return (value + unit - 1) & -unit;
  }
}

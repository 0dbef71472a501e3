package io.github.dmabuf4j.offheap;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** The calls of the machine, some of them refused on request, with an account. For one thread. */
final class RefusingCalls implements MappingCalls {
  private static final int ENOMEM = 12;

  boolean refusesToUnmap;
  long mappedBytes;
  final List<Long> droppedBytes = new ArrayList<>();

  @Override
  public long mmap(long length) {
    mappedBytes += length;
    return LINUX.mmap(length);
  }

  @Override
  public int munmap(MemorySegment pages) {
    if (refusesToUnmap) {
      return -ENOMEM;
    }
    mappedBytes -= pages.byteSize();
    return LINUX.munmap(pages);
  }

  @Override
  public int madvise(MemorySegment pages, int advice) {
    if (advice == Libc.MADV_DONTNEED) {
      droppedBytes.add(pages.byteSize());
    }
    return LINUX.madvise(pages, advice);
  }
}

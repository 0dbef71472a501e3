package io.github.dmabuf4j.offheap;

import java.lang.foreign.MemorySegment;

/**
 * The system calls for anonymous mappings; each returns its result or the negative error number.
 */
interface MappingCalls {
  /** Those of the machine. */
  MappingCalls LINUX =
      new MappingCalls() {
        @Override
        public long mmap(long length) {
          return Libc.mmap(
              length,
              Libc.PROT_READ | Libc.PROT_WRITE,
              Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | Libc.MAP_NORESERVE);
        }

        @Override
        public int munmap(MemorySegment pages) {
          return Libc.munmap(pages);
        }

        @Override
        public int madvise(MemorySegment pages, int advice) {
          return Libc.madvise(pages, advice);
        }
      };

  /** Maps private memory anywhere that is reserved at the first touch of each page. */
  long mmap(long length);

  /** Unmaps whole pages. */
  int munmap(MemorySegment pages);

  /** Advises about whole pages. */
  int madvise(MemorySegment pages, int advice);
}

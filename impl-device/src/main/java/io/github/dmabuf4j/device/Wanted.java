package io.github.dmabuf4j.device;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;

/**
 * What somebody wants of a pool.
 *
 * @param request what each buffer is to be
 * @param bytes the size of a file for it, whole pages; negative if no file is so large
 * @param count how many
 * @param policy what to do when memory is short
 */
record Wanted(AllocationRequest request, long bytes, int count, AllocPolicy policy) {
  /**
   * Rounds to pages.
   *
   * @throws IllegalArgumentException if the alignment is more than a page's
   */
  static Wanted of(AllocationRequest request, int count, AllocPolicy policy, long pageSize) {
    return new Wanted(request, fileBytes(request, pageSize), count, policy);
  }

  /**
   * The size of a file for a request: whole pages; negative if no file is so large.
   *
   * @throws IllegalArgumentException if the alignment is more than a page's
   */
  static long fileBytes(AllocationRequest request, long pageSize) {
    if (request.alignment() > pageSize) {
      throw new IllegalArgumentException(
          "wanted an alignment of at most %d B, the page size, got %d: files are mapped at pages"
              .formatted(pageSize, request.alignment()));
    }
    return request.size() + pageSize - 1 & -pageSize;
  }

  /** The same of another number. */
  Wanted times(int number) {
    return new Wanted(request, bytes, number, policy);
  }

  /** All of it; as much as a long can say. */
  long allBytes() {
    return bytes > Long.MAX_VALUE / count ? Long.MAX_VALUE : bytes * count;
  }
}

package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.ByteSize;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.HeapStatistics;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.RegionStatistics;
import org.jspecify.annotations.Nullable;

/**
 * What is said when memory is short: how much was wanted, what there is, who holds it, what to do
 * (design rule AL6).
 */
final class Shortage {
  private Shortage() {}

  /** Everything is in use. */
  static OutOfBuffersException inUse(Wanted wanted, HeapStatistics now, @Nullable BufInfo holders) {
    return new OutOfBuffersException(
        wanted.size(),
        now.committedBytes(),
        now.limitBytes(),
        "%s%nClose buffers sooner, raise the limit (?limit=…), or wait for others with the policy TRY_HARD or NO_FAIL"
            .formatted(describe(wanted, now, holders)));
  }

  /** Not even an empty heap could serve this. */
  static OutOfBuffersException neverFits(
      Wanted wanted, HeapStatistics now, String heap, long regionBytes) {
    return new OutOfBuffersException(
        wanted.size(),
        now.committedBytes(),
        now.limitBytes(),
        "wanted %s of %s, which can't ever fit its limit of %s%s: raise the limit (?limit=…)"
            .formatted(
                bytes(wanted.size()),
                heap,
                bytes(now.limitBytes()),
                regionBytes == 0
                    ? ""
                    : ", of which its contiguous region has " + bytes(regionBytes)));
  }

  /** The operating system refused. */
  static OutOfBuffersException refused(
      Wanted wanted, HeapStatistics now, String heap, Exception cause) {
    return new OutOfBuffersException(
        wanted.size(),
        now.committedBytes(),
        now.limitBytes(),
        "wanted %s of %s, %s is committed of %s, but it was refused: %s"
            .formatted(
                bytes(wanted.size()),
                heap,
                bytes(now.committedBytes()),
                bytes(now.limitBytes()),
                cause.getMessage()),
        cause);
  }

  // ---- contiguous ranges ----

  /** Not even an empty region could serve this. */
  static OutOfBuffersException neverContiguous(
      AllocationRequest request, RegionStatistics now, String heap) {
    return contiguous(
        request,
        now,
        "wanted %s contiguous, aligned to %d, of the region of %s, which has only %s: open the heap with a larger one (?contiguous=…)"
            .formatted(bytes(request.size()), request.alignment(), heap, bytes(now.byteSize())));
  }

  /** Each range has something that stays. */
  static OutOfBuffersException pinnedForGood(
      AllocationRequest request, RegionStatistics now, String heap, BufInfo pins) {
    return contiguous(
        request,
        now,
        "%s%nUnpin, or open the heap with a larger region (?contiguous=…): waiting can't help"
            .formatted(
                describeContiguous(
                    request, now, heap, "each range has a buffer that is pinned for long", pins)));
  }

  /** What was tried was in use. */
  static OutOfBuffersException notContiguous(
      AllocationRequest request, RegionStatistics now, String description) {
    return contiguous(
        request,
        now,
        "%s%nWait for others with the policy TRY_HARD or NO_FAIL, leave room outside of the region to move to (?limit=…), or open the heap with a larger region (?contiguous=…)"
            .formatted(description));
  }

  /** Who is in the way of a contiguous range. */
  static String describeContiguous(
      AllocationRequest request, RegionStatistics now, String heap, String why, BufInfo inTheWay) {
    return "wanted %s contiguous of the region of %s, %s, free %s, in one piece %s, movable %s in %d buffers, contiguous %s in %d; %s; %s"
        .formatted(
            bytes(request.size()),
            heap,
            bytes(now.byteSize()),
            bytes(now.freeBytes()),
            bytes(now.largestFreeBytes()),
            bytes(now.movableBytes()),
            now.movableBuffers(),
            bytes(now.contiguousBytes()),
            now.contiguousBuffers(),
            why,
            request.isQuiet()
                ? "who that is wasn't looked at, for the request is quiet"
                : inTheWay.holders());
  }

  private static OutOfBuffersException contiguous(
      AllocationRequest request, RegionStatistics now, String message) {
    return new OutOfBuffersException(
        request.size(), now.byteSize() - now.freeBytes(), now.byteSize(), message);
  }

  /** Too much is pinned. */
  static DmaBufException pinned(
      BufferObject object, long bytes, PinnedBytes account, BufInfo holders) {
    return new DmaBufException(
        "pin",
        Errno.ENOMEM,
        "wanted to pin %s, %s of %s, limit on pinned bytes %s, pinned %s; %s%nUnpin sooner, raise the limit (?pinned=…), or, for use in flight, add a fence instead of a pin"
            .formatted(
                object.displayName(),
                bytes(bytes),
                holders.heap(),
                bytes(account.limit),
                bytes(account.now()),
                holders.holders()),
        null);
  }

  /** Too much user memory. */
  static OutOfBuffersException user(long wanted, UserBuffers account, long used, BufInfo holders) {
    return new OutOfBuffersException(
        wanted,
        used,
        account.limit,
        "wanted %s of user memory of %s, limit on user memory %s, in use %s; %s%nClose such buffers sooner, or raise the limit (?user=…)"
            .formatted(
                bytes(wanted),
                holders.heap(),
                bytes(account.limit),
                bytes(used),
                holders.holders()));
  }

  /** Who is waited for. */
  static String describe(Wanted wanted, HeapStatistics now, @Nullable BufInfo holders) {
    return "wanted %s%s, limit %s, committed %s%s; %s"
        .formatted(
            bytes(wanted.size()),
            wanted.bytes() == wanted.size() ? "" : " (a block of " + bytes(wanted.bytes()) + ")",
            bytes(now.limitBytes()),
            bytes(now.committedBytes()),
            holders == null ? "" : ", of these " + bytes(now.idleBytes()) + " idle",
            holders == null
                ? "who holds the rest wasn't looked at, for "
                    + (wanted.quiet() ? "the request is quiet" : "that could wait")
                : holders.holders());
  }

  private static String bytes(long count) {
    return ByteSize.exact(count);
  }
}

package io.github.dmabuf4j.device;

import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.ByteSize;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.HeapStatistics;
import io.github.dmabuf4j.OutOfBuffersException;
import org.jspecify.annotations.Nullable;

/**
 * What is said when memory is short: how much was wanted, what there is, who holds it, what to do
 * (design rule AL6).
 */
final class Shortage {
  private Shortage() {}

  /** Everything is in use. */
  static OutOfBuffersException inUse(Wanted wanted, HeapStatistics now, @Nullable BufInfo holders) {
    return exception(
        wanted,
        now,
        "%s%nClose buffers sooner, raise the limit (?limit=…), or wait for others with the policy TRY_HARD or NO_FAIL"
            .formatted(describe(wanted, now, holders)),
        null);
  }

  /** Not even an empty heap could serve this. */
  static OutOfBuffersException neverFits(Wanted wanted, HeapStatistics now, String heap) {
    return exception(
        wanted,
        now,
        "wanted %s of %s, which can't ever fit its limit of %s: raise the limit (?limit=…)"
            .formatted(amount(wanted), heap, ByteSize.exact(now.limitBytes())),
        null);
  }

  /** There is no file as large. */
  static OutOfBuffersException tooLarge(
      Wanted wanted, HeapStatistics now, String heap, BufferFiles.Largest largest) {
    return exception(
        wanted,
        now,
        "wanted %s of %s, of which a buffer has at most %s; %s"
            .formatted(amount(wanted), heap, ByteSize.exact(largest.bytes()), largest.knob()),
        null);
  }

  /** The operating system refused. */
  static OutOfBuffersException refused(
      Wanted wanted, HeapStatistics now, String heap, DmaBufException cause) {
    return exception(
        wanted,
        now,
        "wanted %s of %s, %s is committed of %s, but it was refused: %s"
            .formatted(
                amount(wanted),
                heap,
                ByteSize.exact(now.committedBytes()),
                ByteSize.exact(now.limitBytes()),
                cause.getMessage()),
        cause);
  }

  /** Too much is pinned. */
  static DmaBufException pinned(DeviceBuffer buffer, HeapStatistics now, BufInfo holders) {
    return new DmaBufException(
        "pin",
        Errno.ENOMEM,
        "wanted to pin %s, %s of %s, limit on pinned bytes %s, pinned %s; %s%nUnpin sooner, raise the limit (?pinned=…), or, for use in flight, add a fence instead of a pin"
            .formatted(
                buffer.object.displayName(),
                ByteSize.exact(buffer.bytes),
                holders.heap(),
                ByteSize.exact(now.pinnedLimitBytes()),
                ByteSize.exact(now.pinnedBytes()),
                holders.holders()),
        null);
  }

  /** Who is waited for. */
  static String describe(Wanted wanted, HeapStatistics now, @Nullable BufInfo holders) {
    return "wanted %s, limit %s, committed %s, of these %s idle; %s"
        .formatted(
            amount(wanted),
            ByteSize.exact(now.limitBytes()),
            ByteSize.exact(now.committedBytes()),
            ByteSize.exact(now.idleBytes()),
            holders == null
                ? "who holds the rest wasn't looked at, for the request is quiet"
                : holders.holders());
  }

  private static String amount(Wanted wanted) {
    String one = ByteSize.exact(wanted.request().size());
    return wanted.count() == 1 ? one : "%d times %s".formatted(wanted.count(), one);
  }

  private static OutOfBuffersException exception(
      Wanted wanted, HeapStatistics now, String message, @Nullable Throwable cause) {
    return new OutOfBuffersException(
        wanted.request().size(), now.committedBytes(), now.limitBytes(), message, cause);
  }
}

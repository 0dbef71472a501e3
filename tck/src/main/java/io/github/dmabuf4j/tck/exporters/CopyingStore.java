package io.github.dmabuf4j.tck.exporters;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.spi.SwapStore;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * The simplest store: a copy of each content, with a checksum. It can be told to refuse, and to
 * damage what it has.
 *
 * <p><b>Threads.</b> All methods may be called from any thread; a ticket by one at a time.
 */
public class CopyingStore implements SwapStore {
  /** A copy. */
  static final class Copy implements Ticket {
    final byte[] bytes;
    final long checksum;

    Copy(byte[] bytes) {
      this.bytes = bytes;
      this.checksum = checksum(bytes);
    }

    @Override
    public long storedBytes() {
      return bytes.length;
    }
  }

  private final Set<Copy> copies = ConcurrentHashMap.newKeySet();
  private volatile boolean refusing;

  /** Creates an empty one. */
  public CopyingStore() {}

  private static long checksum(byte[] bytes) {
    CRC32C sum = new CRC32C();
    sum.update(bytes);
    return sum.getValue();
  }

  /**
   * From now on, has room or not.
   *
   * @param refuses whether it takes nothing
   */
  public void refuse(boolean refuses) {
    refusing = refuses;
  }

  /** Changes a byte of everything it has, or changes it back. */
  public void damage() {
    copies.forEach(copy -> copy.bytes[copy.bytes.length / 2] ^= 1);
  }

  /**
   * How many contents it has.
   *
   * @return those that were stored and not discarded
   */
  public int size() {
    return copies.size();
  }

  @Override
  public @Nullable Ticket store(MemorySegment content) {
    if (refusing) {
      return null;
    }
    Copy copy = new Copy(content.toArray(ValueLayout.JAVA_BYTE));
    copies.add(copy);
    return copy;
  }

  @Override
  public void load(Ticket ticket, MemorySegment target) {
    Copy copy = (Copy) ticket;
    if (!copies.contains(copy)) {
      throw new AssertionError("loading what isn't stored, or was discarded");
    }
    if (checksum(copy.bytes) != copy.checksum) {
      throw new DmaBufException(
          "load",
          Errno.EINVAL,
          "%d stored bytes are damaged: their checksum doesn't match".formatted(copy.bytes.length),
          null);
    }
    MemorySegment.copy(copy.bytes, 0, target, ValueLayout.JAVA_BYTE, 0, copy.bytes.length);
  }

  @Override
  public void discard(Ticket ticket) {
    Copy copy = (Copy) ticket;
    if (!copies.remove(copy)) {
      throw new AssertionError("discarded twice");
    }
    Arrays.fill(copy.bytes, PlainExporter.POISON);
  }

  @Override
  public void close() {
    copies.clear();
  }
}

package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.spi.SwapMemory;
import io.github.dmabuf4j.spi.SwapStore;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.DataFormatException;
import java.util.zip.Deflater;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;

/** A store with the JDK's compression, in the heap's memory: simple, and slow. */
final class DeflatingStore implements SwapStore {
  /** How many tickets nobody has discarded. */
  final AtomicInteger open = new AtomicInteger();

  volatile boolean closed;

  private final SwapMemory memory;

  DeflatingStore(SwapMemory memory) {
    this.memory = memory;
  }

  private record Deflated(SwapMemory.Piece piece, long size) implements Ticket {
    @Override
    public long storedBytes() {
      return piece.segment().byteSize();
    }
  }

  @Override
  public @Nullable Ticket store(MemorySegment content) {
    byte[] plain = content.toArray(ValueLayout.JAVA_BYTE);
    byte[] deflated = deflate(plain);
    if (deflated.length > plain.length * 3 / 4) {
      return null;
    }
    SwapMemory.Piece piece = memory.allocate(deflated.length);
    if (piece == null) {
      return null;
    }
    MemorySegment.copy(deflated, 0, piece.segment(), ValueLayout.JAVA_BYTE, 0, deflated.length);
    open.incrementAndGet();
    return new Deflated(piece, plain.length);
  }

  private static byte[] deflate(byte[] plain) {
    try (Deflater deflater = new Deflater(Deflater.BEST_SPEED)) {
      deflater.setInput(plain);
      deflater.finish();
      byte[] target = new byte[plain.length + 64];
      return Arrays.copyOf(target, deflater.deflate(target));
    }
  }

  @Override
  public void load(Ticket ticket, MemorySegment target) {
    Deflated stored = (Deflated) ticket;
    byte[] plain = new byte[Math.toIntExact(stored.size)];
    try (Inflater inflater = new Inflater()) {
      inflater.setInput(stored.piece.segment().toArray(ValueLayout.JAVA_BYTE));
      if (inflater.inflate(plain) != plain.length) {
        throw damaged(null);
      }
    } catch (DataFormatException e) {
      throw damaged(e);
    }
    MemorySegment.copy(plain, 0, target, ValueLayout.JAVA_BYTE, 0, plain.length);
  }

  private static DmaBufException damaged(@Nullable Exception cause) {
    return new DmaBufException("load", Errno.EIO, "the store is damaged", cause);
  }

  @Override
  public void discard(Ticket ticket) {
    ((Deflated) ticket).piece.close();
    open.decrementAndGet();
  }

  @Override
  public void close() {
    closed = true;
  }
}

package io.github.dmabuf4j.swap;

import io.github.dmabuf4j.spi.SwapMemory;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Room in the heap's memory, up to a limit of its own.
 *
 * <p><b>Invariant.</b> {@code used} is the whole pages of all places, and of those that are about
 * to be taken; it is at most {@code limit}.
 */
final class MemoryRoom implements Room {
  private final SwapMemory memory;
  private final long limit;
  private final AtomicLong used = new AtomicLong();

  /**
   * Creates it.
   *
   * @param memory where pieces come from
   * @param limit the most bytes, in whole pages
   */
  MemoryRoom(SwapMemory memory, long limit) {
    this.memory = memory;
    this.limit = limit;
  }

  /** Bytes of all places. */
  long used() {
    return used.get();
  }

  @Override
  public @Nullable Place put(MemorySegment bytes) {
    long taken = Slices.wholePages(bytes.byteSize());
    if (!reserve(taken)) {
      return null;
    }
    SwapMemory.Piece piece = null;
    boolean done = false;
    try {
      piece = memory.allocate(bytes.byteSize());
      if (piece == null) {
        return null;
      }
      MemorySegment segment = piece.segment().asSlice(0, bytes.byteSize()).copyFrom(bytes);
      Place place = new InMemory(piece, segment, taken);
      done = true;
      return place;
    } finally {
      if (!done) {
        if (piece != null) {
          piece.close();
        }
        used.addAndGet(-taken);
      }
    }
  }

  private boolean reserve(long bytes) {
    for (long now = used.get(); now + bytes <= limit; now = used.get()) {
      if (used.compareAndSet(now, now + bytes)) {
        return true;
      }
    }
    return false;
  }

  @Override
  public void close() {
    // Each place gives its own piece back.
  }

  /** A piece of the heap's memory. */
  private final class InMemory implements Place {
    private final SwapMemory.Piece piece;
    private final MemorySegment segment;
    private final long taken;

    InMemory(SwapMemory.Piece piece, MemorySegment segment, long taken) {
      this.piece = piece;
      this.segment = segment;
      this.taken = taken;
    }

    @Override
    public int bytes() {
      return (int) segment.byteSize();
    }

    @Override
    public long storedBytes() {
      return taken;
    }

    @Override
    public MemorySegment inMemory() {
      return segment;
    }

    @Override
    public void read(MemorySegment target) {
      target.copyFrom(segment);
    }

    @Override
    public void free() {
      piece.close();
      used.addAndGet(-taken);
    }
  }
}

package io.github.dmabuf4j.swap;

import io.github.dmabuf4j.spi.SwapMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Memory with a limit whose pieces die with their close: a use afterwards is an exception. What is
 * handed out is full of rubbish.
 */
final class TestMemory implements SwapMemory {
  private final long limit;
  private final AtomicLong live = new AtomicLong();
  private final AtomicLong closedTwice = new AtomicLong();

  TestMemory(long limit) {
    this.limit = limit;
  }

  static TestMemory unlimited() {
    return new TestMemory(Long.MAX_VALUE);
  }

  /** Bytes of the pieces that aren't closed, in whole pages. */
  long live() {
    return live.get();
  }

  /** How many closes came too many. */
  long closedTwice() {
    return closedTwice.get();
  }

  @Override
  public @Nullable Piece allocate(long bytes) {
    long taken = Slices.wholePages(bytes);
    if (live.addAndGet(taken) > limit) {
      live.addAndGet(-taken);
      return null;
    }
    Arena arena = Arena.ofShared();
    MemorySegment segment = arena.allocate(bytes, Slices.PAGE).fill((byte) 0xA5);
    AtomicBoolean closed = new AtomicBoolean();
    return new Piece() {
      @Override
      public MemorySegment segment() {
        return segment;
      }

      @Override
      public void close() {
        if (closed.compareAndSet(false, true)) {
          arena.close();
          live.addAndGet(-taken);
        } else {
          closedTwice.incrementAndGet();
        }
      }
    };
  }
}

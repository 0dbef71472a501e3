package io.github.dmabuf4j.swap;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.spi.SwapMemory;
import io.github.dmabuf4j.spi.SwapStore;
import io.github.dmabuf4j.spi.SwapStoreProvider;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * {@code swap=faulty}: the compressed store, of which one call in some fails, as if the disk were
 * full, or couldn't be read, or somebody had a defect.
 */
public final class FaultyStoreProvider implements SwapStoreProvider {
  /** How many tickets of all stores nobody has discarded. */
  static final AtomicLong OPEN_TICKETS = new AtomicLong();

  /** How many calls failed. */
  static final AtomicLong FAILED = new AtomicLong();

  private static final int ONE_IN = 25;

  /** For {@link java.util.ServiceLoader}. */
  public FaultyStoreProvider() {}

  @Override
  public String name() {
    return "faulty";
  }

  @Override
  public SwapStore open(Map<String, String> options, SwapMemory memory) {
    return new FaultyStore(new CompressedStoreProvider().open(options, memory));
  }

  private record FaultyStore(SwapStore real) implements SwapStore {
    private static boolean fails() {
      boolean fails = ThreadLocalRandom.current().nextInt(ONE_IN) == 0;
      if (fails) {
        FAILED.incrementAndGet();
      }
      return fails;
    }

    @Override
    public @Nullable Ticket store(MemorySegment content) {
      if (fails()) {
        if (ThreadLocalRandom.current().nextInt(20) == 0) {
          throw new IllegalStateException("a defect, on purpose");
        }
        return null;
      }
      Ticket ticket = real.store(content);
      if (ticket != null) {
        OPEN_TICKETS.incrementAndGet();
      }
      return ticket;
    }

    @Override
    public void load(Ticket ticket, MemorySegment target) {
      if (fails()) {
        target.asSlice(0, target.byteSize() / 2).fill((byte) 0xBD);
        throw new DmaBufException("load", Errno.EIO, "an unreadable store, on purpose", null);
      }
      real.load(ticket, target);
    }

    @Override
    public void discard(Ticket ticket) {
      OPEN_TICKETS.decrementAndGet();
      real.discard(ticket);
    }

    @Override
    public void age() {
      real.age();
    }

    @Override
    public void close() {
      real.close();
    }
  }
}

package io.github.dmabuf4j;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.spi.MappedBytes;
import io.github.dmabuf4j.spi.SwapStore;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;

/** Reclaim by a {@link BufferLru} beside those who use, offer, close and export the same buffer. */
public class EvictionStress {
  private static final byte CONTENT = 42;

  private EvictionStress() {}

  /** A buffer of one byte that can be evicted to a store of one byte. */
  public static class Block implements Exporter, MappedBytes, SwapStore, SwapStore.Ticket {
    private final MemorySegment memory = MemorySegment.ofArray(new byte[] {CONTENT});
    private volatile byte stored;
    final AtomicInteger tickets = new AtomicInteger();
    final AtomicInteger releases = new AtomicInteger();
    final BufferLru lru = new BufferLru(this);
    final BufferObject object = new BufferObject(this);
    final DmaBuf handle;
    volatile @Nullable DmaBuf next;
    volatile boolean exportsAgain;

    @SuppressWarnings("this-escape") // nobody else has it yet
    public Block() {
      lru.follow(object);
      handle = object.export(1, null, null);
    }

    @Override
    public String name() {
      return "stress";
    }

    @Override
    public BufferLru lru() {
      return lru;
    }

    @Override
    public MappedBytes vmap() {
      return this;
    }

    @Override
    public MemorySegment segment(long byteSize) {
      return memory;
    }

    @Override
    public MemorySegment segment(long byteSize, Arena arena) {
      return memory;
    }

    @Override
    public ScatterList map(Attachment attachment, Access access) {
      throw new UnsupportedOperationException("nobody attaches");
    }

    @Override
    public boolean evict() {
      memory.set(ValueLayout.JAVA_BYTE, 0, (byte) -1);
      return true;
    }

    @Override
    public void restore() {}

    @Override
    public void release() {
      releases.incrementAndGet();
      if (exportsAgain) {
        exportsAgain = false;
        memory.set(ValueLayout.JAVA_BYTE, 0, CONTENT);
        next = object.export(1, null, null);
      }
    }

    @Override
    public Ticket store(MemorySegment content) {
      stored = content.get(ValueLayout.JAVA_BYTE, 0);
      tickets.incrementAndGet();
      return this;
    }

    @Override
    public long storedBytes() {
      return 1;
    }

    @Override
    public void load(Ticket ticket, MemorySegment target) {
      target.set(ValueLayout.JAVA_BYTE, 0, stored);
    }

    @Override
    public void discard(Ticket ticket) {
      tickets.decrementAndGet();
    }

    @Override
    public void close() {}

    /** The content; -1 if it is lost, -2 if it was dropped, -3 if the handle is closed. */
    static int read(DmaBuf handle) {
      try (Hold hold = handle.hold(ArenaKind.POOL)) {
        return hold.segment().get(ValueLayout.JAVA_BYTE, 0);
      } catch (BufferPurgedException dropped) {
        return -2;
      } catch (IllegalStateException closed) {
        return -3;
      }
    }

    void advise(Advice advice) {
      Reservation reservation = handle.reservation();
      reservation.lock();
      boolean _ = handle.advise(advice);
      reservation.unlock();
    }
  }

  /** A use beside a scan. */
  @JCStressTest
  @Outcome(
      id = {"42, 0, 42", "42, 1, 42"},
      expect = ACCEPTABLE,
      desc = "passed by, or evicted before or after the use: the content is there")
  @Outcome(expect = FORBIDDEN, desc = "content lost, or evicted twice")
  @State
  public static class HoldAndEvict extends Block {
    @Actor
    public void hold(III_Result r) {
      r.r1 = read(handle);
    }

    @Actor
    public void evict(III_Result r) {
      r.r2 = (int) lru.evict(1);
    }

    @Arbiter
    public void after(III_Result r) {
      r.r3 = tickets.get() > 1 ? -4 : read(handle);
    }
  }

  /** Two scans beside a use. */
  @JCStressTest
  @Outcome(
      id = {"0, 0, 42", "0, 1, 42", "1, 0, 42"},
      expect = ACCEPTABLE,
      desc = "evicted once, or passed by")
  @Outcome(
      id = "1, 1, 42",
      expect = ACCEPTABLE,
      desc = "evicted, used, and evicted by a scan that began after the use")
  @Outcome(expect = FORBIDDEN, desc = "content lost")
  @State
  public static class EvictAndEvict extends Block {
    @Actor
    public void one(III_Result r) {
      r.r1 = (int) lru.evict(1);
    }

    @Actor
    public void two(III_Result r) {
      r.r2 = (int) lru.evict(1);
    }

    @Actor
    public void hold() {
      int _ = read(handle);
    }

    @Arbiter
    public void after(III_Result r) {
      r.r3 = read(handle) + (tickets.get() == 0 ? 0 : 100);
    }
  }

  /** The last close beside a scan: released once, and nothing is left in the store. */
  @JCStressTest
  @Outcome(
      id = {"0, 1, 0", "1, 1, 0"},
      expect = ACCEPTABLE,
      desc = "released once, the store is empty")
  @Outcome(expect = FORBIDDEN, desc = "never or twice released, or left in the store")
  @State
  public static class CloseAndEvict extends Block {
    @Actor
    public void close() {
      handle.close();
    }

    @Actor
    public void evict(III_Result r) {
      r.r1 = (int) lru.evict(1);
    }

    @Arbiter
    public void after(III_Result r) {
      r.r2 = releases.get();
      r.r3 = tickets.get() + (int) lru.count() + (int) lru.statistics().evictedBuffers();
    }
  }

  /** The memory's next owner beside a scan that knew the one before. */
  @JCStressTest
  @Outcome(
      id = {"0, 42", "1, 42"},
      expect = ACCEPTABLE,
      desc = "whoever was evicted, the next owner has its own content")
  @Outcome(expect = FORBIDDEN, desc = "the next owner lost its content, or is in the wrong place")
  @State
  public static class ReexportAndEvict extends Block {
    public ReexportAndEvict() {
      exportsAgain = true;
    }

    @Actor
    public void close() {
      handle.close();
    }

    @Actor
    public void evict(II_Result r) {
      r.r1 = (int) lru.evict(1);
    }

    @Arbiter
    public void after(II_Result r) {
      DmaBuf owner = next;
      if (owner == null) {
        r.r2 = -5;
        return;
      }
      boolean evicted = owner.info().residency() == BufferObject.Residency.EVICTED;
      boolean placed = lru.statistics().evictedBuffers() == (evicted ? 1 : 0);
      r.r2 = placed ? read(owner) : -6;
    }
  }

  /** An offer taken back beside a purge: it is gone for good, or there for good. */
  @JCStressTest
  @Outcome(id = "0, 42", expect = ACCEPTABLE, desc = "taken back in time")
  @Outcome(id = "1, -2", expect = ACCEPTABLE, desc = "dropped before")
  @Outcome(expect = FORBIDDEN, desc = "dropped after it was taken back, or not dropped and gone")
  @State
  public static class TakeBackAndPurge extends Block {
    public TakeBackAndPurge() {
      advise(Advice.DONT_NEED);
    }

    @Actor
    public void takeBack() {
      advise(Advice.WILL_NEED);
    }

    @Actor
    public void purge(II_Result r) {
      r.r1 = (int) lru.purge(1);
    }

    @Arbiter
    public void after(II_Result r) {
      r.r2 = read(handle);
    }
  }
}

package io.github.dmabuf4j;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.spi.MappedBytes;
import io.github.dmabuf4j.spi.MappingCache;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;

/** The counted mapping of a buffer: made once at a time, undone once, never under a user. */
public class BufferMappingStress {
  private static final MemorySegment MEMORY = Arena.global().allocate(1);

  private BufferMappingStress() {}

  /** One mapping, which notices that it was used or undone after it was undone. */
  private static final class Mapping implements MappedBytes {
    private final AtomicInteger mistakes;
    private final AtomicInteger undone = new AtomicInteger();

    Mapping(AtomicInteger mistakes) {
      this.mistakes = mistakes;
    }

    private void check() {
      if (undone.get() != 0) {
        mistakes.incrementAndGet();
      }
    }

    void undo() {
      check();
      undone.incrementAndGet();
    }

    @Override
    public MemorySegment segment(long byteSize) {
      check();
      return MEMORY;
    }

    @Override
    public MemorySegment segment(long byteSize, Arena arena) {
      check();
      return MEMORY;
    }
  }

  /** A buffer with a cache, whose exporter counts its mappings. */
  public static class Mapped implements Exporter, MappingCache {
    final AtomicInteger mistakes = new AtomicInteger();
    final AtomicInteger made = new AtomicInteger();
    final AtomicInteger undone = new AtomicInteger();
    final AtomicInteger idle = new AtomicInteger();
    private final AtomicInteger mapping = new AtomicInteger();
    private volatile boolean released;
    final BufferObject object = new BufferObject(this);
    final DmaBuf handle = object.export(1, null, null);

    @Override
    public String name() {
      return "stress";
    }

    @Override
    public MappedBytes vmap() {
      if (mapping.getAndIncrement() != 0 || released) {
        mistakes.incrementAndGet(); // two at a time
      }
      made.incrementAndGet();
      Mapping fresh = new Mapping(mistakes);
      mapping.decrementAndGet();
      return fresh;
    }

    @Override
    public void vunmap(MappedBytes bytes) {
      if (released) {
        mistakes.incrementAndGet();
      }
      ((Mapping) bytes).undo();
      undone.incrementAndGet();
    }

    @Override
    public MappingCache mappingCache() {
      return this;
    }

    @Override
    public void mapped(BufferObject buffer, int mapping) {
      idle.incrementAndGet();
    }

    @Override
    public void used(BufferObject buffer) {}

    @Override
    public void unmapped(BufferObject buffer, int mapping) {
      idle.decrementAndGet();
    }

    @Override
    public ScatterList map(Attachment attachment, Access access) {
      throw new UnsupportedOperationException("no importers");
    }

    @Override
    public void release() {
      released = true;
    }

    /** What the cache does; 1 if it gave up an idle mapping. */
    final int drop() {
      if (object.dropIdleMapping()) {
        idle.decrementAndGet();
        return 1;
      }
      return 0;
    }

    /** What a user does. */
    final void use() {
      try (Hold hold = handle.hold(ArenaKind.POOL)) {
        look(hold);
      }
    }

    static void look(Hold hold) {
      MemorySegment _ = hold.segment();
    }

    /** The mistakes after the end of the buffer; what is left mapped or idle counts as one. */
    final int mistakesAtTheEnd() {
      handle.close();
      int left = made.get() - undone.get() + idle.get();
      return mistakes.get() + left + (released ? 0 : 1);
    }
  }

  /** Two first users. */
  @JCStressTest
  @Outcome(id = "0, 1", expect = ACCEPTABLE, desc = "mapped once, unmapped once")
  @Outcome(expect = FORBIDDEN, desc = "mapped twice, or not unmapped")
  @State
  public static class FirstUsers extends Mapped {
    @Actor
    public void one() {
      use();
    }

    @Actor
    public void two() {
      use();
    }

    @Arbiter
    public void after(II_Result r) {
      r.r1 = mistakesAtTheEnd();
      r.r2 = made.get();
    }
  }

  /** A user beside a cache that gives the mapping up. */
  @JCStressTest
  @Outcome(id = "0, 1, 1", expect = ACCEPTABLE, desc = "given up under the user, or after it")
  @Outcome(id = "0, 2, 1", expect = ACCEPTABLE, desc = "given up first: mapped anew")
  @Outcome(expect = FORBIDDEN, desc = "unmapped under the user, twice, or not at all")
  @State
  public static class UserAndCache extends Mapped {
    public UserAndCache() {
      use();
    }

    @Actor
    public void user() {
      use();
    }

    @Actor
    public void cache(III_Result r) {
      r.r3 = drop();
    }

    @Arbiter
    public void after(III_Result r) {
      r.r1 = mistakesAtTheEnd();
      r.r2 = made.get();
    }
  }

  /** The last user of a mapping that was given up, beside the next one. */
  @JCStressTest
  @Outcome(
      id = {"0, 1", "0, 2"},
      expect = ACCEPTABLE,
      desc = "the next one shares the mapping, or gets another")
  @Outcome(expect = FORBIDDEN, desc = "unmapped under a user, twice, or not at all")
  @State
  public static class LastAndNextUser extends Mapped {
    private final Hold last;

    public LastAndNextUser() {
      last = handle.hold(ArenaKind.POOL);
      int _ = drop();
    }

    @Actor
    public void last() {
      look(last);
      last.close();
    }

    @Actor
    public void next() {
      use();
    }

    @Arbiter
    public void after(II_Result r) {
      r.r1 = mistakesAtTheEnd();
      r.r2 = made.get();
    }
  }

  /** A cache beside the last close. */
  @JCStressTest
  @Outcome(
      id = {"0, 0", "0, 1"},
      expect = ACCEPTABLE,
      desc = "unmapped by the end of the buffer, or before it")
  @Outcome(expect = FORBIDDEN, desc = "unmapped twice, after the release, or not at all")
  @State
  public static class CacheAndLastClose extends Mapped {
    public CacheAndLastClose() {
      use();
    }

    @Actor
    public void cache(II_Result r) {
      r.r2 = drop();
    }

    @Actor
    public void close() {
      handle.close();
    }

    @Arbiter
    public void after(II_Result r) {
      r.r1 = mistakesAtTheEnd();
    }
  }

  /** A mapping that is given up on two threads. */
  @JCStressTest
  @Outcome(
      id = {"0, 1, 0", "0, 0, 1"},
      expect = ACCEPTABLE,
      desc = "by one of them")
  @Outcome(expect = FORBIDDEN, desc = "unmapped twice, or not at all")
  @State
  public static class CacheAndCache extends Mapped {
    public CacheAndCache() {
      use();
    }

    @Actor
    public void one(III_Result r) {
      r.r2 = drop();
    }

    @Actor
    public void two(III_Result r) {
      r.r3 = drop();
    }

    @Arbiter
    public void after(III_Result r) {
      r.r1 = mistakesAtTheEnd();
    }
  }

  /** A move beside a cache that gives the mapping up: who comes after it sees the new place. */
  @JCStressTest
  @Outcome(id = "0, 0", expect = ACCEPTABLE, desc = "moved, and mapped anew")
  @Outcome(id = "-1, 0", expect = ACCEPTABLE, desc = "busy: not moved")
  @Outcome(expect = FORBIDDEN, desc = "still mapped after the move, so that the old place is used")
  @State
  public static class MoveAndCache extends Mapped {
    public MoveAndCache() {
      use();
    }

    @Actor
    public void move(II_Result r) {
      r.r1 = -1;
      if (!object.tryBeginReclaim()) {
        return;
      }
      int before = made.get();
      if (!object.isBusyLocked()) {
        object.moveNotifyLocked();
        r.r1 = object.isMapped() ? 1 : 0;
        handle.vmapLocked().close();
        r.r1 += made.get() == before ? 10 : 0;
      }
      object.endReclaim();
    }

    @Actor
    public void cache() {
      int _ = drop();
    }

    @Arbiter
    public void after(II_Result r) {
      r.r2 = mistakesAtTheEnd();
    }
  }
}

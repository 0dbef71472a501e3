package io.github.dmabuf4j;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.spi.MappedBytes;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;

/** The life of a {@link BufferObject}: retain, the last put, the export of the next generation. */
public class BufferStress {
  private BufferStress() {}

  /** A block without bytes that counts its releases, and may be exported again at once. */
  public static class Block implements Exporter {
    final AtomicInteger releases = new AtomicInteger();
    final BufferObject object = new BufferObject(this);
    final DmaBuf handle = object.export(1, null, null);
    volatile boolean exportsAgain;
    volatile @Nullable DmaBuf next;

    @Override
    public String name() {
      return "stress";
    }

    @Override
    public MappedBytes vmap() {
      throw new UnsupportedOperationException("no bytes");
    }

    @Override
    public ScatterList map(Attachment attachment, Access access) {
      throw new UnsupportedOperationException("no bytes");
    }

    @Override
    public void release() {
      releases.incrementAndGet();
      if (exportsAgain) {
        exportsAgain = false;
        next = object.export(2, null, null);
      }
    }

    /**
     * The size that an open handle sees, -1 if it was refused, 0 if the reference was to the other
     * generation.
     */
    static int use(DmaBuf handle) {
      try (DmaBuf mine = handle.dup()) {
        return (int) mine.size();
      } catch (IllegalStateException closed) {
        return -1;
      }
    }
  }

  /** A dup beside the close of the last handle. */
  @JCStressTest
  @Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "dup came first and was closed: one release")
  @Outcome(id = "-1, 1", expect = ACCEPTABLE, desc = "refused: one release")
  @Outcome(expect = FORBIDDEN, desc = "never or twice released")
  @State
  public static class DupAndLastClose extends Block {
    @Actor
    public void dup(II_Result r) {
      r.r1 = use(handle);
    }

    @Actor
    public void close() {
      handle.close();
    }

    @Arbiter
    public void after(II_Result r) {
      r.r2 = releases.get();
    }
  }

  /** A handle used while its buffer is closed and the memory goes to the next owner. */
  @JCStressTest
  @Outcome(
      id = {"1, 1, 2", "-1, 1, 2"},
      expect = ACCEPTABLE,
      desc = "its own buffer or none; the next owner's is untouched")
  @Outcome(expect = FORBIDDEN, desc = "touched somebody else's buffer")
  @State
  public static class DupAndReexport extends Block {
    public DupAndReexport() {
      exportsAgain = true;
    }

    @Actor
    public void dup(III_Result r) {
      r.r1 = use(handle);
    }

    @Actor
    public void close() {
      handle.close();
    }

    @Arbiter
    public void after(III_Result r) {
      r.r2 = releases.get();
      r.r3 = use(Objects.requireNonNull(next));
    }
  }

  /** Closing from two threads counts once. */
  @JCStressTest
  @Outcome(
      id = "0, 1",
      expect = ACCEPTABLE,
      desc = "the other handle still counted, then one release")
  @Outcome(expect = FORBIDDEN, desc = "counted twice")
  @State
  public static class CloseAndClose extends Block {
    private final DmaBuf second = handle.dup();

    @Actor
    public void first() {
      handle.close();
    }

    @Actor
    public void again() {
      handle.close();
    }

    @Arbiter
    public void after(II_Result r) {
      r.r1 = releases.get();
      second.close();
      r.r2 = releases.get();
    }
  }

  /** Closing twice at once beside a dup, whose reference looks like the one that is dropped. */
  @JCStressTest
  @Outcome(
      id = {"0, 1, 1", "-1, 1, 1"},
      expect = ACCEPTABLE,
      desc = "the duplicate, if there was one, kept its reference; then one release")
  @Outcome(expect = FORBIDDEN, desc = "a second close dropped the duplicate's reference")
  @State
  public static class CloseTwiceAndDup extends Block {
    private volatile @Nullable DmaBuf copy;

    @Actor
    public void first() {
      handle.close();
    }

    @Actor
    public void again() {
      handle.close();
    }

    @Actor
    public void dup() {
      try {
        copy = handle.dup();
      } catch (IllegalStateException closed) {
        // It came too late.
      }
    }

    @Arbiter
    public void after(III_Result r) {
      DmaBuf kept = copy;
      r.r1 = kept == null ? -1 : releases.get();
      r.r2 = kept == null ? 1 : use(kept);
      if (kept != null) {
        kept.close();
      }
      r.r3 = releases.get();
    }
  }

  /** Reclaim beside the last close: the memory goes back once, and never under reclaim's hands. */
  @JCStressTest
  @Outcome(
      id = {"0, 1", "1, 1"},
      expect = ACCEPTABLE,
      desc = "passed by, or not released before its end")
  @Outcome(expect = FORBIDDEN, desc = "released under reclaim, never, or twice")
  @State
  public static class ReclaimAndLastClose extends Block {
    @Actor
    public void reclaim(II_Result r) {
      if (object.tryBeginReclaim()) {
        r.r1 = 1 + releases.get();
        object.endReclaim();
      }
    }

    @Actor
    public void close() {
      handle.close();
    }

    @Arbiter
    public void after(II_Result r) {
      r.r2 = releases.get();
    }
  }

  /** The last close beside the signal of a fence on the buffer: quarantine ends once. */
  @JCStressTest
  @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "released once")
  @Outcome(expect = FORBIDDEN, desc = "never or twice released")
  @State
  public static class CloseAndSignal extends Block {
    private final Fence first = new Fence(FenceOrigin.CPU_ACCESS, FenceOrigin.nextSingle());
    private final Fence second = new Fence(FenceOrigin.CPU_ACCESS, FenceOrigin.nextSingle());

    public CloseAndSignal() {
      Reservation reservation = handle.reservation();
      reservation.lock();
      reservation.reserve(2);
      reservation.add(first, FenceUsage.READ);
      reservation.add(second, FenceUsage.BOOKKEEP);
      reservation.unlock();
    }

    @Actor
    public void close() {
      handle.close();
    }

    @Actor
    public void signal() {
      first.signal(null);
      second.signal(null);
    }

    @Arbiter
    public void after(II_Result r) {
      r.r1 = releases.get();
      r.r2 = object.isReferenced() ? 1 : 0;
    }
  }
}

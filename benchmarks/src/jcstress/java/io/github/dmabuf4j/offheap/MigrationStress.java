package io.github.dmabuf4j.offheap;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.Importer;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.Reservation;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;

/**
 * A move beside whatever else may be done to the buffer: the content is what was written, nobody
 * reads or writes the old place after the move, and each place goes back once (design rules PN2,
 * PN5, PN6). Whoever moves overwrites the old place at once.
 */
public class MigrationStress {
  private static final long REGION_PAGES = 4;
  private static final long POOL_PAGES = 2;
  private static final long BYTES = SizeClasses.PAGE;
  private static final long LAST = BYTES - 1;
  private static final AllocationRequest REQUEST =
      AllocationRequest.of(BYTES).policy(AllocPolicy.FAIL_FAST).movable().build();

  private MigrationStress() {}

  /** A pool with a region in which a movable buffer lies, filled with 1. */
  public static class Movable {
    final StressMemory memory = new StressMemory(false);
    final Pool pool;
    final ReservedRegion region;
    final DmaBuf handle;
    final MovableBuffer buffer;
    final Block from;

    Movable() {
      long limit = (REGION_PAGES + POOL_PAGES) * BYTES;
      SlabMemory.Region reserved = memory.map(REGION_PAGES * BYTES, BYTES, false);
      pool = new Pool("stress", limit, limit, limit, memory, 1, reserved);
      region = Objects.requireNonNull(pool.region);
      handle = allocate();
      buffer = region.movables().getFirst();
      from = buffer.place;
      write(1);
    }

    final DmaBuf allocate() {
      try {
        return pool.allocate(REQUEST, REQUEST.policy(), false);
      } catch (InterruptedException e) {
        throw new AssertionError("nothing was waited for", e);
      }
    }

    final void write(int value) {
      handle.writeUninterruptibly(bytes -> fill(bytes, value));
    }

    static void fill(MemorySegment bytes, int value) {
      bytes.set(ValueLayout.JAVA_BYTE, 0, (byte) value);
      bytes.set(ValueLayout.JAVA_BYTE, LAST, (byte) value);
    }

    /** The value of all bytes, or -1 if they differ. */
    static int valueOf(MemorySegment bytes) {
      byte first = bytes.get(ValueLayout.JAVA_BYTE, 0);
      return first == bytes.get(ValueLayout.JAVA_BYTE, LAST) ? first : -1;
    }

    final int read() {
      return handle.readUninterruptibly(Movable::valueOf);
    }

    /** Moves the buffer out of the region, and overwrites its old place; 1 if it was moved. */
    final int moveOut() {
      if (region.migration.tryMove(buffer, from, region.migration::intoPool)
          != Migration.Outcome.MOVED) {
        return 0;
      }
      overwriteOldPlace();
      return 1;
    }

    final void overwriteOldPlace() {
      Block old = region.place(BYTES, BYTES, true);
      if (old == null) {
        throw new AssertionError("no room where a buffer was");
      }
      old.segment(BYTES).fill(StressMemory.GONE);
      region.giveBack(old);
    }

    final void locked(Runnable action) {
      Reservation reservation = handle.reservation();
      reservation.lock();
      try {
        action.run();
      } finally {
        reservation.unlock();
      }
    }

    /** Ends everything; what is left of it, or went back twice, counts as a mistake each. */
    final int mistakesAtTheEnd() {
      handle.close();
      int mistakes = region.movables().size();
      mistakes += region.statistics().freeBytes() == REGION_PAGES * BYTES ? 0 : 1;
      pool.lifecycle.beginDraining();
      mistakes += pool.lifecycle.isClosed() ? 0 : 1;
      mistakes += pool.slabs.committed() == 0 ? 0 : 1;
      return mistakes + memory.open() + memory.mistakes();
    }
  }

  // ---- users of the bytes ----

  /** A closure that reads. */
  @JCStressTest
  @Outcome(id = "[01], 1, 0", expect = ACCEPTABLE, desc = "moved or not, it read its content")
  @Outcome(expect = FORBIDDEN, desc = "read the old place, or something went back not once")
  @State
  public static class MoveAndRead extends Movable {
    @Actor
    public void move(III_Result r) {
      r.r1 = moveOut();
    }

    @Actor
    public void use(III_Result r) {
      r.r2 = read();
    }

    @Arbiter
    public void after(III_Result r) {
      r.r3 = (read() == 1 ? 0 : 100) + mistakesAtTheEnd();
    }
  }

  /** A closure that writes. */
  @JCStressTest
  @Outcome(id = "[01], 2, 0", expect = ACCEPTABLE, desc = "moved or not, what was written is there")
  @Outcome(expect = FORBIDDEN, desc = "wrote to the old place, or something went back not once")
  @State
  public static class MoveAndWrite extends Movable {
    @Actor
    public void move(III_Result r) {
      r.r1 = moveOut();
    }

    @Actor
    public void use() {
      write(2);
    }

    @Arbiter
    public void after(III_Result r) {
      r.r2 = read();
      r.r3 = mistakesAtTheEnd();
    }
  }

  /** A view for libraries that know byte buffers only, over a hold that any thread may close. */
  @JCStressTest
  @Outcome(id = "[01], 2, 0", expect = ACCEPTABLE, desc = "moved or not, what was written is there")
  @Outcome(expect = FORBIDDEN, desc = "used the old place, or something went back not once")
  @State
  public static class MoveAndByteBuffer extends Movable {
    private volatile boolean misread;

    @Actor
    public void move(III_Result r) {
      r.r1 = moveOut();
    }

    @Actor
    public void use() {
      try (Hold hold = handle.hold(ArenaKind.SHARED)) {
        ByteBuffer view = hold.byteBuffer();
        misread = view.get(0) != 1 || view.get((int) LAST) != 1;
        view.put(0, (byte) 2).put((int) LAST, (byte) 2);
      }
    }

    @Arbiter
    public void after(III_Result r) {
      r.r2 = misread ? -1 : read();
      r.r3 = mistakesAtTheEnd();
    }
  }

  /** A hold that is kept: the buffer stays where it was found until that is closed. */
  @JCStressTest
  @Outcome(id = "[01], 1, 0", expect = ACCEPTABLE, desc = "moved before, or passed by")
  @Outcome(expect = FORBIDDEN, desc = "moved under the hold, or something went back not once")
  @State
  public static class MoveAndHold extends Movable {
    private volatile @Nullable Hold kept;

    @Actor
    public void move(III_Result r) {
      r.r1 = moveOut();
    }

    @Actor
    public void hold() {
      kept = handle.hold(ArenaKind.POOL);
    }

    @Arbiter
    public void after(III_Result r) {
      Hold hold = Objects.requireNonNull(kept);
      boolean stays = moveOut() == 0 && hold.address() == buffer.place.address;
      r.r2 = stays ? valueOf(hold.segment()) : -1;
      hold.close();
      r.r3 = mistakesAtTheEnd();
    }
  }

  // ---- pins, devices ----

  /** A long pin, which moves the buffer out by itself. */
  @JCStressTest
  @Outcome(id = "[01], 1, 0", expect = ACCEPTABLE, desc = "pinned outside of the region")
  @Outcome(
      expect = FORBIDDEN,
      desc = "pinned in the region, moved while pinned, or something went back not once")
  @State
  public static class MoveAndLongPin extends Movable {
    private volatile @Nullable Pin pin;

    @Actor
    public void move(III_Result r) {
      r.r1 = moveOut();
    }

    @Actor
    public void pin() {
      locked(() -> pin = handle.pin(Pin.Term.LONG));
    }

    @Arbiter
    public void after(III_Result r) {
      Block place = buffer.place;
      var _ = region.migration.tryMove(buffer, place, region.migration::intoRegion);
      r.r2 = buffer.place == place && !region.owns(place) ? read() : -1;
      locked(() -> Objects.requireNonNull(pin).close());
      r.r3 = mistakesAtTheEnd() + (int) pool.pinned.now();
    }
  }

  /** A device that maps, and is told of moves. */
  private static final class Device implements Importer {
    /** What it has mapped, 0 if that is void. */
    private volatile long address;

    @Override
    public String name() {
      return "device";
    }

    @Override
    public boolean isDynamic() {
      return true;
    }

    @Override
    public void moveNotify(Attachment attachment) {
      address = 0;
    }
  }

  /** A device that attaches and maps: it knows the place, or that it must ask again. */
  @JCStressTest
  @Outcome(id = "[01], 1, 0", expect = ACCEPTABLE, desc = "it knows the place, or was told")
  @Outcome(expect = FORBIDDEN, desc = "it goes on with the old place")
  @State
  public static class MoveAndAttach extends Movable {
    private final Device device = new Device();
    private volatile @Nullable Attachment attachment;
    private volatile int seen;

    @Actor
    public void move(III_Result r) {
      r.r1 = moveOut();
    }

    @Actor
    public void attach() {
      Attachment fresh = handle.attach(device);
      attachment = fresh;
      locked(
          () -> {
            MemorySegment bytes = fresh.map(Access.READ).segments().getFirst();
            device.address = bytes.address();
            seen = valueOf(bytes);
          });
    }

    @Arbiter
    public void after(III_Result r) {
      long known = device.address;
      r.r2 = known == 0 || known == buffer.place.address ? seen : -1;
      Objects.requireNonNull(attachment).close();
      r.r3 = (read() == 1 ? 0 : 100) + mistakesAtTheEnd();
    }
  }

  /** A device in flight, which knows nothing of moves: its fence keeps the buffer where it is. */
  @JCStressTest
  @Outcome(id = "[01], 2, 0", expect = ACCEPTABLE, desc = "moved after its signal, or not")
  @Outcome(expect = FORBIDDEN, desc = "moved under the device, or something went back not once")
  @State
  public static class MoveAndSignal extends Movable {
    private final FenceContext timeline = FenceContext.create("device");
    private final Fence fence = timeline.newFence();
    private final long address = from.address;

    public MoveAndSignal() {
      locked(
          () -> {
            handle.reservation().reserve(1);
            handle.reservation().add(fence, FenceUsage.WRITE);
          });
    }

    @Actor
    public void move(III_Result r) {
      r.r1 = moveOut();
    }

    @Actor
    public void device() {
      fill(MemorySegment.ofAddress(address).reinterpret(BYTES), 2);
      timeline.signal(fence);
    }

    @Arbiter
    public void after(III_Result r) {
      r.r2 = read();
      r.r3 = mistakesAtTheEnd();
      timeline.close();
    }
  }

  // ---- the end of the buffer ----

  /** The last handle is closed. */
  @JCStressTest
  @Outcome(id = "[01], 0", expect = ACCEPTABLE, desc = "each place went back once")
  @Outcome(expect = FORBIDDEN, desc = "a place was lost, or went back twice")
  @State
  public static class MoveAndClose extends Movable {
    @Actor
    public void move(II_Result r) {
      r.r1 = moveOut();
    }

    @Actor
    public void close() {
      handle.close();
    }

    @Arbiter
    public void after(II_Result r) {
      r.r2 = mistakesAtTheEnd();
    }
  }

  /** The last handle was closed before; a callback of the last fence gives the buffer back. */
  @JCStressTest
  @Outcome(id = "[01], 0", expect = ACCEPTABLE, desc = "each place went back once")
  @Outcome(expect = FORBIDDEN, desc = "a place was lost, or went back twice")
  @State
  public static class MoveAndEndOfQuarantine extends Movable {
    private final FenceContext timeline = FenceContext.create("device");
    private final Fence fence = timeline.newFence();

    public MoveAndEndOfQuarantine() {
      locked(
          () -> {
            handle.reservation().reserve(1);
            handle.reservation().add(fence, FenceUsage.BOOKKEEP);
          });
      handle.close();
    }

    @Actor
    public void move(II_Result r) {
      r.r1 = moveOut();
    }

    @Actor
    public void signal() {
      timeline.signal(fence);
    }

    @Arbiter
    public void after(II_Result r) {
      r.r2 = mistakesAtTheEnd();
      timeline.close();
    }
  }

  // ---- others that move ----

  /** Two want to move the same buffer, one of them in order to compact. */
  @JCStressTest
  @Outcome(
      id = {"1, 0, 0", "0, 1, 0"},
      expect = ACCEPTABLE,
      desc = "moved once")
  @Outcome(id = "0, 0, 0", expect = ACCEPTABLE, desc = "each passed by")
  @Outcome(expect = FORBIDDEN, desc = "moved twice, lost, or something went back not once")
  @State
  public static class MoveAndCompact {
    private final Second state = new Second();

    /** A buffer behind a hole. */
    private static final class Second extends Movable {
      final DmaBuf later = allocate();
      final MovableBuffer second;
      final Block secondPlace;

      Second() {
        second = region.movables().stream().filter(one -> one != buffer).findAny().orElseThrow();
        secondPlace = second.place;
        later.writeUninterruptibly(bytes -> fill(bytes, 2));
        handle.close();
      }
    }

    @Actor
    public void move(III_Result r) {
      Migration migration = state.region.migration;
      var outcome = migration.tryMove(state.second, state.secondPlace, migration::intoPool);
      r.r1 = outcome == Migration.Outcome.MOVED ? 1 : 0;
    }

    @Actor
    public void compact(III_Result r) {
      r.r2 = state.region.compact() == 0 ? 0 : 1;
    }

    @Arbiter
    public void after(III_Result r) {
      int value = state.later.readUninterruptibly(Movable::valueOf);
      boolean inPool = !state.region.owns(state.second.place);
      state.later.close();
      r.r3 = (value == 2 ? 0 : 100) + (inPool == (r.r1 == 1) ? 0 : 10) + state.mistakesAtTheEnd();
    }
  }

  /** A range of the whole region is wanted: the buffer is moved out for it, once it can be. */
  @JCStressTest
  @Outcome(id = "1, 1, 0", expect = ACCEPTABLE, desc = "cleared, with the content elsewhere")
  @Outcome(id = "0, 1, 0", expect = ACCEPTABLE, desc = "passed by, for it was read")
  @Outcome(expect = FORBIDDEN, desc = "misread, lost, or something went back not once")
  @State
  public static class ClearAndRead extends Movable {
    private volatile @Nullable DmaBuf contiguous;

    @Actor
    public void clear(III_Result r) {
      try {
        DmaBuf range =
            region.supply.allocate(
                AllocationRequest.of(REGION_PAGES * BYTES).policy(AllocPolicy.FAIL_FAST).build());
        contiguous = range;
        range.writeUninterruptibly(bytes -> bytes.fill(StressMemory.GONE));
        r.r1 = 1;
      } catch (OutOfBuffersException e) {
        r.r1 = 0;
      } catch (InterruptedException e) {
        throw new AssertionError("nothing was waited for", e);
      }
    }

    @Actor
    public void use(III_Result r) {
      r.r2 = read();
    }

    @Arbiter
    public void after(III_Result r) {
      int wrong = read() == 1 ? 0 : 100;
      DmaBuf range = contiguous;
      if (range != null) {
        range.close();
      }
      r.r3 = wrong + mistakesAtTheEnd();
    }
  }
}

package io.github.dmabuf4j.tck.exporters;

import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.spi.MappedBytes;
import java.lang.foreign.MemorySegment;

/** Exporters that move, pin or drop as they must not. */
final class WrongMovers {
  private WrongMovers() {}

  /** Moves past the core, and so past its checks, whatever its own find. */
  abstract static class Silent extends MovingExporter {
    Silent(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    /** Whether it thinks that it may move. With the reservation. */
    abstract boolean seemsIdle(BufInfo.Buffer info);

    @Override
    public boolean tryMove() {
      if (!object.tryBeginReclaim()) {
        return false;
      }
      try {
        if (!seemsIdle(object.info())) {
          return false;
        }
        if (object.isBusyLocked()) {
          moveSilently();
        } else {
          moveLocked(Place.OUTSIDE);
        }
        return true;
      } finally {
        object.endReclaim();
      }
    }

    final void moveSilently() {
      MemorySegment old = memory;
      memory = allocate(bytes);
      MemorySegment.copy(old, 0, memory, 0, bytes);
      spoil(old);
    }
  }

  static final class ForgetsPins extends Silent {
    ForgetsPins(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    boolean seemsIdle(BufInfo.Buffer info) {
      return info.holds() == 0 && info.fences().isEmpty();
    }
  }

  static final class ForgetsHolds extends Silent {
    ForgetsHolds(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    boolean seemsIdle(BufInfo.Buffer info) {
      return info.pins() == 0 && info.fences().isEmpty();
    }
  }

  static final class ForgetsFences extends Silent {
    ForgetsFences(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    boolean seemsIdle(BufInfo.Buffer info) {
      return info.pins() == 0 && info.holds() == 0;
    }
  }

  static final class ForgetsBookkeeping extends Silent {
    ForgetsBookkeeping(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    boolean seemsIdle(BufInfo.Buffer info) {
      return info.pins() == 0
          && info.holds() == 0
          && object.reservation().isSignaled(FenceUsage.READ);
    }
  }

  static final class MovesWithoutTheLock extends MovingExporter {
    MovesWithoutTheLock(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public boolean tryMove() {
      BufInfo.Buffer info = object.info();
      if (info.pins() != 0 || info.holds() != 0 || !info.fences().isEmpty()) {
        return false;
      }
      MemorySegment old = memory;
      memory = allocate(bytes);
      MemorySegment.copy(old, 0, memory, 0, bytes);
      spoil(old);
      return true;
    }
  }

  static final class WaitsForTheLock extends MovingExporter {
    WaitsForTheLock(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public boolean tryMove() {
      object.reservation().lock();
      object.reservation().unlock();
      return super.tryMove();
    }
  }

  static final class TellsNobody extends MovingExporter {
    TellsNobody(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    void moveLocked(Place target) {
      MemorySegment old = memory;
      memory = allocate(bytes);
      MemorySegment.copy(old, 0, memory, 0, bytes);
      object.dropIdleMapping();
      spoil(old);
    }
  }

  static final class TellsAfterwards extends MovingExporter {
    TellsAfterwards(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    void moveLocked(Place target) {
      MemorySegment old = memory;
      memory = allocate(bytes);
      MemorySegment.copy(old, 0, memory, 0, bytes);
      spoil(old);
      object.moveNotifyLocked();
    }
  }

  static final class LeavesTheContentBehind extends MovingExporter {
    LeavesTheContentBehind(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    void moveLocked(Place target) {
      object.moveNotifyLocked();
      memory = allocate(bytes);
    }
  }

  static final class StaysInTheRegion extends MovingExporter {
    StaysInTheRegion(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public void pin(Pin.Term term) {}
  }

  static final class PinsBeforeTheContentIsThere extends MovingExporter {
    private MemorySegment still;

    PinsBeforeTheContentIsThere(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public void pin(Pin.Term term) {
      if (term == Pin.Term.LONG && place() == Place.REGION) {
        MemorySegment old = memory;
        super.pin(term);
        still = allocate(bytes);
        still.copyFrom(memory);
        memory.fill((byte) 0); // the copy is under way
        spoil(old);
      }
    }

    @Override
    public void unpin(Pin.Term term) {
      if (still != null) {
        memory.copyFrom(still);
      }
    }
  }

  static final class ForgetsShortUnpins extends MovingExporter {
    private int pins;

    ForgetsShortUnpins(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public void pin(Pin.Term term) {
      super.pin(term);
      pins++;
    }

    @Override
    public void unpin(Pin.Term term) {
      pins -= term == Pin.Term.LONG ? 1 : 0;
    }

    @Override
    public boolean tryMove() {
      return pins == 0 && super.tryMove();
    }
  }

  static final class LosesTheLockInPin extends MovingExporter {
    LosesTheLockInPin(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public void pin(Pin.Term term) {
      object.reservation().unlock();
    }
  }

  static final class LosesTheLockInMap extends MovingExporter {
    LosesTheLockInMap(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public io.github.dmabuf4j.ScatterList map(
        Attachment attachment, io.github.dmabuf4j.Access access) {
      object.reservation().unlock();
      return super.map(attachment, access);
    }
  }

  static final class StaysOnceMapped extends MovingExporter {
    private boolean mapped;

    StaysOnceMapped(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public MappedBytes vmap() {
      mapped = true;
      return super.vmap();
    }

    @Override
    public boolean tryMove() {
      return !mapped && super.tryMove();
    }
  }

  static final class DropsWhatIsNeeded extends MovingExporter {
    DropsWhatIsNeeded(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public boolean tryPurge() {
      if (!object.tryBeginReclaim()) {
        return false;
      }
      try {
        if (object.isBusyLocked()) {
          return false;
        }
        spoil(memory);
        return true;
      } finally {
        object.endReclaim();
      }
    }
  }

  static final class DropsWhatIsPinned extends MovingExporter {
    DropsWhatIsPinned(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public boolean tryPurge() {
      if (object.info().pins() > 0) {
        spoil(memory);
        return true;
      }
      return super.tryPurge();
    }
  }

  static final class DropsWhatIsHeld extends MovingExporter {
    DropsWhatIsHeld(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public boolean tryPurge() {
      if (object.info().holds() > 0) {
        spoil(memory);
        return true;
      }
      return super.tryPurge();
    }
  }

  static final class DropsBehindTheCoresBack extends MovingExporter {
    DropsBehindTheCoresBack(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public boolean tryPurge() {
      spoil(memory);
      return true;
    }
  }

  static final class ServesAnybody extends MovingExporter {
    ServesAnybody(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public void attach(Attachment attachment) {}
  }

  static final class ForgetsWhatIsUnmapped extends MovingExporter {
    ForgetsWhatIsUnmapped(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public void vunmap(MappedBytes mapped) {
      spoil(((Mapping) mapped).all());
    }
  }

  static final class UnmapsUnderItsUsers extends MovingExporter {
    UnmapsUnderItsUsers(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public boolean dropIdleMapping() {
      MemorySegment old = memory;
      memory = allocate(bytes);
      memory.copyFrom(old);
      boolean had = super.dropIdleMapping();
      spoil(old); // whoever uses it
      return had;
    }
  }
}

package io.github.dmabuf4j.tck.exporters;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.ReclaimStatistics;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.Shrinkable;
import io.github.dmabuf4j.Shrinker;
import io.github.dmabuf4j.spi.Exporter;
import java.lang.foreign.MemorySegment;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Exporters, stores and heaps that evict as they must not. */
final class WrongEvicters {
  private WrongEvicters() {}

  private static KitHeap heap(
      UnaryOperator<Exporter> around, EvictingHeap.EvictingFactory factory, CopyingStore store) {
    return new EvictingHeap("wrong", WrongHeaps.LIMIT, around, factory, store);
  }

  // ---- stores ----

  static KitHeap restoresZeros(UnaryOperator<Exporter> around) {
    return heap(
        around,
        EvictingExporter::new,
        new CopyingStore() {
          @Override
          public void load(Ticket ticket, MemorySegment target) {
            target.fill((byte) 0);
          }
        });
  }

  static KitHeap restoresTheContentOfAnother(UnaryOperator<Exporter> around) {
    return heap(
        around,
        EvictingExporter::new,
        new CopyingStore() {
          private volatile @Nullable Copy last;

          @Override
          public @Nullable Ticket store(MemorySegment content) {
            Ticket ticket = super.store(content);
            Copy mine = (Copy) ticket;
            last = mine == null ? null : new Copy(mine.bytes.clone());
            return ticket;
          }

          @Override
          public void load(Ticket ticket, MemorySegment target) {
            Copy other = last;
            if (other != null && other.bytes.length == target.byteSize()) {
              target.copyFrom(MemorySegment.ofArray(other.bytes));
            } else {
              super.load(ticket, target);
            }
          }
        });
  }

  // ---- exporters ----

  /** Gives up what is busy in one way, past the core and so past its checks. */
  static final class GivesUpWhatIsBusy extends EvictingExporter {
    private final Predicate<BufInfo.Buffer> busy;

    private GivesUpWhatIsBusy(
        EvictingHeap heap,
        long bytes,
        @Nullable Reservation shared,
        Predicate<BufInfo.Buffer> busy) {
      super(heap, bytes, shared);
      this.busy = busy;
    }

    static KitHeap heap(UnaryOperator<Exporter> around, Predicate<BufInfo.Buffer> busy) {
      return WrongEvicters.heap(
          around,
          (heap, bytes, shared) -> new GivesUpWhatIsBusy(heap, bytes, shared, busy),
          new CopyingStore());
    }

    @Override
    public boolean tryEvict() {
      if (busy.test(object.info())) {
        spoil(memory);
        return true;
      }
      return super.tryEvict();
    }
  }

  static KitHeap givesUpWhatIsHeld(UnaryOperator<Exporter> around) {
    return GivesUpWhatIsBusy.heap(around, info -> info.holds() > 0);
  }

  static KitHeap givesUpWhatIsPinned(UnaryOperator<Exporter> around) {
    return GivesUpWhatIsBusy.heap(around, info -> info.pins() > 0);
  }

  static KitHeap givesUpWhatIsWorkedOn(UnaryOperator<Exporter> around) {
    return GivesUpWhatIsBusy.heap(around, info -> !info.fences().isEmpty());
  }

  /** Moves its bytes by itself, and calls that an eviction. */
  static final class TellsNobody extends EvictingExporter {
    TellsNobody(EvictingHeap heap, long bytes, @Nullable Reservation shared) {
      super(heap, bytes, shared);
    }

    static KitHeap heap(UnaryOperator<Exporter> around) {
      return WrongEvicters.heap(around, TellsNobody::new, new CopyingStore());
    }

    @Override
    public boolean tryEvict() {
      if (!object.tryBeginReclaim()) {
        return false;
      }
      try {
        if (object.isBusyLocked()) {
          return false;
        }
        MemorySegment old = memory;
        memory = allocate(bytes);
        memory.copyFrom(old);
        object.dropIdleMapping();
        spoil(old);
        return true;
      } finally {
        object.endReclaim();
      }
    }
  }

  static final class WaitsForTheLock extends EvictingExporter {
    WaitsForTheLock(EvictingHeap heap, long bytes, @Nullable Reservation shared) {
      super(heap, bytes, shared);
    }

    static KitHeap heap(UnaryOperator<Exporter> around) {
      return WrongEvicters.heap(around, WaitsForTheLock::new, new CopyingStore());
    }

    @Override
    public boolean tryEvict() {
      object.reservation().lock();
      object.reservation().unlock();
      return super.tryEvict();
    }
  }

  /** Says that it gave its memory up, and has it all the time. */
  static final class KeepsItsMemory extends EvictingExporter {
    KeepsItsMemory(EvictingHeap heap, long bytes, @Nullable Reservation shared) {
      super(heap, bytes, shared);
    }

    static KitHeap heap(UnaryOperator<Exporter> around) {
      return WrongEvicters.heap(around, KeepsItsMemory::new, new CopyingStore());
    }

    @Override
    public boolean evict() {
      return true;
    }

    @Override
    public void restore() {}
  }

  // ---- heaps ----

  /** A heap that reclaims in a way of its own. */
  abstract static class Reclaiming extends EvictingHeap {
    Reclaiming(UnaryOperator<Exporter> around) {
      super("wrong", WrongHeaps.LIMIT, around, EvictingExporter::new, new CopyingStore());
    }

    @Override
    abstract long reclaim(long bytes, AllocPolicy policy);
  }

  static final class EvictsInTheOrderOfAllocation extends Reclaiming {
    EvictsInTheOrderOfAllocation(UnaryOperator<Exporter> around) {
      super(around);
    }

    @Override
    long reclaim(long bytes, AllocPolicy policy) {
      long[] given = {lru().purge(bytes)};
      forEach(
          EvictingExporter.class,
          one -> given[0] += given[0] < bytes && one.tryEvict() ? one.bytes : 0);
      return given[0];
    }
  }

  static final class EvictsBeforeItDrops extends Reclaiming {
    EvictsBeforeItDrops(UnaryOperator<Exporter> around) {
      super(around);
    }

    @Override
    long reclaim(long bytes, AllocPolicy policy) {
      long given = lru().evict(bytes);
      return given + lru().purge(bytes - given);
    }
  }

  static final class NeverWaits extends Reclaiming {
    NeverWaits(UnaryOperator<Exporter> around) {
      super(around);
    }

    @Override
    long reclaim(long bytes, AllocPolicy policy) {
      long given = lru().purge(bytes);
      return given + (policy == AllocPolicy.FAIL_FAST ? 0 : lru().evict(bytes - given));
    }
  }

  static final class LosesCount extends EvictingHeap {
    LosesCount(UnaryOperator<Exporter> around) {
      super("wrong", WrongHeaps.LIMIT, around, EvictingExporter::new, new CopyingStore());
    }

    @Override
    public Shrinker shrinker() {
      Shrinker real = super.shrinker();
      return new Shrinker() {
        @Override
        public Registration register(Shrinkable shrinkable) {
          return real.register(shrinkable);
        }

        @Override
        public long reclaim(long bytes, AllocPolicy policy) {
          return real.reclaim(bytes, policy);
        }

        @Override
        public ReclaimStatistics statistics() {
          return new ReclaimStatistics(0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
        }
      };
    }
  }
}

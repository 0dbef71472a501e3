package io.github.dmabuf4j.tck.exporters;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.ScatterList;
import io.github.dmabuf4j.spi.MappedBytes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Exporters that map, or synchronise, as they must not. */
final class WrongMappers {
  private WrongMappers() {}

  // ---- mappings ----

  static final class MapsACopyEachTime extends PlainExporter {
    MapsACopyEachTime(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public MappedBytes vmap() {
      return new MappedBytes() {
        @Override
        public MemorySegment segment(long byteSize) {
          return memory.asSlice(0, byteSize);
        }

        @Override
        public MemorySegment segment(long byteSize, Arena arena) {
          return arena.allocate(byteSize).copyFrom(memory.asSlice(0, byteSize));
        }
      };
    }
  }

  static final class IgnoresTheArena extends PlainExporter {
    IgnoresTheArena(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public MappedBytes vmap() {
      return new MappedBytes() {
        @Override
        public MemorySegment segment(long byteSize) {
          return memory.asSlice(0, byteSize);
        }

        @Override
        public MemorySegment segment(long byteSize, Arena arena) {
          return segment(byteSize);
        }
      };
    }
  }

  static final class MapsWholePages extends PlainExporter {
    MapsWholePages(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public MappedBytes vmap() {
      return new MappedBytes() {
        @Override
        public MemorySegment segment(long byteSize) {
          return memory;
        }

        @Override
        public MemorySegment segment(long byteSize, Arena arena) {
          return memory.reinterpret(arena, null);
        }
      };
    }
  }

  static final class MapsNothing extends PlainExporter {
    MapsNothing(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public ScatterList map(Attachment attachment, Access access) {
      return null;
    }
  }

  static final class MapsTooLittle extends PlainExporter {
    MapsTooLittle(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public ScatterList map(Attachment attachment, Access access) {
      return ScatterList.of(memory.asSlice(0, bytes / 2));
    }
  }

  static final class MapsOddAddresses extends PlainExporter {
    MapsOddAddresses(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
      memory = allocate(bytes + PAGE).asSlice(64, bytes);
    }
  }

  static final class GivesAllTheSamePieces extends PlainExporter {
    private ScatterList pieces;

    GivesAllTheSamePieces(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public ScatterList map(Attachment attachment, Access access) {
      pieces = pieces == null ? super.map(attachment, access) : pieces;
      return pieces;
    }
  }

  static final class LetsReadersWrite extends PlainExporter {
    LetsReadersWrite(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public ScatterList map(Attachment attachment, Access access) {
      return super.map(attachment, Access.READ_WRITE);
    }
  }

  static final class TakesTheLockItHas extends PlainExporter {
    TakesTheLockItHas(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public ScatterList map(Attachment attachment, Access access) {
      attachment.reservation().lock();
      return super.map(attachment, access);
    }
  }

  static final class TakesTheLockInRelease extends PlainExporter {
    TakesTheLockInRelease(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public void release() {
      object.reservation().lock();
      object.reservation().unlock();
      super.release();
    }
  }

  // ---- brackets ----

  static final class ForgetsTheBegin extends SeparateCopiesExporter {
    ForgetsTheBegin(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    void toCpu() {}
  }

  static final class ForgetsTheEnd extends SeparateCopiesExporter {
    ForgetsTheEnd(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    void toDevice() {}
  }

  static final class ForgetsThatWritersRead extends SeparateCopiesExporter {
    ForgetsThatWritersRead(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public synchronized void beginCpuAccess(Access access) {
      super.beginCpuAccess(access.writes() ? Access.WRITE : Access.READ);
    }
  }

  static final class EndsForReadersToo extends SeparateCopiesExporter {
    EndsForReadersToo(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public synchronized void endCpuAccess(Access access) {
      spoil(memory); // it is the reader's, nobody will want it
      super.endCpuAccess(Access.READ_WRITE);
    }
  }

  static final class LetsOneInAtATime extends SeparateCopiesExporter {
    private boolean taken;

    LetsOneInAtATime(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public synchronized void beginCpuAccess(Access access) {
      if (taken) {
        throw new IllegalStateException("somebody is inside");
      }
      taken = true;
      super.beginCpuAccess(access);
    }

    @Override
    public synchronized void endCpuAccess(Access access) {
      taken = false;
      super.endCpuAccess(access);
    }
  }

  static final class KnowsBracketsByThread extends SeparateCopiesExporter {
    private Thread begun;

    KnowsBracketsByThread(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public synchronized void beginCpuAccess(Access access) {
      begun = Thread.currentThread();
      super.beginCpuAccess(access);
    }

    @Override
    public synchronized void endCpuAccess(Access access) {
      if (begun != Thread.currentThread()) {
        throw new IllegalStateException("begun on another thread");
      }
      super.endCpuAccess(access);
    }
  }

  static final class IsCoherentByAccident extends SeparateCopiesExporter {
    IsCoherentByAccident(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    void prepare(boolean zero) {
      memory.fill((byte) 0);
    }

    @Override
    public synchronized void beginCpuAccess(Access access) {}

    @Override
    public synchronized void endCpuAccess(Access access) {}

    @Override
    public ScatterList map(Attachment attachment, Access access) {
      return pieces(memory, access);
    }
  }

  static final class WaitsInTheEnd extends PlainExporter {
    WaitsInTheEnd(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public void endCpuAccess(Access access) {
      object.reservation().awaitUninterruptibly(FenceUsage.KERNEL);
    }
  }

  static final class ForgetsItsAttachments extends BouncingExporter {
    ForgetsItsAttachments(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public synchronized void syncForCpu(Attachment attachment, ScatterList pieces, Access access) {}
  }

  static final class ForgetsToTellItsAttachments extends BouncingExporter {
    ForgetsToTellItsAttachments(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public synchronized void syncForDevice(
        Attachment attachment, ScatterList pieces, Access access) {}
  }

  static final class RevokesToZeros extends RevocableExporter {
    RevokesToZeros(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public void revoke() {
      memory.fill((byte) 0);
    }
  }

  static final class ZeroesOneCopyOnly extends SeparateCopiesExporter {
    ZeroesOneCopyOnly(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    void prepare(boolean zero) {
      memory.fill((byte) 0);
    }
  }
}

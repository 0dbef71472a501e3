package io.github.dmabuf4j.tck.exporters;

import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.spi.Exporter;
import java.util.function.UnaryOperator;

/** Heaps that give out memory as they must not. */
final class WrongHeaps {
  static final long LIMIT = 16 << 20;

  private WrongHeaps() {}

  static final class ReleasesTwice extends PlainExporter {
    ReleasesTwice(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    public void release() {
      super.release();
      super.release();
    }
  }

  static final class ForgetsToZero extends PlainExporter {
    ForgetsToZero(KitHeap heap, long bytes, Reservation shared) {
      super(heap, bytes, shared);
    }

    @Override
    void prepare(boolean zero) {}
  }

  /** Gives a new buffer the memory of one that lives. */
  static KitHeap givesMemoryToTwo(UnaryOperator<Exporter> around) {
    return stealing(around, Long.MAX_VALUE);
  }

  /** Gives a new buffer the memory of one that nobody refers to, but that is in quarantine. */
  static KitHeap reusesQuarantinedMemory(UnaryOperator<Exporter> around) {
    return stealing(around, 0);
  }

  private static KitHeap stealing(UnaryOperator<Exporter> around, long references) {
    return new KitHeap(
        "wrong",
        LIMIT,
        around,
        (heap, bytes, shared) -> {
          PlainExporter fresh = new PlainExporter(heap, bytes, shared);
          heap.live.stream()
              .filter(one -> one.bytes == bytes && one.object.info().references() <= references)
              .findFirst()
              .ifPresent(victim -> fresh.memory = victim.memory);
          return fresh;
        });
  }

  static KitHeap sharesOneReservation(UnaryOperator<Exporter> around) {
    Reservation one = new Reservation();
    return new KitHeap(
        "wrong", LIMIT, around, (heap, bytes, shared) -> new PlainExporter(heap, bytes, one));
  }

  static final class HidesQuarantine extends KitHeap {
    HidesQuarantine(UnaryOperator<Exporter> around) {
      super("wrong", LIMIT, around, PlainExporter::new);
    }

    @Override
    public BufInfo info() {
      BufInfo all = super.info();
      return new BufInfo(
          all.heap(), all.buffers().stream().filter(buffer -> buffer.references() > 0).toList());
    }
  }

  static final class RoundsTheSize extends KitHeap {
    RoundsTheSize(UnaryOperator<Exporter> around) {
      super("wrong", LIMIT, around, PlainExporter::new);
    }

    @Override
    public DmaBuf allocate(long size) {
      return super.allocate(
          Math.max(1, Math.ceilDiv(size, PlainExporter.PAGE)) * PlainExporter.PAGE);
    }
  }

  static final class ClosesOverLiveBuffers extends KitHeap {
    ClosesOverLiveBuffers(UnaryOperator<Exporter> around) {
      super("wrong", LIMIT, around, PlainExporter::new);
    }

    @Override
    public void close() {
      exporters().forEach(live::remove);
      super.close();
    }
  }

  static final class AllocatesAfterItsEnd extends KitHeap {
    AllocatesAfterItsEnd(UnaryOperator<Exporter> around) {
      super("wrong", LIMIT, around, PlainExporter::new);
    }

    @Override
    void checkOpen() {}
  }

  static final class GoesBeyondItsLimit extends KitHeap {
    GoesBeyondItsLimit(UnaryOperator<Exporter> around) {
      super("wrong", LIMIT, around, PlainExporter::new);
    }

    @Override
    public long limitBytes() {
      return super.limitBytes() / 2;
    }
  }
}

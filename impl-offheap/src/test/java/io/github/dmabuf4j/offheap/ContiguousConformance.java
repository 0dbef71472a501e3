package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.tck.Capabilities;
import io.github.dmabuf4j.tck.HeapConformance;
import io.github.dmabuf4j.tck.HeapUnderTest;
import io.github.dmabuf4j.tck.exporters.CopyingStore;
import java.util.Objects;
import java.util.function.UnaryOperator;

/** The conformance kit against movable buffers of a heap with a contiguous region. */
abstract class ContiguousConformance extends HeapConformance {
  private static final long LIMIT = 32 * TestMemory.MIB;

  private final TestMemory memory;

  ContiguousConformance(TestMemory memory) {
    this.memory = memory;
  }

  @Override
  public Capabilities capabilities() {
    return Capabilities.OFFHEAP_CONTIGUOUS;
  }

  @Override
  public HeapUnderTest open(UnaryOperator<Exporter> around) {
    PooledHeap heap = memory.openContiguous(LIMIT, LIMIT * 3 / 4);
    heap.pool.around = around;
    heap.pool.openStore(room -> new CopyingStore());
    return new UnderTest(heap, Objects.requireNonNull(heap.pool.region));
  }

  /** Moves every buffer from the region into the pool, or back. */
  private static final class UnderTest extends ReclaimingHeap {
    private final ReservedRegion region;

    UnderTest(PooledHeap heap, ReservedRegion region) {
      super(new MovableHeap(heap), heap);
      this.region = region;
    }

    @Override
    public int moveAll() {
      Migration migration = region.migration;
      int moved = 0;
      for (MovableBuffer buffer : region.movables()) {
        Block from = buffer.place; // racy: if it has moved, it isn't moved again
        Migration.Target target = region.owns(from) ? migration::intoPool : migration::intoRegion;
        if (migration.tryMove(buffer, from, target) == Migration.Outcome.MOVED) {
          moved++;
        }
      }
      return moved;
    }

    @Override
    public int buffersInRegion() {
      return (int) region.statistics().movableBuffers();
    }
  }
}

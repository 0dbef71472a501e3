package io.github.dmabuf4j.device;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.ReclaimStatistics;
import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.tck.HeapConformance;
import io.github.dmabuf4j.tck.HeapUnderTest;
import java.util.function.UnaryOperator;

/** The conformance kit against a heap of files. */
abstract class DeviceHeapConformance extends HeapConformance {
  private static final long LIMIT = 16L << 20;

  /** Where the files come from. */
  abstract BufferFiles files();

  @Override
  public HeapUnderTest open(UnaryOperator<Exporter> around) {
    DeviceHeap heap = DeviceHeap.open(files(), DeviceOptions.ofLimit(LIMIT));
    heap.pool.around = around;
    return new Reclaiming(heap);
  }

  /** A heap whose shrinker drops what isn't needed, and whose cache drops mappings. */
  private record Reclaiming(DeviceHeap real) implements HeapUnderTest {
    @Override
    public Heap heap() {
      return real;
    }

    @Override
    public int purgeAll() {
      ReclaimStatistics before = real.shrinker().statistics();
      long _ = real.shrinker().reclaim(Long.MAX_VALUE, AllocPolicy.FAIL_FAST);
      return (int) (real.shrinker().statistics().purges() - before.purges());
    }

    @Override
    public int dropIdleMappings() {
      int given = 0;
      for (DeviceBuffer buffer : real.pool.live()) {
        given += buffer.object.dropIdleMapping() ? 1 : 0; // whose failures are the caller's
      }
      long _ = real.pool.mappings.dropAll();
      return given;
    }
  }
}

package io.github.dmabuf4j.tck;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Importer;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.tck.exporters.CrampedImporter;
import io.github.dmabuf4j.tck.exporters.EvictingExporter;
import io.github.dmabuf4j.tck.exporters.KitHeap;
import io.github.dmabuf4j.tck.exporters.MovingExporter;
import io.github.dmabuf4j.tck.exporters.PlainExporter;
import io.github.dmabuf4j.tck.exporters.RevocableExporter;

/** The hooks of the kit's own heaps. */
record KitHeapUnderTest(KitHeap heap) implements HeapUnderTest {
  @Override
  public int moveAll() {
    int[] moved = new int[1];
    heap.forEach(MovingExporter.class, exporter -> moved[0] += exporter.tryMove() ? 1 : 0);
    return moved[0];
  }

  @Override
  public int buffersInRegion() {
    int[] there = new int[1];
    heap.forEach(
        MovingExporter.class,
        exporter -> there[0] += exporter.place() == MovingExporter.Place.REGION ? 1 : 0);
    return there[0];
  }

  @Override
  public int purgeAll() {
    int[] dropped = new int[1];
    heap.forEach(MovingExporter.class, exporter -> dropped[0] += exporter.tryPurge() ? 1 : 0);
    heap.forEach(EvictingExporter.class, exporter -> dropped[0] += exporter.tryPurge() ? 1 : 0);
    return dropped[0];
  }

  @Override
  public int evictAll() {
    int[] evicted = new int[1];
    heap.forEach(EvictingExporter.class, exporter -> evicted[0] += exporter.tryEvict() ? 1 : 0);
    return evicted[0];
  }

  @Override
  public int dropIdleMappings() {
    int[] dropped = new int[1];
    heap.forEach(PlainExporter.class, exporter -> dropped[0] += exporter.dropIdleMapping() ? 1 : 0);
    return dropped[0];
  }

  @Override
  public void revokeAll() {
    heap.forEach(RevocableExporter.class, RevocableExporter::revoke);
  }

  @Override
  public Importer refusedImporter() {
    return new CrampedImporter();
  }

  @Override
  public DmaBuf allocate(long size, Reservation shared) {
    return heap.allocate(size, shared);
  }
}

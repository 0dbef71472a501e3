package io.github.dmabuf4j.snippets;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.ByteSize;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapStatistics;
import io.github.dmabuf4j.HeapUri;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** A heap over the example exporter, without a limit: every buffer has memory of its own. */
final class TestHeap implements Heap {
  private final HeapUri uri;
  private boolean closed;

  TestHeap(HeapUri uri) {
    this.uri = uri;
  }

  @Override
  public String name() {
    return uri.name();
  }

  @Override
  public long limitBytes() {
    return ByteSize.parse(uri.options().getOrDefault("limit", "1GiB"));
  }

  @Override
  public DmaBuf allocate(long size) {
    return ExampleExporter.allocate(size);
  }

  @Override
  public DmaBuf allocate(AllocationRequest request) {
    DmaBuf buffer = ExampleExporter.allocate(request.size());
    request.name().ifPresent(buffer::setName);
    request.layout().ifPresent(buffer::setLayout);
    return buffer;
  }

  @Override
  public DmaBuf allocateUninterruptibly(AllocationRequest request) {
    return allocate(request);
  }

  @Override
  public CompletableFuture<DmaBuf> allocateAsync(AllocationRequest request) {
    return CompletableFuture.supplyAsync(() -> allocate(request));
  }

  @Override
  public List<DmaBuf> allocateBulk(AllocationRequest request, int count) {
    List<DmaBuf> buffers = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      buffers.add(allocate(request));
    }
    return buffers;
  }

  @Override
  public long trim() {
    return 0;
  }

  @Override
  public HeapStatistics statistics() {
    throw new UnsupportedOperationException("a stand-in keeps no figures");
  }

  @Override
  public BufInfo info() {
    return new BufInfo(name(), List.of());
  }

  @Override
  public boolean isClosed() {
    return closed;
  }

  @Override
  public void close() {
    closed = true;
  }

  @Override
  public boolean drain(Duration timeout) {
    close();
    return true;
  }
}

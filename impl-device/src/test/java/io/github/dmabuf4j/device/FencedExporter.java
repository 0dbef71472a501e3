package io.github.dmabuf4j.device;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.ScatterList;
import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.spi.MappedBytes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** Memory of this process that goes by the fences of a dma-buf. */
final class FencedExporter implements Exporter, MappedBytes {
  private final ImplicitFences fences;
  private final MemorySegment memory = Arena.ofAuto().allocate(4096, 4096);

  FencedExporter(ImplicitFences fences) {
    this.fences = fences;
  }

  @Override
  public String name() {
    return "fenced";
  }

  @Override
  public MappedBytes vmap() {
    return this;
  }

  @Override
  public MemorySegment segment(long byteSize) {
    return memory.asSlice(0, byteSize);
  }

  @Override
  public MemorySegment segment(long byteSize, Arena arena) {
    return memory.reinterpret(byteSize, arena, null);
  }

  @Override
  public long address() {
    return memory.address();
  }

  @Override
  public ScatterList map(Attachment attachment, Access access) {
    return ScatterList.of(memory);
  }

  @Override
  public List<Fence> foreignFences(FenceUsage usage) {
    return fences.pending(usage);
  }

  @Override
  public void publish(Fence fence, Access access) {
    fences.add(fence, access);
  }

  @Override
  public void release() {}
}

package io.github.dmabuf4j.snippets;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.ScatterList;
import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.spi.MappedBytes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

// @start region="exporter"
/** The smallest exporter: one buffer in an arena of its own. */
public final class ExampleExporter implements Exporter, MappedBytes {
  private final Arena memory = Arena.ofShared();
  private final MemorySegment bytes;

  private ExampleExporter(long size) {
    bytes = memory.allocate(size, 4096);
  }

  /** Allocates a buffer. */
  public static DmaBuf allocate(long size) {
    return new BufferObject(new ExampleExporter(size)).export(size, null, null);
  }

  @Override
  public String name() {
    return "example";
  }

  @Override
  public MappedBytes vmap() {
    return this;
  }

  @Override
  public MemorySegment segment(long byteSize) {
    return bytes.asSlice(0, byteSize);
  }

  @Override
  public MemorySegment segment(long byteSize, Arena arena) {
    return bytes.asSlice(0, byteSize).reinterpret(arena, null); // needs native access
  }

  @Override
  public ScatterList map(Attachment attachment, Access access) {
    return ScatterList.of(bytes);
  }

  @Override
  public void release() {
    memory.close(); // nobody refers to the bytes any more, and every fence has signaled
  }
}
// @end

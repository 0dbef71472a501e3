package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import java.util.ArrayList;
import java.util.List;

/** Buffers that can be shared. */
final class TestBuffers {
  static final int BYTES = 1 << 16;

  /** Keeps nothing that isn't used, so that open files can be counted. */
  private static final Heap HEAP = Heaps.open("memfd:system?limit=64MiB&retained=0&mappings=0");

  private TestBuffers() {}

  static DmaBuf allocate(String name) {
    DmaBuf buffer = HEAP.allocate(BYTES);
    buffer.setName(name);
    return buffer;
  }

  static List<DmaBuf> allocate(int count) {
    List<DmaBuf> buffers = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      buffers.add(allocate("buffer " + i));
    }
    return buffers;
  }
}

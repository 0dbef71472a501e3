package io.github.dmabuf4j.spi;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The bytes of a buffer, mapped for the CPU ({@code struct iosys_map}): what {@link Exporter#vmap}
 * returns.
 *
 * <p>It lies with the exporter, not the core, to give the bytes the life of an arena, because
 * {@link MemorySegment#reinterpret(long, Arena, java.util.function.Consumer)} is a restricted
 * method: only the exporter's module needs native access, {@code dmabuf4j-api} doesn't.
 *
 * <p><b>Threads.</b> Any, at any time between vmap and vunmap.
 */
public interface MappedBytes {
  /**
   * The bytes with the life of the exporter's own memory.
   *
   * @param byteSize how many of them, at most the size given to the exporter
   * @return a segment of that size, accessible from any thread
   */
  MemorySegment segment(long byteSize);

  /**
   * The address of the first byte, for native code and devices.
   *
   * @return the address
   */
  default long address() {
    return segment(1).address();
  }

  /**
   * The bytes with the life of an arena: once that is closed, access throws.
   *
   * @param byteSize how many of them, at most the size given to the exporter
   * @param arena whose life the segment shares
   * @return a segment of that size, accessible from the arena's threads
   */
  MemorySegment segment(long byteSize, Arena arena);
}

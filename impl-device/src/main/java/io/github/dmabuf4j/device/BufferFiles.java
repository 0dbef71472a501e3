package io.github.dmabuf4j.device;

import io.github.dmabuf4j.device.linux.Descriptor;

/**
 * Where the files come from that a heap keeps its buffers in, one file for each. Knows nothing of
 * buffers, pools and limits of heaps.
 *
 * <p><b>Threads.</b> Any; {@link #create} may be called by several threads at once, {@link #close}
 * is the last call. {@link #create} may take as long as zeroing the memory does, so it is called
 * without any lock.
 */
interface BufferFiles extends AutoCloseable {
  /**
   * The largest file that can be had.
   *
   * @param bytes its size
   * @param knob what limits it, and how that is changed: the end of a message
   */
  record Largest(long bytes, String knob) {}

  /**
   * What the heap is called.
   *
   * @return for example {@code memfd:system}
   */
  String heapName();

  /**
   * The unit of sizes.
   *
   * @return bytes, a power of two: the page size of the machine
   */
  long pageSize();

  /**
   * Whether the files are dma-bufs: then the CPU's accesses are announced to the kernel.
   *
   * @return false for plain memory files
   */
  boolean areDmaBufs();

  /**
   * The largest file that {@link #create} makes.
   *
   * @return its size, and what limits it
   */
  Largest largest();

  /**
   * Makes a file whose memory is there, and zero.
   *
   * @param bytes its size, a multiple of the {@link #pageSize}, at most the largest
   * @return its descriptor, of the kind {@link Descriptor.Kind#BUFFER}
   * @throws io.github.dmabuf4j.DmaBufException if there is no memory, or no descriptor left: which
   *     call failed, why, and what to do; nothing is left behind
   */
  Descriptor create(long bytes);

  /** Gives back what is needed to make files. Those that were made stay. */
  @Override
  default void close() {}
}

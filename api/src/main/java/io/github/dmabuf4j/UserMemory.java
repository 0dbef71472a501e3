package io.github.dmabuf4j;

import java.lang.foreign.MemorySegment;

/**
 * Buffers over memory that somebody else allocated ({@code userptr}).
 *
 * <p><b>Shape.</b> This type fixes the contract; no implementation is shipped yet.
 *
 * <p><b>Threads.</b> Any.
 *
 * <p>Source: drm_gem_userptr, get_user_pages; design rules UM1 to UM3.
 */
public interface UserMemory {
  /**
   * Takes memory over: from now on it belongs to the buffer, and is released with it. A segment
   * can't be taken from its Arena, so the caller gives an address whose life it ends itself.
   *
   * @param address the first byte
   * @param byteSize how many bytes
   * @param release gives the memory back, run once, after the last reference and fence
   * @return the first handle
   */
  DmaBuf steal(long address, long byteSize, Runnable release);

  /**
   * Makes a buffer over memory that stays in the caller's use. Counts against a limit.
   *
   * @param memory page-aligned memory that outlives the buffer
   * @return the first handle
   * @throws IllegalArgumentException if the memory isn't aligned to pages
   * @throws OutOfBuffersException if the limit on user memory is reached
   */
  DmaBuf back(MemorySegment memory);
}

package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.UserMemory;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.Objects;

/**
 * What users have of {@link UserBuffers}: as the {@link PooledHeap} is of its pool, and keeps that
 * heap. Checks what is given before anything is taken.
 *
 * <p><b>Threads.</b> As {@link UserMemory}; there is no state here.
 */
final class PooledUserMemory implements UserMemory {
  /**
   * Below this, what is only read is copied (design rule UM3). By {@code UserMemoryBenchmark},
   * short runs on a shared machine with two x86-64 cores: a copy and its close took 58 ns at 1 KiB,
   * 95 at 4, 138 at 8, 371 at 16 and 22,541 at 1 MiB. Backing took 67 ns at 8 KiB and 78 at 64 and
   * 256 KiB; its runs at 4 KiB were too uneven to say, so a page is copied.
   */
  static final long COPY_BELOW = 8L << 10;

  /** Of stolen memory: that of the largest value that Java reads at once. */
  private static final long STOLEN_ALIGNMENT = 8;

  /** Never started: what it may use, every thread may. */
  private static final Thread ANY_THREAD = Thread.ofPlatform().unstarted(() -> {});

  private final PooledHeap heap;
  private final UserBuffers buffers;

  PooledUserMemory(PooledHeap heap) {
    this.heap = heap;
    this.buffers = heap.pool.user;
  }

  // ---- steal ----

  @Override
  public DmaBuf steal(long address, long byteSize, Runnable release) {
    Objects.requireNonNull(release, "release");
    if (address <= 0 || address % STOLEN_ALIGNMENT != 0) {
      throw new IllegalArgumentException(
          "wanted an address above 0 that is a multiple of %d, got 0x%x"
              .formatted(STOLEN_ALIGNMENT, address));
    }
    if (byteSize <= 0 || byteSize - 1 > Long.MAX_VALUE - address) {
      throw new IllegalArgumentException(
          "wanted a size of at least 1 byte that ends within the address space, got %d bytes at 0x%x"
              .formatted(byteSize, address));
    }
    try {
      return buffers.export(new StolenBuffer(buffers, address, byteSize, release));
    } finally {
      Reference.reachabilityFence(heap);
    }
  }

  @Override
  public DmaBuf steal(MemorySegment memory) {
    if (memory.byteSize() == 0) {
      throw empty();
    }
    DmaBuf buffer =
        heap.allocateUninterruptibly(
            AllocationRequest.of(memory.byteSize()).uninitialized().build());
    boolean done = false;
    try (Hold hold = buffer.hold()) {
      hold.segment().copyFrom(memory);
      done = true;
    } finally {
      if (!done) {
        buffer.close();
      }
    }
    return buffer;
  }

  private static IllegalArgumentException empty() {
    return new IllegalArgumentException("wanted memory of at least 1 byte, got an empty segment");
  }

  // ---- back ----

  @Override
  public DmaBuf back(MemorySegment memory) {
    checkCanBack(memory);
    DmaBuf buffer;
    try {
      buffer = buffers.export(new BackedBuffer(buffers, memory));
    } finally {
      Reference.reachabilityFence(heap);
    }
    return memory.isReadOnly() ? readOnly(buffer) : buffer;
  }

  @Override
  public DmaBuf back(MemorySegment memory, Access access) {
    if (access.writes()) {
      if (memory.isReadOnly()) {
        throw new IllegalArgumentException(
            "wanted memory that can be written, for %s, got a read-only segment".formatted(access));
      }
      return back(memory);
    }
    return memory.byteSize() < COPY_BELOW ? readOnly(steal(memory)) : back(memory.asReadOnly());
  }

  /** The same buffer, with a handle that can't write. */
  private static DmaBuf readOnly(DmaBuf writable) {
    try (writable) {
      return writable.dupReadOnly();
    }
  }

  private void checkCanBack(MemorySegment memory) {
    if (memory.byteSize() == 0) {
      throw empty();
    }
    if (!memory.isNative()) {
      throw cannotBack("of the Java heap, which the collector moves");
    }
    if (memory.isMapped()) {
      throw cannotBack("mapped from a file, which whoever shortens it takes away");
    }
    if (!memory.isAccessibleBy(ANY_THREAD)) {
      throw cannotBack(
          "confined to a thread, but buffers are for any: allocate it in Arena.ofShared()");
    }
    long page = buffers.pageSize;
    if (memory.address() % page != 0 || memory.byteSize() % page != 0) {
      throw new IllegalArgumentException(
          "wanted whole pages of %d bytes, got %d bytes at 0x%x, which begin %d and end %d bytes after a page does: allocate them with allocate(byteSize, %d), or copy them with steal(memory)"
              .formatted(
                  page,
                  memory.byteSize(),
                  memory.address(),
                  memory.address() % page,
                  (memory.address() + memory.byteSize()) % page,
                  page));
    }
    if (!memory.scope().isAlive()) {
      throw new IllegalStateException(
          "the arena of the memory is closed: it has to be open until the buffer's end");
    }
  }

  private static IllegalArgumentException cannotBack(String what) {
    return new IllegalArgumentException(
        "wanted native memory that stays where it is, got a segment %s; copy it with steal(memory)"
            .formatted(what));
  }

  // ---- figures ----

  @Override
  public long copiesBelow() {
    return COPY_BELOW;
  }

  @Override
  public long limitBytes() {
    return buffers.limit;
  }

  @Override
  public long usedBytes() {
    return buffers.usedBytes();
  }

  @Override
  public Origin originOf(DmaBuf buffer) {
    return BufferObject.exporterOf(buffer, UserBuffer.class)
        .map(UserBuffer::origin)
        .orElse(Origin.HEAP);
  }

  @Override
  public String toString() {
    return "the user memory of %s: %d B of %d B".formatted(heap.name(), usedBytes(), limitBytes());
  }
}

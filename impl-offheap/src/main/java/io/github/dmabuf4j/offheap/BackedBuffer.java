package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.BufferRevokedException;
import io.github.dmabuf4j.ScatterList;
import io.github.dmabuf4j.UserMemory;
import io.github.dmabuf4j.spi.MappedBytes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A buffer over memory that its owner goes on using (design rule UM2).
 *
 * <p><b>Invariant.</b> No segment of the buffer outlives the memory. Where that has an arena which
 * may be closed, segments are slices with that arena's life, whatever arena a hold has: a segment
 * has one life only, and this is the one whose end would crash the JVM. A use after the end of the
 * hold then isn't noticed, but touches the owner's memory and never another buffer's. Memory that
 * never dies gets the life of the hold, as any buffer of the heap.
 *
 * <p>The segment is kept until the release, which keeps memory of an automatic arena alive.
 */
final class BackedBuffer extends UserBuffer {
  private final MemorySegment memory;
  private final boolean immortal;

  BackedBuffer(UserBuffers owner, MemorySegment memory) {
    super(owner, memory.address(), memory.byteSize());
    this.memory = memory;
    this.immortal = memory.scope().equals(Arena.global().scope());
  }

  @Override
  UserMemory.Origin origin() {
    return UserMemory.Origin.BACKED;
  }

  @Override
  public String name() {
    return owner.pool.name + "/backed";
  }

  @Override
  public MappedBytes vmap() {
    checkAlive("vmap");
    return this;
  }

  @Override
  public MemorySegment segment(long bytes) {
    return memory.asSlice(0, bytes);
  }

  @Override
  public MemorySegment segment(long bytes, Arena arena) {
    return immortal ? memory.reinterpret(bytes, arena, null) : segment(bytes);
  }

  @Override
  public ScatterList map(Attachment attachment, Access access) {
    checkAlive("map");
    return super.map(attachment, access);
  }

  @Override
  public void beginCpuAccess(Access access) {
    checkAlive("beginCpuAccess");
  }

  private void checkAlive(String operation) {
    if (!memory.scope().isAlive()) {
      throw new BufferRevokedException(
          operation,
          "the memory of %s was taken away: the arena that it was backed with is closed; keep it open until the buffer's end"
              .formatted(object.displayName()),
          new IllegalStateException("the arena is closed"));
    }
  }

  @Override
  boolean tryEnd() {
    return true;
  }
}

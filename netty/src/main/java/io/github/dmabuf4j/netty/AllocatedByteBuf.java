package io.github.dmabuf4j.netty;

import io.github.dmabuf4j.ArenaKind;
import io.netty.buffer.ByteBuf;
import io.netty.util.IllegalReferenceCountException;
import java.lang.foreign.MemorySegment;

/**
 * A ByteBuf with a buffer of its own from the heap of a {@link DmaByteBufAllocator}: none for
 * capacity 0. The buffer is as large as the pages that it takes anyway, so that the capacity grows
 * into them without a copy; it is exchanged for another one when it is too small, or more than
 * twice as large as needed and larger than a page.
 */
final class AllocatedByteBuf extends DmaByteBuf {
  private final DmaByteBufAllocator allocator;

  AllocatedByteBuf(DmaByteBufAllocator allocator, int initialCapacity, int maxCapacity) {
    super(allocator, maxCapacity);
    this.allocator = allocator;
    move(initialCapacity, 0);
  }

  @Override
  public ByteBuf capacity(int newCapacity) {
    checkNewCapacity(newCapacity);
    long room = bytes().byteSize();
    boolean wasteful = newCapacity < room / 2 && room > DmaByteBufAllocator.PAGE;
    if (newCapacity > room || wasteful) {
      move(newCapacity, Math.min(newCapacity, capacity()));
    }
    resize(newCapacity);
    return this;
  }

  @Override
  public int maxFastWritableBytes() {
    return (int) Math.min(bytes().byteSize(), maxCapacity()) - writerIndex();
  }

  /** Gets a buffer and copies what is kept. Where that fails everything is as it was. */
  private void move(int newCapacity, int kept) {
    if (newCapacity == 0) {
      become(null, MemorySegment.NULL, 0);
      return;
    }
    HeldBuffer fresh = HeldBuffer.take(allocator.allocate(newCapacity), ArenaKind.POOL, null);
    MemorySegment bytes = fresh.segment();
    boolean copied = false;
    try {
      if (kept > 0) {
        MemorySegment.copy(bytes(), 0, bytes, 0, kept);
      } else if (refCnt() == 0) {
        throw new IllegalReferenceCountException(0);
      }
      copied = true;
    } finally {
      if (!copied) { // released by somebody while the heap looked for memory
        fresh.letGo();
      }
    }
    become(fresh, bytes, newCapacity);
  }
}

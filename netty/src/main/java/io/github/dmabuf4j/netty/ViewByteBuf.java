package io.github.dmabuf4j.netty;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.lang.foreign.MemorySegment;

/**
 * Shows a part of a buffer that others have as well. Its bytes are always the buffer's: the
 * capacity may shrink and grow again within the part, nothing is copied.
 */
final class ViewByteBuf extends DmaByteBuf {
  ViewByteBuf(ByteBufAllocator alloc, HeldBuffer held, MemorySegment part, int length) {
    super(alloc, length);
    become(held, part, length);
    writerIndex(length);
  }

  @Override
  public ByteBuf capacity(int newCapacity) {
    checkNewCapacity(newCapacity);
    resize(newCapacity);
    return this;
  }
}

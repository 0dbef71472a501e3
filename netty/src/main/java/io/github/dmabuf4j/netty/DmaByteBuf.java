package io.github.dmabuf4j.netty;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.github.dmabuf4j.DmaBuf;
import io.netty.buffer.AbstractReferenceCountedByteBuf;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.util.IllegalReferenceCountException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.GatheringByteChannel;
import java.nio.channels.ScatteringByteChannel;
import org.jspecify.annotations.Nullable;

/**
 * A ByteBuf over the segment of a hold: everything but where the bytes come from. {@link
 * ViewByteBuf} shows a buffer that exists, {@link AllocatedByteBuf} has its own.
 *
 * <p><b>Why not Netty's own.</b> {@code UnpooledDirectByteBuf} can be given a {@link ByteBuffer}
 * and be told when its count is 0. But it copies where its capacity shrinks, so a view would end to
 * be one; it takes no memory that is read-only; and it tells the address only where internals of
 * Netty made the ByteBuffer. This class uses Netty's public API alone, and needs no ByteBuffer for
 * what doesn't ask for one.
 *
 * <p><b>Invariant.</b> While the reference count is above 0, {@code held} keeps the bytes in place
 * and {@code segment} is alive; both are null from the moment on in which the thread that brought
 * it to 0 lets go. So an access after the release is an {@link IllegalReferenceCountException}:
 * Netty's own check throws it, or {@link #bytes} where that check has been passed, or switched off.
 * A thread that had read {@code segment} just before reads or writes what is there: with a segment
 * of the kind POOL maybe another owner's bytes, with SHARED an {@link IllegalStateException}. It
 * can't crash the JVM, for memory is unmapped only with the arena of the segment. All indices are
 * checked twice: by Netty against the capacity, unless that is switched off, and by the segment
 * against the buffer.
 *
 * <p><b>Threads.</b> As any ByteBuf: the count by all threads, everything else by one at a time.
 */
abstract sealed class DmaByteBuf extends AbstractReferenceCountedByteBuf
    permits ViewByteBuf, AllocatedByteBuf {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfShort SHORT_LE =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfInt INT_LE =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfLong LONG_LE =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** The most that a stream moves through an array at once, in bytes. */
  private static final int STREAM_PIECE = 8192;

  private final ByteBufAllocator alloc;

  /** Null before the first bytes, with capacity 0, and after the last release. */
  private @Nullable HeldBuffer held;

  /** What can be reached without another hold: at least the capacity. Null once released. */
  private @Nullable MemorySegment segment;

  /** All of the segment, for Netty's transports; made when first asked for. */
  private @Nullable ByteBuffer internal;

  private int capacity;

  DmaByteBuf(ByteBufAllocator alloc, int maxCapacity) {
    super(maxCapacity);
    this.alloc = alloc;
  }

  // ---- where the bytes are ----

  /** Takes over bytes, and lets those go that were here before. */
  final void become(@Nullable HeldBuffer next, MemorySegment bytes, int newCapacity) {
    HeldBuffer before = held;
    held = next;
    segment = bytes;
    internal = null;
    capacity = newCapacity;
    if (before != null) {
      before.letGo();
    }
  }

  /** Shows more or less of the bytes that are here. */
  final void resize(int newCapacity) {
    capacity = newCapacity;
    trimIndicesToCapacity(newCapacity);
  }

  /** The bytes, for as long as nobody releases the last reference. */
  final MemorySegment bytes() {
    MemorySegment now = segment;
    if (now == null) {
      throw new IllegalReferenceCountException(0);
    }
    return now;
  }

  /** One more reference to the buffer whose bytes these are; null if there are none. */
  final @Nullable DmaBuf dupBuffer(boolean readOnly) {
    ensureAccessible();
    HeldBuffer now = held;
    return now == null ? null : now.dup(readOnly);
  }

  @Override
  protected final void deallocate() {
    HeldBuffer last = held;
    held = null;
    segment = null;
    internal = null;
    if (last != null) {
      last.letGo();
    }
  }

  // ---- what it is ----

  @Override
  public final int capacity() {
    return capacity;
  }

  @Override
  public final ByteBufAllocator alloc() {
    return alloc;
  }

  @Override
  @SuppressWarnings("deprecation") // and still abstract in Netty
  public final ByteOrder order() {
    return ByteOrder.BIG_ENDIAN;
  }

  @Override
  public final @Nullable ByteBuf unwrap() {
    return null;
  }

  @Override
  public final boolean isDirect() {
    return true;
  }

  @Override
  public final boolean isContiguous() {
    return true;
  }

  @Override
  public final boolean hasArray() {
    return false;
  }

  @Override
  public final byte[] array() {
    throw new UnsupportedOperationException("the bytes are off the Java heap: there is no array");
  }

  @Override
  public final int arrayOffset() {
    throw new UnsupportedOperationException("the bytes are off the Java heap: there is no array");
  }

  @Override
  public final boolean hasMemoryAddress() {
    return segment != null;
  }

  @Override
  public final long memoryAddress() {
    ensureAccessible();
    return bytes().address();
  }

  // ---- single values ----

  @Override
  protected final byte _getByte(int index) {
    return bytes().get(JAVA_BYTE, index);
  }

  @Override
  protected final short _getShort(int index) {
    return bytes().get(SHORT, index);
  }

  @Override
  protected final short _getShortLE(int index) {
    return bytes().get(SHORT_LE, index);
  }

  @Override
  protected final int _getUnsignedMedium(int index) {
    return ((_getShort(index) & 0xffff) << 8) | (_getByte(index + 2) & 0xff);
  }

  @Override
  protected final int _getUnsignedMediumLE(int index) {
    return (_getShortLE(index) & 0xffff) | ((_getByte(index + 2) & 0xff) << 16);
  }

  @Override
  protected final int _getInt(int index) {
    return bytes().get(INT, index);
  }

  @Override
  protected final int _getIntLE(int index) {
    return bytes().get(INT_LE, index);
  }

  @Override
  protected final long _getLong(int index) {
    return bytes().get(LONG, index);
  }

  @Override
  protected final long _getLongLE(int index) {
    return bytes().get(LONG_LE, index);
  }

  @Override
  protected final void _setByte(int index, int value) {
    bytes().set(JAVA_BYTE, index, (byte) value);
  }

  @Override
  protected final void _setShort(int index, int value) {
    bytes().set(SHORT, index, (short) value);
  }

  @Override
  protected final void _setShortLE(int index, int value) {
    bytes().set(SHORT_LE, index, (short) value);
  }

  @Override
  protected final void _setMedium(int index, int value) {
    _setShort(index, value >>> 8);
    _setByte(index + 2, value);
  }

  @Override
  protected final void _setMediumLE(int index, int value) {
    _setShortLE(index, value);
    _setByte(index + 2, value >>> 16);
  }

  @Override
  protected final void _setInt(int index, int value) {
    bytes().set(INT, index, value);
  }

  @Override
  protected final void _setIntLE(int index, int value) {
    bytes().set(INT_LE, index, value);
  }

  @Override
  protected final void _setLong(int index, long value) {
    bytes().set(LONG, index, value);
  }

  @Override
  protected final void _setLongLE(int index, long value) {
    bytes().set(LONG_LE, index, value);
  }

  @Override
  public final ByteBuf setZero(int index, int length) {
    if (length != 0) { // none is never out of bounds, as in Netty
      checkIndex(index, length);
      bytes().asSlice(index, length).fill((byte) 0);
    }
    return this;
  }

  // ---- ranges: to and from memory ----

  @Override
  public final ByteBuf getBytes(int index, ByteBuf target, int targetIndex, int length) {
    checkDstIndex(index, length, targetIndex, target.capacity());
    if (target.hasArray()) {
      return getBytes(index, target.array(), target.arrayOffset() + targetIndex, length);
    }
    target.setBytes(targetIndex, part(index, length));
    return this;
  }

  @Override
  public final ByteBuf getBytes(int index, byte[] target, int targetIndex, int length) {
    checkDstIndex(index, length, targetIndex, target.length);
    MemorySegment.copy(bytes(), JAVA_BYTE, index, target, targetIndex, length);
    return this;
  }

  @Override
  public final ByteBuf getBytes(int index, ByteBuffer target) {
    checkIndex(index, target.remaining());
    target.put(part(index, target.remaining()));
    return this;
  }

  @Override
  public final ByteBuf setBytes(int index, ByteBuf source, int sourceIndex, int length) {
    checkSrcIndex(index, length, sourceIndex, source.capacity());
    if (source.hasArray()) {
      return setBytes(index, source.array(), source.arrayOffset() + sourceIndex, length);
    }
    source.getBytes(sourceIndex, part(index, length));
    return this;
  }

  @Override
  public final ByteBuf setBytes(int index, byte[] source, int sourceIndex, int length) {
    checkSrcIndex(index, length, sourceIndex, source.length);
    MemorySegment.copy(source, sourceIndex, bytes(), JAVA_BYTE, index, length);
    return this;
  }

  @Override
  public final ByteBuf setBytes(int index, ByteBuffer source) {
    checkIndex(index, source.remaining());
    part(index, source.remaining()).put(source);
    return this;
  }

  @Override
  public final ByteBuf copy(int index, int length) {
    checkIndex(index, length);
    return alloc.directBuffer(length, maxCapacity()).writeBytes(this, index, length);
  }

  // ---- ranges: to and from streams and channels ----

  @Override
  public final ByteBuf getBytes(int index, OutputStream out, int length) throws IOException {
    checkIndex(index, length);
    byte[] piece = new byte[Math.min(length, STREAM_PIECE)];
    for (int done = 0; done < length; done += piece.length) {
      int now = Math.min(length - done, piece.length);
      MemorySegment.copy(bytes(), JAVA_BYTE, index + done, piece, 0, now);
      out.write(piece, 0, now);
    }
    return this;
  }

  @Override
  public final int getBytes(int index, GatheringByteChannel out, int length) throws IOException {
    checkIndex(index, length);
    return length == 0 ? 0 : out.write(part(index, length));
  }

  @Override
  public final int getBytes(int index, FileChannel out, long position, int length)
      throws IOException {
    checkIndex(index, length);
    return length == 0 ? 0 : out.write(part(index, length), position);
  }

  /** Reads until there are enough bytes, or the stream gives fewer than it was asked for. */
  @Override
  public final int setBytes(int index, InputStream in, int length) throws IOException {
    checkIndex(index, length);
    byte[] piece = new byte[Math.min(length, STREAM_PIECE)];
    int done = 0;
    int wanted;
    int got;
    do {
      wanted = Math.min(length - done, piece.length);
      got = in.read(piece, 0, wanted);
      if (got > 0) {
        MemorySegment.copy(piece, 0, bytes(), JAVA_BYTE, index + done, got);
        done += got;
      }
    } while (got == wanted && done < length);
    return done == 0 ? got : done;
  }

  /** Through the cached ByteBuffer: this is how Netty's transports read. */
  @Override
  public final int setBytes(int index, ScatteringByteChannel in, int length) throws IOException {
    ByteBuffer target = internalNioBuffer(index, length);
    try {
      return in.read(target);
    } catch (ClosedChannelException ended) {
      return -1;
    }
  }

  @Override
  public final int setBytes(int index, FileChannel in, long position, int length)
      throws IOException {
    ByteBuffer target = internalNioBuffer(index, length);
    try {
      return in.read(target, position);
    } catch (ClosedChannelException ended) {
      return -1;
    }
  }

  // ---- as ByteBuffers ----

  /** A part as a ByteBuffer of its own; the indices have been checked. */
  private ByteBuffer part(int index, int length) {
    return bytes().asSlice(index, length).asByteBuffer();
  }

  @Override
  public final int nioBufferCount() {
    return 1;
  }

  @Override
  public final ByteBuffer nioBuffer(int index, int length) {
    checkIndex(index, length);
    return part(index, length);
  }

  @Override
  public final ByteBuffer[] nioBuffers(int index, int length) {
    return new ByteBuffer[] {nioBuffer(index, length)};
  }

  @Override
  public final ByteBuffer internalNioBuffer(int index, int length) {
    checkIndex(index, length);
    ByteBuffer all = internal;
    if (all == null) {
      all = bytes().asByteBuffer();
      internal = all;
    }
    return all.clear().position(index).limit(index + length);
  }
}

package io.github.dmabuf4j.netty;

import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.BufferPurgedException;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Job;
import io.github.dmabuf4j.JobAccess;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.util.IllegalReferenceCountException;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Shows buffers to Netty as {@code ByteBuf}s without a copy, and finds the buffer behind one.
 *
 * <p><b>Life of a view.</b> It owns a reference to the buffer and a hold, until its own count is 0:
 * then both are closed, once. The handle it was made from may be closed before. Until then the
 * bytes stay where they are, {@code memoryAddress()} is valid, and the buffer is busy (design rule
 * PN2), so a view is to be short, as a hold is. Afterwards each access is an {@link
 * IllegalReferenceCountException}. Views are tracked by Netty's leak detector.
 *
 * <p><b>Kinds.</b> Any thread may use a ByteBuf, so a view is never over a confined arena. The
 * default is {@link ArenaKind#POOL}: a count of 0 is noticed by the ByteBuf itself, and only what
 * goes past it, a {@code nioBuffer()} or an address that is kept for too long, may see the next
 * owner's bytes. With {@link ArenaKind#SHARED} a kept {@code nioBuffer()} is dead as well; each
 * release then costs some 50 to 100 µs.
 *
 * <p><b>Who else uses the buffer.</b> A view alone is a hold: it neither waits for the fences of
 * the buffer, nor does anybody wait for it, nor does it make devices and CPU see the same bytes.
 * That is enough for a buffer that the caller has for itself and that only the CPU touches. For
 * others there is {@link #view(DmaBuf, Job)}: the view is the use that a job was published for, and
 * its end is the job's.
 *
 * {@snippet file="io/github/dmabuf4j/netty/snippets/SendBuffer.java" region="send"}
 *
 * <p><b>Capacity.</b> The maximum is the part that is shown: a view can shrink and grow again
 * within it, and shows the same bytes. Its byte order is big-endian, all of it is readable from the
 * start. A handle that is read-only gives a view that is.
 *
 * <p><b>Threads.</b> Any. Making a view takes the reservation for a moment, so not by a thread that
 * holds it, nor one that has to signal what somebody who holds it waits for (design rule FN4).
 *
 * <p>Source: design rules VM2, VM4, PN2, CA2, JB1; rule CB12.
 */
public final class DmaByteBufs {
  private DmaByteBufs() {}

  /**
   * Shows all of a buffer, of the kind {@link ArenaKind#POOL}.
   *
   * @param buffer the buffer; the handle may be closed afterwards
   * @return a ByteBuf of the buffer's size, all of it readable, to be released
   * @throws UnsupportedOperationException if the buffer is larger than 2 GiB - 1, which a ByteBuf
   *     can't span
   * @throws BufferPurgedException if the content is gone
   * @throws IllegalStateException if the handle is closed, or the thread holds the reservation
   */
  public static ByteBuf view(DmaBuf buffer) {
    return view(buffer, ArenaKind.POOL);
  }

  /**
   * Shows all of a buffer.
   *
   * @param buffer the buffer; the handle may be closed afterwards
   * @param kind whose life the bytes share: {@link ArenaKind#POOL} or {@link ArenaKind#SHARED}
   * @return a ByteBuf of the buffer's size, all of it readable, to be released
   * @throws IllegalArgumentException if the kind is {@link ArenaKind#CONFINED}
   * @throws UnsupportedOperationException if the buffer is larger than 2 GiB - 1, which a ByteBuf
   *     can't span
   * @throws BufferPurgedException if the content is gone
   * @throws IllegalStateException if the handle is closed, or the thread holds the reservation
   */
  public static ByteBuf view(DmaBuf buffer, ArenaKind kind) {
    checkKind(kind);
    return show(buffer, kind, 0, spanOf(buffer), null, buffer.isReadOnly());
  }

  /**
   * Shows a part of a buffer, for example a plane, or a part of one that is larger than a ByteBuf
   * can span.
   *
   * @param buffer the buffer; the handle may be closed afterwards
   * @param kind whose life the bytes share: {@link ArenaKind#POOL} or {@link ArenaKind#SHARED}
   * @param offset where the part begins, in bytes
   * @param length how many bytes
   * @return a ByteBuf of the part, all of it readable, to be released
   * @throws IllegalArgumentException if the kind is {@link ArenaKind#CONFINED}
   * @throws IndexOutOfBoundsException if the part isn't inside the buffer
   * @throws BufferPurgedException if the content is gone
   * @throws IllegalStateException if the handle is closed, or the thread holds the reservation
   */
  public static ByteBuf view(DmaBuf buffer, ArenaKind kind, long offset, int length) {
    checkKind(kind);
    Objects.checkFromIndexSize(offset, length, buffer.size());
    return show(buffer, kind, offset, length, null, buffer.isReadOnly());
  }

  /**
   * Shows a buffer of a published job, and signals the job when the count is 0. From the job's
   * publication until then others wait for it, as for any reader or writer, and the bytes are
   * coherent. A view that is forgotten leaves its job behind: that fails once the garbage collector
   * finds it.
   *
   * <p>A job has to end in finite time (design rule FN1), and so has the view: where the other end
   * of a connection may stop reading, a timeout has to close the channel. Others give up after
   * {@code Fences.defaultTimeout()}. What releases the view must not wait for memory or for
   * reservations first (design rule FN4).
   *
   * @param buffer a buffer of the job; the handle may be closed afterwards
   * @param job a published job whose dependencies have signaled; signaled by the view's last
   *     release, unless it has ended before. If this method throws it stays the caller's
   * @return a ByteBuf of the buffer's size, of the kind POOL, all of it readable, to be released;
   *     read-only if the job only reads the buffer, or the handle is
   * @throws IllegalArgumentException if the buffer isn't one of the job's
   * @throws UnsupportedOperationException if the buffer is larger than 2 GiB - 1
   * @throws IllegalStateException if a dependency is pending, the job has ended, the handle is
   *     closed, or the thread holds the reservation
   */
  public static ByteBuf view(DmaBuf buffer, Job job) {
    int length = spanOf(buffer);
    boolean readOnly;
    try (JobAccess access = job.open()) { // begins the bracket, which lasts until the job's end
      readOnly = access.segment(buffer).isReadOnly();
    }
    return show(buffer, ArenaKind.POOL, 0, length, job, readOnly);
  }

  /**
   * The buffer behind a ByteBuf: the original of a view (rule CB12), or what a {@link
   * DmaByteBufAllocator} allocated, so that what came from the network can be handed on without a
   * copy. Duplicates, slices and what else {@code unwrap()} sees through count as what they are
   * made of: the answer is all of the buffer, which may be larger than the ByteBuf, and holds older
   * bytes outside of it.
   *
   * @param bytes any ByteBuf
   * @return a new handle of the buffer, to be closed, read-only where the ByteBuf is; or empty if
   *     there is no buffer behind it, or several
   * @throws IllegalReferenceCountException if the ByteBuf was released
   */
  public static Optional<DmaBuf> bufferOf(ByteBuf bytes) {
    boolean readOnly = false;
    for (ByteBuf seen = bytes; seen != null; seen = seen.unwrap()) {
      readOnly |= seen.isReadOnly();
      if (seen instanceof DmaByteBuf ours) {
        return Optional.ofNullable(ours.dupBuffer(readOnly));
      }
    }
    return Optional.empty();
  }

  private static void checkKind(ArenaKind kind) {
    if (kind == ArenaKind.CONFINED) {
      throw new IllegalArgumentException(
          "wanted POOL or SHARED, got CONFINED: any thread may use or release a ByteBuf, a confined"
              + " arena is one thread's");
    }
  }

  private static int spanOf(DmaBuf buffer) {
    long size = buffer.size();
    if (size > Integer.MAX_VALUE) {
      throw new UnsupportedOperationException(
          "%s has %d bytes, and a ByteBuf spans at most %d: show a part with view(buffer, kind, offset, length)"
              .formatted(buffer, size, Integer.MAX_VALUE));
    }
    return (int) size;
  }

  private static ByteBuf show(
      DmaBuf buffer, ArenaKind kind, long offset, int length, @Nullable Job job, boolean readOnly) {
    DmaBuf mine = readOnly ? buffer.dupReadOnly() : buffer.dup();
    HeldBuffer held = HeldBuffer.take(mine, kind, job);
    ByteBuf view;
    try {
      MemorySegment all = held.segment();
      MemorySegment part = length == all.byteSize() ? all : all.asSlice(offset, length);
      view = new ViewByteBuf(UnpooledByteBufAllocator.DEFAULT, held, part, length);
    } catch (Throwable e) {
      held.letGo();
      throw e;
    }
    return DmaByteBufAllocator.tracked(readOnly ? view.asReadOnly() : view);
  }
}

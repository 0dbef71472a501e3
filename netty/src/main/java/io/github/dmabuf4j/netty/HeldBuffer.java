package io.github.dmabuf4j.netty;

import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.Job;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * What a {@link DmaByteBuf} owns of a buffer: a reference, a hold, and the job that it is a part
 * of, if any.
 *
 * <p><b>Invariant.</b> {@link #letGo} is called once: by the thread that brought the reference
 * count of the ByteBuf to 0, or that gave it other bytes. It closes the hold first, so that the
 * segment is dead before the job tells others that they may have the bytes, and the reference last.
 * The hold may be refused to close while another thread is inside the segment; then nothing else is
 * let go before that thread has left. No path forgets one of the three.
 *
 * <p><b>Threads.</b> Any.
 */
final class HeldBuffer {
  private static final System.Logger LOG = System.getLogger(HeldBuffer.class.getName());

  private final DmaBuf buffer;
  private final Hold hold;
  private final @Nullable Job job;

  private HeldBuffer(DmaBuf buffer, Hold hold, @Nullable Job job) {
    this.buffer = buffer;
    this.hold = hold;
    this.job = job;
  }

  /**
   * Takes a hold of a buffer and takes over its handle, which is closed on failure.
   *
   * @param job what to signal in the end; stays the caller's on failure
   */
  static HeldBuffer take(DmaBuf buffer, ArenaKind kind, @Nullable Job job) {
    Hold hold = null;
    try {
      hold = buffer.hold(kind);
      return new HeldBuffer(buffer, hold, job);
    } catch (Throwable e) {
      try (buffer) {
        if (hold != null) {
          hold.close();
        }
      }
      throw e;
    }
  }

  /** The bytes of all of the buffer. */
  MemorySegment segment() {
    return hold.segment();
  }

  /** One more reference to the buffer. */
  DmaBuf dup(boolean readOnly) {
    return readOnly ? buffer.dupReadOnly() : buffer.dup();
  }

  /** Closes the hold, signals the job, drops the reference. */
  void letGo() {
    boolean refused = false;
    try {
      hold.close();
    } catch (IllegalStateException e) {
      refused = true;
      LOG.log(
          Level.WARNING,
          "a ByteBuf over "
              + buffer
              + " was released while another thread is using its bytes; they are let go when it has"
              + " left: whoever hands a ByteBuf to another thread must retain it",
          e);
      Thread.ofVirtual().name("let go of " + buffer).start(this::letGoOnceLeft);
    } finally {
      if (!refused) {
        endUse();
      }
    }
  }

  /** Nobody says when a thread has left a segment: looks each millisecond. */
  private void letGoOnceLeft() {
    boolean closed = false;
    while (!closed) {
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1));
      try {
        hold.close();
        closed = true;
      } catch (IllegalStateException stillInside) {
        closed = false;
      }
    }
    endUse();
  }

  private void endUse() {
    try (buffer) {
      if (job != null) {
        boolean _ = job.signal(); // or its owner has ended it already
      }
    }
  }
}

package io.github.dmabuf4j;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import org.jspecify.annotations.Nullable;

/**
 * One thread's access to the buffers of a {@link Job}. The segments share a confined arena that
 * ends with this access.
 *
 * <p><b>Threads.</b> All methods on the thread that called {@link Job#open}.
 */
public final class JobAccess implements AutoCloseable {
  /** Kept reachable: a job that is lost while somebody has segments would signal too early. */
  private final Job job;

  private final JobUses uses;
  private final Thread owner = Thread.currentThread();
  private @Nullable Arena arena; // made for the first segment
  private boolean closed;

  JobAccess(Job job, JobUses uses) {
    this.job = job;
    this.uses = uses;
  }

  /**
   * The bytes of one of the job's buffers.
   *
   * @param buffer the handle that was given to the job, closed or not, or another one of the same
   *     buffer
   * @return a segment of the buffer's size, dead after this access; read-only if the job only reads
   *     it, or the handle is read-only
   * @throws IllegalArgumentException if the buffer isn't one of the job's
   * @throws IllegalStateException if this access is closed
   * @throws WrongThreadException if called on another thread
   */
  public MemorySegment segment(DmaBuf buffer) {
    checkThread();
    if (closed) {
      throw new IllegalStateException("segment of %s on a closed access".formatted(buffer));
    }
    JobUses.Use use = uses.of(buffer);
    if (arena == null) {
      arena = Arena.ofConfined();
    }
    MemorySegment segment = use.bytes().segment(use.object.size(), arena);
    return use.access.writes() && !buffer.refusesWrites() ? segment : segment.asReadOnly();
  }

  /**
   * Ends this access; the segments it gave are dead. Closing again does nothing.
   *
   * @throws WrongThreadException if called on another thread; it stays open
   * @throws IllegalStateException if native code is inside a segment; it stays open
   */
  @Override
  public void close() {
    checkThread();
    if (closed) {
      return;
    }
    try {
      if (arena != null) {
        arena.close(); // refused while native code is inside a segment: then this stays open
      }
      closed = true;
      uses.leave();
    } finally {
      Reference.reachabilityFence(job);
    }
  }

  private void checkThread() {
    if (owner != Thread.currentThread()) {
      throw new WrongThreadException(
          "this access was opened on %s, not on %s".formatted(owner, Thread.currentThread()));
    }
  }
}

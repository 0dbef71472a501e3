package io.github.dmabuf4j;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * One thread's access to the buffers of a {@link Job}. The segments share a confined arena that
 * ends with this access.
 *
 * <p><b>Threads.</b> All methods on the thread that called {@link Job#open}.
 */
public final class JobAccess implements AutoCloseable {
  private final JobUses uses;
  private final Arena arena = Arena.ofConfined();

  JobAccess(JobUses uses) {
    this.uses = uses;
  }

  /**
   * The bytes of one of the job's buffers.
   *
   * @param buffer the handle that was given to the job, closed or not, or another one of the same
   *     buffer
   * @return a segment of the buffer's size, dead after this access; read-only if the job only reads
   *     it
   * @throws IllegalArgumentException if the buffer isn't one of the job's
   * @throws IllegalStateException if this access is closed
   * @throws WrongThreadException if called on another thread
   */
  public MemorySegment segment(DmaBuf buffer) {
    JobUses.Use use = uses.of(buffer);
    MemorySegment segment = Objects.requireNonNull(use.bytes).segment(use.object.size(), arena);
    return use.access.writes() ? segment : segment.asReadOnly();
  }

  /**
   * Ends this access; the segments it gave are dead. Closing again does nothing.
   *
   * @throws WrongThreadException if called on another thread; it stays open
   */
  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
      uses.leave();
    }
  }
}

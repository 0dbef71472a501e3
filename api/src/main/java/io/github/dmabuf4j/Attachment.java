package io.github.dmabuf4j;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * An importer's side of a buffer: it can be mapped for that importer, and is told of moves. Made by
 * {@link DmaBuf#attach}; owns a reference, so the buffer lives at least as long.
 *
 * <p><b>Mapping.</b> {@link #map} under the reservation gives the pieces. For a static importer the
 * buffer is pinned while mapped, and its memory-management fences have been waited for (rules CM4,
 * CM5); a dynamic importer respects them itself.
 *
 * <p><b>Threads.</b> {@link #map} and {@link #unmap} under the buffer's reservation; {@link #close}
 * without it.
 *
 * <p>Source: struct dma_buf_attachment; rules CB6 to CB9, CM4 to CM12.
 */
public final class Attachment implements AutoCloseable {
  private final BufferObject object;
  private final Importer importer;
  private final boolean readOnly;

  // Asked once: what an importer answers later can't unbalance a pin, nor block a report.
  private final String importerName;
  private final boolean dynamic;

  /** Of the attached generation: the memory's next owner gets another one. */
  private final Reservation reservation;

  // Guarded by the reservation.
  private @Nullable ScatterList mapped;
  private Access mappedFor = Access.READ;
  private volatile boolean closed;

  Attachment(BufferObject object, Importer importer, boolean readOnly) {
    this.readOnly = readOnly;
    this.object = object;
    this.importer = importer;
    this.importerName = Objects.requireNonNull(importer.name(), "the importer's name");
    this.dynamic = importer.isDynamic();
    this.reservation = object.reservationForUser();
  }

  String importerName() {
    return importerName;
  }

  /**
   * Who attached.
   *
   * @return the importer
   */
  public Importer importer() {
    return importer;
  }

  /**
   * The reservation of the buffer, which {@link #map} and {@link #unmap} need.
   *
   * @return the reservation
   */
  public Reservation reservation() {
    return reservation;
  }

  /**
   * Maps the buffer for the importer.
   *
   * @param access what the importer will do
   * @return the pieces, valid until {@link #unmap} or, for a dynamic importer, until it is told of
   *     a move
   * @throws IllegalStateException if the reservation isn't held, this attachment is closed, it is
   *     mapped already, or it is of a read-only handle and the access writes
   * @throws BufferPurgedException if the content is gone
   */
  public ScatterList map(Access access) {
    checkUsable("map");
    if (readOnly && access.writes()) {
      throw new IllegalStateException(
          "map wants to write through an attachment of a read-only handle of " + object);
    }
    if (mapped != null) {
      throw new IllegalStateException(this + " is mapped already: unmap it first");
    }
    if (!dynamic) {
      object.pinLocked(Pin.Term.SHORT);
    }
    try {
      object.ensureResidentLocked();
      ScatterList pieces =
          Objects.requireNonNull(
              object.exporter().map(this, access), "the exporter mapped nothing");
      mapped = pieces;
      mappedFor = access;
      if (!dynamic) {
        reservation.awaitUninterruptibly(FenceUsage.KERNEL);
      }
      return pieces;
    } catch (RuntimeException | Error e) {
      ScatterList pieces = mapped;
      if (pieces != null) {
        Throwable failure = unmapLocked(pieces).failure();
        if (failure != null) {
          e.addSuppressed(failure);
        }
      } else if (!dynamic) {
        object.unpinLocked(Pin.Term.SHORT);
      }
      throw e;
    }
  }

  /**
   * Undoes {@link #map}.
   *
   * @throws IllegalStateException if the reservation isn't held, or nothing is mapped
   */
  public void unmap() {
    checkUsable("unmap");
    ScatterList pieces = mapped;
    if (pieces == null) {
      throw new IllegalStateException(this + " is not mapped");
    }
    unmapLocked(pieces).finish();
  }

  private RunAll unmapLocked(ScatterList pieces) {
    mapped = null;
    RunAll steps = new RunAll().run(() -> object.exporter().unmap(this, pieces, mappedFor));
    if (!dynamic) {
      steps.run(() -> object.unpinLocked(Pin.Term.SHORT));
    }
    return steps;
  }

  private void checkUsable(String operation) {
    if (closed) {
      throw new IllegalStateException(
          "%s on a closed attachment of %s".formatted(operation, importerName));
    }
    reservation.assertHeld(operation);
  }

  /**
   * The bytes are about to move: void the mapping of a dynamic importer and tell it. Reservation
   * held.
   */
  void moveNotifyLocked() {
    if (dynamic) {
      ScatterList pieces = mapped;
      Access access = mappedFor; // the importer may map again at once
      mapped = null;
      RunAll steps = new RunAll().run(() -> importer.moveNotify(this));
      if (pieces != null) {
        steps.run(() -> object.exporter().unmap(this, pieces, access));
      }
      steps.finish();
    }
  }

  /**
   * Unmaps what is mapped and detaches. Takes the reservation itself. Closing again does nothing.
   *
   * @throws IllegalStateException if the calling thread holds the buffer's reservation
   */
  @Override
  public void close() {
    if (closed) {
      return; // the memory may be somebody else's by now
    }
    RunAll steps = new RunAll();
    reservation.lock();
    try {
      if (closed) {
        return;
      }
      closed = true;
      ScatterList pieces = mapped;
      if (pieces != null) {
        Throwable failure = unmapLocked(pieces).failure();
        if (failure != null) {
          steps.failed(failure);
        }
      }
      object.removeAttachmentLocked(this);
    } finally {
      reservation.unlock();
    }
    steps.run(() -> object.exporter().detach(this)).run(object::put).finish();
  }

  @Override
  public String toString() {
    return closed
        ? "closed attachment of " + importerName
        : "attachment of %s to %s".formatted(importerName, object);
  }
}

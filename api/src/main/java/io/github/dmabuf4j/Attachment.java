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

  // Guarded by the reservation of the buffer.
  private @Nullable ScatterList mapped;
  private Access mappedFor = Access.READ;
  private boolean closed;

  Attachment(BufferObject object, Importer importer) {
    this.object = object;
    this.importer = importer;
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
    return object.reservation();
  }

  /**
   * Maps the buffer for the importer.
   *
   * @param access what the importer will do
   * @return the pieces, valid until {@link #unmap} or, for a dynamic importer, until it is told of
   *     a move
   * @throws IllegalStateException if the reservation isn't held, this attachment is closed, or it
   *     is mapped already
   * @throws BufferPurgedException if the content is gone
   */
  public ScatterList map(Access access) {
    checkUsable("map");
    if (mapped != null) {
      throw new IllegalStateException(this + " is mapped already: unmap it first");
    }
    if (!importer.isDynamic()) {
      object.pinLocked(Pin.Term.SHORT);
    }
    try {
      object.ensureResidentLocked();
      ScatterList pieces =
          Objects.requireNonNull(
              object.exporter().map(this, access), "the exporter mapped nothing");
      mapped = pieces;
      mappedFor = access;
      if (!importer.isDynamic()) {
        object.reservation().awaitUninterruptibly(FenceUsage.KERNEL);
      }
      return pieces;
    } catch (RuntimeException | Error e) {
      if (mapped != null) {
        unmap();
      } else if (!importer.isDynamic()) {
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
    mapped = null;
    object.exporter().unmap(this, pieces, mappedFor);
    if (!importer.isDynamic()) {
      object.unpinLocked(Pin.Term.SHORT);
    }
  }

  private void checkUsable(String operation) {
    object.reservation().assertHeld(operation);
    if (closed) {
      throw new IllegalStateException(this + " is closed");
    }
  }

  /**
   * The bytes are about to move: void the mapping of a dynamic importer and tell it. Reservation
   * held.
   */
  void moveNotifyLocked() {
    if (importer.isDynamic()) {
      ScatterList pieces = mapped;
      mapped = null;
      importer.moveNotify(this);
      if (pieces != null) {
        object.exporter().unmap(this, pieces, mappedFor);
      }
    }
  }

  /**
   * Unmaps what is mapped and detaches. Takes the reservation itself. Closing again does nothing.
   *
   * @throws IllegalStateException if the calling thread holds the buffer's reservation
   */
  @Override
  public void close() {
    Reservation reservation = object.reservation();
    reservation.lock();
    try {
      if (closed) {
        return;
      }
      if (mapped != null) {
        unmap();
      }
      closed = true;
      object.removeAttachmentLocked(this);
    } finally {
      reservation.unlock();
    }
    object.exporter().detach(this);
    object.put();
  }

  @Override
  public String toString() {
    return "attachment of %s to %s".formatted(importer.name(), object);
  }
}

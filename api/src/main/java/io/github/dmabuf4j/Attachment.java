package io.github.dmabuf4j;

import java.util.Objects;

/**
 * An importer's side of a buffer: it can be mapped for that importer, and is told of moves. Made by
 * {@link DmaBuf#attach}; owns a reference, so the buffer lives at least as long.
 *
 * <p><b>Mapping.</b> {@link #map} under the reservation gives the pieces. For a static importer the
 * buffer is pinned while mapped, and its memory-management fences have been waited for (rules CM4,
 * CM5); a dynamic importer respects them itself. Where the exporter {@linkplain
 * io.github.dmabuf4j.spi.Exporter#cachesMappings says so}, the pieces are kept after {@link #unmap}
 * for the next time, for each access separately, until the buffer moves.
 *
 * <p><b>Coherency.</b> While it is mapped, brackets of the CPU synchronise it too ({@link
 * io.github.dmabuf4j.spi.Exporter#syncForCpu}).
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
  private final boolean peerToPeer;

  /** Of the attached generation: the memory's next owner gets another one. */
  private final Reservation reservation;

  /** What it has mapped or keeps. Guarded by the reservation. */
  private final AttachmentMapping mapping;

  private volatile boolean closed;

  Attachment(BufferObject object, Importer importer, boolean readOnly) {
    this.readOnly = readOnly;
    this.object = object;
    this.importer = importer;
    this.importerName = Objects.requireNonNull(importer.name(), "the importer's name");
    this.dynamic = importer.isDynamic();
    this.peerToPeer = importer.allowsPeerToPeer();
    this.reservation = object.reservationForUser();
    this.mapping = new AttachmentMapping(object, this);
  }

  String importerName() {
    return importerName;
  }

  AttachmentMapping mapping() {
    return mapping;
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
   * Whether the importer follows moves.
   *
   * @return what it said when it attached
   */
  public boolean isDynamic() {
    return dynamic;
  }

  /**
   * Whether the importer can use memory that only devices reach.
   *
   * @return what it said when it attached
   */
  public boolean allowsPeerToPeer() {
    return peerToPeer;
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
   * Maps the buffer for the importer. Through an attachment of a read-only handle the pieces in
   * memory are read-only, whatever the exporter gave.
   *
   * @param access what the importer will do
   * @return the pieces, valid until {@link #unmap} or, for a dynamic importer, until it is told of
   *     a move
   * @throws IllegalStateException if the reservation isn't held, this attachment is closed, it is
   *     mapped already, importers are being told of a move, or it is of a read-only handle and the
   *     access writes
   * @throws BufferPurgedException if the content is gone
   * @throws DmaBufException if the exporter gave pieces that are less than the buffer, or that
   *     somebody has; or, for a static importer, if the buffer can't be pinned, for example because
   *     a limit on pinned bytes is reached
   */
  public ScatterList map(Access access) {
    checkUsable("map");
    checkMayMap(access);
    ScatterList pieces = mapLocked(access);
    return readOnly ? pieces.asReadOnly() : pieces;
  }

  private ScatterList mapLocked(Access access) {
    if (dynamic) {
      object.ensureResidentLocked();
      return mapping.map(access);
    }
    object.pinLocked(Pin.Term.SHORT);
    try {
      ScatterList pieces = mapping.map(access);
      reservation.awaitUninterruptibly(FenceUsage.KERNEL);
      return pieces;
    } catch (Throwable e) {
      Throwable failure = unmapLocked().failure();
      if (failure != null) {
        e.addSuppressed(failure);
      }
      throw e;
    }
  }

  private void checkMayMap(Access access) {
    if (readOnly && access.writes()) {
      throw new IllegalStateException(
          "map wants to write through an attachment of a read-only handle of " + object);
    }
    object.checkNotMoving();
    if (mapping.isMapped()) {
      throw new IllegalStateException(this + " is mapped already: unmap it first");
    }
  }

  /**
   * Undoes {@link #map}.
   *
   * @throws IllegalStateException if the reservation isn't held, or nothing is mapped
   */
  public void unmap() {
    checkUsable("unmap");
    if (!mapping.isMapped()) {
      throw new IllegalStateException(this + " is not mapped");
    }
    unmapLocked().finish();
  }

  private RunAll unmapLocked() {
    RunAll steps = new RunAll().run(mapping::unmap);
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
   * The bytes are about to move: void what is mapped or kept, and tell a dynamic importer. A static
   * one has nothing mapped, or the buffer would be pinned. Reservation held.
   */
  void moveNotifyLocked() {
    RunAll steps = new RunAll();
    if (dynamic) {
      steps.run(() -> importer.moveNotify(this));
    }
    steps.run(mapping::end).finish();
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
      if (mapping.isMapped()) {
        steps.run(() -> unmapLocked().finish());
      }
      steps.run(mapping::end);
      steps.run(() -> object.removeAttachmentLocked(this));
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

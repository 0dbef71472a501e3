package io.github.dmabuf4j;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

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
  /*
   * The attachments of a buffer are a list, from the one that attached last to the one that attached first. Invariants:
   *  - It changes under the reservation; brackets and reports walk it without.
   *  - An attachment is put at the head, once, and keeps its `older` when it is taken off. So from any attachment, on the
   *    list or not, `older` leads to each one that attached before it and still is: a walk misses nobody who stays, and ends.
   *  - Nothing is allocated for it: who has made the attachment can put it on the list, and who closes it take it off.
   *
   *   field        read        written     guard
   *   mapping      volatile    volatile    written once, under the reservation; what is in it: see AttachmentMapping
   *   older        volatile    volatile    written under the reservation
   *   state        volatile    volatile    CLOSING under the reservation, DETACHED by who made it CLOSING
   */
  private final BufferObject object;
  private final Importer importer;
  private final boolean readOnly;

  // Asked once: what an importer answers later can't unbalance a pin, nor block a report.
  private final String importerName;
  private final boolean dynamic;
  private final boolean peerToPeer;

  /** What it has mapped or keeps; null until it maps first. */
  private volatile @Nullable AttachmentMapping mapping;

  /** The next on the buffer's list. */
  private volatile @Nullable Attachment older;

  private volatile State state = State.ATTACHED;

  /** How far it is with its end. */
  private enum State {
    ATTACHED,
    CLOSING,
    /** It has no reference any more: the memory and its reservation may be somebody else's. */
    DETACHED
  }

  Attachment(BufferObject object, Importer importer, boolean readOnly) {
    this.readOnly = readOnly;
    this.object = object;
    this.importer = importer;
    this.importerName = Objects.requireNonNull(importer.name(), "the importer's name");
    this.dynamic = importer.isDynamic();
    this.peerToPeer = importer.allowsPeerToPeer();
  }

  String importerName() {
    return importerName;
  }

  /** What it has mapped or keeps; null if it never mapped. */
  @Nullable AttachmentMapping mapping() {
    return mapping;
  }

  /** What it is mapped for now: guarded by the reservation, racy for reports. */
  @Nullable Access access() {
    AttachmentMapping present = mapping;
    return present == null ? null : present.access();
  }

  /** The next on the buffer's list, or where that was left. */
  @Nullable Attachment older() {
    return older;
  }

  void setOlder(@Nullable Attachment attachment) {
    older = attachment;
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
   * The reservation of the buffer, which {@link #map} and {@link #unmap} need. It can be kept: the
   * memory's next owner gets another one.
   *
   * @return the reservation
   * @throws IllegalStateException if this attachment is closed
   */
  public Reservation reservation() {
    Reservation reservation = object.reservationForUser(); // first: it was ours if this still is
    if (state == State.DETACHED) {
      throw closed("reservation");
    }
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
      return ownMapping().map(access);
    }
    object.pinLocked(Pin.Term.SHORT);
    try {
      ScatterList pieces = ownMapping().map(access);
      object.reservation().awaitUninterruptibly(FenceUsage.KERNEL);
      return pieces;
    } catch (Throwable e) {
      Throwable failure = unmapLocked().failure();
      if (failure != null) {
        e.addSuppressed(failure);
      }
      throw e;
    }
  }

  private AttachmentMapping ownMapping() {
    AttachmentMapping present = mapping;
    if (present == null) {
      present = new AttachmentMapping(object, this);
      mapping = present;
    }
    return present;
  }

  private void checkMayMap(Access access) {
    if (readOnly && access.writes()) {
      throw new IllegalStateException(
          "map wants to write through an attachment of a read-only handle of " + object);
    }
    object.checkNotMoving();
    if (isMapped()) {
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
    if (!isMapped()) {
      throw new IllegalStateException(this + " is not mapped");
    }
    unmapLocked().finish();
  }

  private RunAll unmapLocked() {
    RunAll steps = new RunAll();
    AttachmentMapping present = mapping;
    if (present != null) {
      steps.run(present::unmap);
    }
    if (!dynamic) {
      steps.run(() -> object.unpinLocked(Pin.Term.SHORT));
    }
    return steps;
  }

  private boolean isMapped() {
    AttachmentMapping present = mapping;
    return present != null && present.isMapped();
  }

  private void checkUsable(String operation) {
    if (state != State.ATTACHED) {
      throw closed(operation);
    }
    object.reservation().assertHeld(operation);
  }

  private IllegalStateException closed(String operation) {
    return new IllegalStateException(
        "%s on a closed attachment of %s".formatted(operation, importerName));
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
    endMapping(steps);
    steps.finish();
  }

  /**
   * Unmaps what is mapped and detaches. Takes the reservation itself. Closing again does nothing.
   *
   * @throws IllegalStateException if the calling thread holds the buffer's reservation
   */
  @Override
  public void close() {
    if (state != State.ATTACHED) {
      return; // the memory may be somebody else's by now
    }
    RunAll steps = new RunAll();
    Reservation reservation = object.reservation();
    reservation.lock();
    try {
      if (state != State.ATTACHED) {
        return;
      }
      state = State.CLOSING;
      if (isMapped()) {
        steps.run(() -> unmapLocked().finish());
      }
      endMapping(steps);
      object.removeAttachmentLocked(this);
    } finally {
      reservation.unlock();
    }
    steps.run(() -> object.exporter().detach(this));
    state = State.DETACHED;
    steps.run(object::put).finish();
  }

  private void endMapping(RunAll steps) {
    AttachmentMapping present = mapping;
    if (present != null) {
      steps.run(present::end);
    }
  }

  @Override
  public String toString() {
    return state != State.ATTACHED
        ? "closed attachment of " + importerName
        : "attachment of %s to %s".formatted(importerName, object);
  }
}

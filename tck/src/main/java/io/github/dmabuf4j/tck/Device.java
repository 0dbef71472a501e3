package io.github.dmabuf4j.tck;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Importer;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.ScatterList;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A device that works on a buffer through the pieces of its attachment. It maps when it needs the
 * bytes and isn't mapped, as an importer does that was told of a move.
 *
 * <p><b>Threads.</b> One at a time; {@link #moveNotify} on the exporter's, also before {@link
 * DmaBuf#attach} has returned. What is mapped is guarded by the reservation.
 */
final class Device implements Importer, AutoCloseable {
  private final boolean dynamic;
  private final Access access;
  private final Attachment attachment;
  private @Nullable ScatterList pieces;
  private int moves;
  private Runnable onMove = () -> {};

  private Device(DmaBuf buffer, boolean dynamic, Access access) {
    this.dynamic = dynamic;
    this.access = access;
    this.attachment = buffer.attach(this);
  }

  /** A device that follows moves. */
  static Device following(DmaBuf buffer) {
    return new Device(buffer, true, Access.READ_WRITE);
  }

  /** A device that can't follow moves. */
  static Device fixed(DmaBuf buffer) {
    return new Device(buffer, false, Access.READ_WRITE);
  }

  /** What to do when the device is told of a move, with the reservation held. */
  Device onMove(Runnable action) {
    onMove = action;
    return this;
  }

  @Override
  public String name() {
    return dynamic ? "following device" : "fixed device";
  }

  @Override
  public boolean isDynamic() {
    return dynamic;
  }

  @Override
  public void moveNotify(Attachment moved) {
    assertTrue(moved.importer() == this, "the attachment that is told of is the importer's own");
    assertTrue(moved.reservation().isHeldByCurrentThread(), "told under the reservation (CL5)");
    moves++;
    try {
      onMove.run();
    } finally {
      pieces = null;
    }
  }

  Attachment attachment() {
    return attachment;
  }

  Reservation reservation() {
    return attachment.reservation();
  }

  /** How often it was told of a move. */
  int moves() {
    return moves;
  }

  boolean isMapped() {
    return pieces != null;
  }

  /** Maps under the reservation, taken here, unless it is mapped. */
  ScatterList map() {
    return underLock(list -> list);
  }

  /** Maps with the reservation held by the caller. */
  ScatterList mapLocked() {
    ScatterList list = pieces;
    if (list == null) {
      list = attachment.map(access);
      pieces = list;
    }
    return list;
  }

  void unmap() {
    reservation().lock();
    try {
      unmapLocked();
    } finally {
      reservation().unlock();
    }
  }

  void unmapLocked() {
    pieces = null;
    attachment.unmap();
  }

  private ScatterList underLock(UnaryOperator<ScatterList> use) {
    reservation().lock();
    try {
      return use.apply(mapLocked());
    } finally {
      reservation().unlock();
    }
  }

  // ---- the device's view of the bytes ----

  /** Reads all bytes, as the device sees them, and finds a pattern in them. */
  void assertSees(long size, int seed) {
    Pattern.assertIn(map(), size, seed);
  }

  /** Reads what it has mapped, whoever holds the reservation. */
  void assertStillSees(long size, int seed) {
    Pattern.assertIn(Objects.requireNonNull(pieces, "not mapped any more"), size, seed);
  }

  byte read(long offset) {
    return at(map(), offset).get(ValueLayout.JAVA_BYTE, 0);
  }

  void write(long offset, byte value) {
    at(map(), offset).set(ValueLayout.JAVA_BYTE, 0, value);
  }

  void write(long size, int seed) {
    Pattern.put(map(), size, seed);
  }

  private static MemorySegment at(ScatterList list, long offset) {
    long left = offset;
    for (MemorySegment piece : list.segments()) {
      if (left < piece.byteSize()) {
        return piece.asSlice(left, 1);
      }
      left -= piece.byteSize();
    }
    throw new AssertionError("byte %d lies behind the pieces %s".formatted(offset, list));
  }

  @Override
  public void close() {
    pieces = null;
    attachment.close();
  }
}

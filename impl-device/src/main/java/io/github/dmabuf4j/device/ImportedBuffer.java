package io.github.dmabuf4j.device;

import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.FrameLayout;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.device.linux.Descriptor;
import org.jspecify.annotations.Nullable;

/**
 * A file that somebody else made, as a buffer of ours. It is never pooled, and its memory is never
 * given up: it isn't ours.
 *
 * <p><b>Invariant.</b> It is exported once, and closed at the release of that buffer. One that
 * follows in the same file, because the file was imported again after the last reference to this
 * one was gone, begins with the fences that this one left.
 */
final class ImportedBuffer extends FileExporter {
  /** What the exporter of such buffers is called. */
  static final String NAME = "imported";

  /** How many bytes of imported files stay mapped that nobody uses. */
  private static final long MAPPINGS = 256L << 20;

  /** Beyond so many bytes a file is closed by the timer: its release has to be quick. */
  private static final long LARGE = 1 << 20;

  private static final IdleMappings IDLE = new IdleMappings(MAPPINGS);

  private final FileIdentity identity;
  private final BufferObject object;

  /**
   * Owns a file.
   *
   * @param identity what it is
   * @param file a descriptor of our own
   * @param earlier what had a buffer in the same file before, which has ended, or null
   */
  ImportedBuffer(FileIdentity identity, Descriptor file, @Nullable FileExporter earlier) {
    super(
        file,
        identity.bytes(),
        identity.kind() == FileIdentity.Kind.DMA_BUF,
        identity.isWritable(),
        IDLE);
    this.identity = identity;
    this.object = new BufferObject(this);
    knownBy(identity.key());
    if (earlier != null) {
      inherit(earlier.object().reservation());
    }
  }

  /** Nobody else knows this yet, and nobody adds fences to the earlier one any more. */
  private void inherit(Reservation left) {
    Reservation own = object.reservation();
    own.lock();
    try {
      own.copyFrom(left);
    } finally {
      own.unlock();
    }
  }

  /**
   * The only buffer in it.
   *
   * @param given what it is called, or null for what the file is called
   * @param layout how a frame lies in it, or null
   */
  DmaBuf export(@Nullable String given, @Nullable FrameLayout layout) {
    String name = given == null ? identity.name() : given;
    return object.export(bytes, name.isEmpty() ? null : name, layout);
  }

  /** What is known of the file. */
  FileIdentity identity() {
    return identity;
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  BufferObject object() {
    return object;
  }

  /** It is shared as it is. */
  @Override
  void share() {}

  @Override
  boolean mayBeElsewhere() {
    return true;
  }

  @Override
  public void release() {
    if (bytes <= LARGE || !tryCloseSoon()) {
      close();
    }
  }

  /** False if the timer may not have been told. Closing twice does no harm. */
  private boolean tryCloseSoon() {
    try {
      DeviceTimer.soon(this::close, NAME);
      return true;
    } catch (RuntimeException | Error e) { // no Java heap, no thread
      return false;
    }
  }
}

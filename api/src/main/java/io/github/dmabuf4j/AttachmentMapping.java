package io.github.dmabuf4j;

import io.github.dmabuf4j.spi.Exporter;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What one {@link Attachment} has mapped, and what it keeps mapped for the next time: made when it
 * maps first, for many never do.
 *
 * <p><b>Invariant.</b> Everything changes under the reservation. {@code mapped} changes under this
 * object's monitor as well, under which brackets synchronise it: what is synchronised stays mapped
 * meanwhile. Nothing takes a reservation or waits for a fence under the monitor: who signals one
 * may want it, and who unmaps holds the reservation. Each list is given to the exporter's unmap
 * once: at unmap where nothing is kept, else when the buffer moves or the importer detaches.
 */
final class AttachmentMapping {
  private final BufferObject object;
  private final Attachment attachment;

  private @Nullable ScatterList mapped;
  private Access mappedFor = Access.READ;

  /** What is kept, the mapped one too. Null where the exporter wants nothing kept. */
  private final @Nullable Map<Access, ScatterList> kept;

  AttachmentMapping(BufferObject object, Attachment attachment) {
    this.object = object;
    this.attachment = attachment;
    this.kept = object.exporter().cachesMappings() ? new EnumMap<>(Access.class) : null;
  }

  /**
   * The first that there is, of an attachment or of an older one of the same buffer.
   *
   * @param newest where to begin, or null
   * @return null if none of them has ever mapped
   */
  static @Nullable AttachmentMapping from(@Nullable Attachment newest) {
    Attachment attachment = newest;
    while (attachment != null && attachment.mapping() == null) {
      attachment = attachment.older();
    }
    return attachment == null ? null : attachment.mapping();
  }

  /** The next that there is, of an older attachment of the same buffer. */
  @Nullable AttachmentMapping older() {
    return from(attachment.older());
  }

  /** What is mapped now: guarded by the reservation, racy for reports. */
  @Nullable Access access() {
    return isMapped() ? mappedFor : null;
  }

  boolean isMapped() {
    return mapped != null;
  }

  ScatterList map(Access access) {
    ScatterList pieces = kept == null ? null : kept.get(access);
    if (pieces == null) {
      pieces = mapAnew(access);
    }
    set(pieces, access);
    return pieces;
  }

  private ScatterList mapAnew(Access access) {
    Exporter exporter = object.exporter();
    ScatterList pieces =
        Objects.requireNonNull(exporter.map(attachment, access), "the exporter mapped nothing");
    if (pieces.byteSize() < object.size()) {
      exporter.unmap(attachment, pieces, access);
      throw wrong("mapped %d bytes of %d".formatted(pieces.byteSize(), object.size()));
    }
    AttachmentMapping other = from(object.newestAttachment());
    for (; other != null; other = other.older()) {
      if (other.has(pieces)) { // and keeps it
        throw wrong("gave %s what %s has (rule CM8)".formatted(attachment, other.attachment));
      }
    }
    if (kept != null) {
      kept.put(access, pieces);
    }
    return pieces;
  }

  private DmaBufException wrong(String what) {
    return new DmaBufException(
        "map",
        Errno.EINVAL,
        "%s, the exporter of %s, %s".formatted(object.exporter().name(), object, what),
        null);
  }

  /** Whether these very pieces are mapped or kept. */
  private boolean has(ScatterList pieces) {
    return mapped == pieces
        || (kept != null && kept.values().stream().anyMatch(present -> present == pieces));
  }

  private synchronized void set(@Nullable ScatterList pieces, Access access) {
    mapped = pieces;
    mappedFor = access;
  }

  void unmap() {
    ScatterList pieces = mapped;
    Access access = mappedFor;
    set(null, access);
    if (pieces != null && kept == null) {
      object.exporter().unmap(attachment, pieces, access);
    }
  }

  /** Unmaps what is mapped and what is kept. */
  void end() {
    RunAll steps = new RunAll().run(this::unmap);
    if (kept != null) {
      Map<Access, ScatterList> ending = new EnumMap<>(kept);
      kept.clear();
      ending.forEach(
          (access, pieces) -> steps.run(() -> object.exporter().unmap(attachment, pieces, access)));
    }
    steps.finish();
  }

  /** In a bracket that begins. */
  synchronized void syncForCpu(Access access) {
    if (mapped != null) {
      ScatterList pieces = mapped;
      Lockdep.inCallback(
          "syncForCpu of", object, () -> object.exporter().syncForCpu(attachment, pieces, access));
    }
  }

  /** In a bracket that ends. */
  synchronized void syncForDevice(Access access) {
    if (mapped != null) {
      ScatterList pieces = mapped;
      Lockdep.inCallback(
          "syncForDevice of",
          object,
          () -> object.exporter().syncForDevice(attachment, pieces, access));
    }
  }
}

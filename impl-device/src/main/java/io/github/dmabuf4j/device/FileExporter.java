package io.github.dmabuf4j.device;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.ScatterList;
import io.github.dmabuf4j.device.linux.ClosingThread;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.FileKey;
import io.github.dmabuf4j.device.linux.FileStatus;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.spi.MappedBytes;
import io.github.dmabuf4j.spi.MappingCache;
import io.github.dmabuf4j.spi.SharedFile;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A buffer in a file: how it is mapped, accessed and shared, wherever the file came from.
 *
 * <p><b>Invariant.</b> {@code mapping} is what was mapped last, and good to those who refer to it;
 * the cache of mappings may keep it over the end of the buffer. {@code importerMapping} is there
 * while an importer has the buffer mapped, and {@code importerUses} counts these.
 *
 * <table>
 * <caption>Access modes</caption>
 * <tr><th>field</th><th>read</th><th>written</th><th>guard</th></tr>
 * <tr><td>key</td><td>volatile</td><td>volatile</td><td>written by whoever shares it, always the same</td></tr>
 * <tr><td>mapping</td><td>plain</td><td>plain</td><td>the reservation while it is exported, else its owner</td></tr>
 * <tr><td>importerMapping, importerUses</td><td>plain</td><td>plain</td><td>the reservation</td></tr>
 * </table>
 */
abstract class FileExporter implements Exporter, SharedFile, MappingCache {
  /** The size of the file. */
  final long bytes;

  private final Descriptor file;

  /** What the kernel knows of work on it; null for a memory file, which has none. */
  private final @Nullable ImplicitFences fences;

  private final boolean isWritable;
  private final IdleMappings mappings;
  private volatile @Nullable FileKey key;
  private @Nullable FileMapping mapping;
  private @Nullable FileMapping importerMapping;
  private int importerUses;

  /**
   * Owns a file.
   *
   * @param file its descriptor
   * @param bytes its size
   * @param isDmaBuf whether it is a dma-buf, else a memory file
   * @param isWritable whether it may be mapped for writing
   * @param mappings what keeps its mapping
   */
  FileExporter(
      Descriptor file, long bytes, boolean isDmaBuf, boolean isWritable, IdleMappings mappings) {
    this.file = file;
    this.bytes = bytes;
    this.fences = isDmaBuf ? new ImplicitFences(file) : null;
    this.isWritable = isWritable;
    this.mappings = mappings;
  }

  /** The object that buffers in this file are exported from. */
  abstract BufferObject object();

  /** Whether the kernel and its devices know it. */
  final boolean isDmaBuf() {
    return fences != null;
  }

  /** Whether it may be mapped for writing. */
  final boolean isWritable() {
    return isWritable;
  }

  /** Which file it is. Looked up once, by whoever shares it; an import is known by it. */
  final FileKey key() {
    FileKey known = key;
    if (known == null) {
      known = FileStatus.of(file).key();
      key = known;
    }
    return known;
  }

  /** It came by this. */
  final void knownBy(FileKey itsKey) {
    key = itsKey;
  }

  // ---- by its owner ----

  /** Makes all of it zero. */
  final void zero() {
    FileMapping mapped = map();
    try {
      MemorySegment all = mapped.all();
      beginCpuAccess(Access.WRITE);
      try {
        all.fill((byte) 0);
      } finally {
        endCpuAccess(Access.WRITE);
      }
    } finally {
      boolean _ = mapped.release();
    }
  }

  /** Gives the memory back. Nobody has a buffer in it, and nobody will. */
  void close() {
    try (file) { // whatever fails
      forget();
    }
  }

  private void forget() {
    FileKey known = key;
    try {
      if (known != null) {
        Imports.forget(known, this);
      }
    } finally {
      mappings.forget(object());
    }
  }

  /** What is mapped, and refers to it for the caller. */
  private FileMapping map() {
    FileMapping present = mapping;
    if (present != null && present.tryRetain()) {
      return present;
    }
    FileMapping fresh = FileMapping.of(file, bytes, isWritable, name());
    mapping = fresh;
    return fresh;
  }

  // ---- for the CPU ----

  @Override
  public final MappedBytes vmap() {
    return map();
  }

  @Override
  public final void vunmap(MappedBytes mapped) {
    boolean _ = ((FileMapping) mapped).release();
  }

  @Override
  public final MappingCache mappingCache() {
    return this;
  }

  @Override
  public final void mapped(BufferObject buffer, int number) {
    mappings.mapped(buffer, number, mapping);
  }

  @Override
  public final void used(BufferObject buffer) {
    mappings.used(buffer);
  }

  /** The file stays mapped, for the next buffer in it; see {@link #close}. */
  @Override
  public final void unmapped(BufferObject buffer, int number) {}

  @Override
  public final void beginCpuAccess(Access access) {
    if (isDmaBuf()) {
      CpuBrackets.begin(file, access, object());
    }
  }

  @Override
  public final void endCpuAccess(Access access) {
    if (isDmaBuf()) {
      CpuBrackets.end(file, access, object());
    }
  }

  // ---- fences of others ----

  /** Of a file that nobody else has, none: no system call is made for it. */
  @Override
  public final List<Fence> foreignFences(FenceUsage usage) {
    return fences == null || !mayBeElsewhere() ? List.of() : fences.pending(usage);
  }

  /** Also while nobody else has the file: who gets it later waits for this, too. */
  @Override
  public final void publish(Fence fence, Access access) {
    if (fences != null) {
      fences.add(fence, access);
    }
  }

  // ---- for importers ----

  @Override
  public final ScatterList map(Attachment attachment, Access access) {
    FileMapping present = importerMapping;
    if (present == null) {
      present = map();
      importerMapping = present;
    }
    importerUses++;
    MemorySegment all = present.segment(object().size());
    return ScatterList.of(access.writes() ? all : all.asReadOnly());
  }

  @Override
  public final void unmap(Attachment attachment, ScatterList pieces, Access access) {
    importerUses--;
    if (importerUses == 0) {
      FileMapping last = Objects.requireNonNull(importerMapping, "importerMapping");
      importerMapping = null;
      boolean _ = last.release();
    }
  }

  // ---- for other processes ----

  @Override
  public final OwnedFd exportFd() throws InterruptedException {
    HostFences.await(object());
    share();
    Imports.remember(this, key());
    return DescriptorBudget.OF_THIS_PROCESS.make(
        Descriptor.Kind.BUFFER,
        "descriptors handed out of " + name(),
        "F_DUPFD_CLOEXEC",
        () -> file.use(fd -> Syscalls.fcntl(fd, linux_h.F_DUPFD_CLOEXEC(), 0)));
  }

  /** From now on somebody else may have the file. */
  abstract void share();

  /**
   * Has the file closed by a thread of its own, since somebody else has it: who watches a dma-buf
   * with an epoll can have its last close sleep. A memory file can't be watched.
   */
  final void closeElsewhere() {
    if (isDmaBuf()) {
      Descriptor _ = file.closedBy(new ClosingThread(name(), 0));
    }
  }

  /** Whether somebody else may have the file. */
  abstract boolean mayBeElsewhere();

  @Override
  public String toString() {
    return "%s of %s, %d B".formatted(file, name(), bytes);
  }
}

package io.github.dmabuf4j.device;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.BufferLru;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.BufferPurgedException;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.ScatterList;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.spi.MappedBytes;
import io.github.dmabuf4j.spi.MappingCache;
import io.github.dmabuf4j.spi.SharedFile;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A file that buffers of a heap live in, one after the other.
 *
 * <p><b>Life.</b> made → owned by an allocating thread → exported, until the last reference and
 * fence are gone → idle in the pool → owned by whoever takes it out. It ends when it is closed,
 * which happens to an idle one, to one whose memory was given up, and to one whose descriptor ever
 * left, instead of becoming idle (design rule DV7).
 *
 * <pre>
 *   OURS ──a descriptor leaves──▶ SHARED
 *     └────its memory goes──────▶ GONE
 * </pre>
 *
 * <p><b>Invariant.</b> {@code state} changes once, so a file is never shared and given up: who
 * shares it after its memory has gone is told that, and one that was shared keeps its memory until
 * the buffer's end. {@code mapping} is what was mapped last, and good to those who refer to it; the
 * cache of the pool may keep it over the end of the buffer.
 *
 * <table>
 * <caption>Access modes</caption>
 * <tr><th>field</th><th>read</th><th>written</th><th>guard</th></tr>
 * <tr><td>state</td><td>volatile</td><td>CAS</td><td></td></tr>
 * <tr><td>mapping</td><td>plain</td><td>plain</td><td>the reservation while it is exported, else its owner</td></tr>
 * <tr><td>importerMapping, importerUses, pinnedTerms</td><td>plain</td><td>plain</td><td>the reservation</td></tr>
 * <tr><td>idleSince</td><td>plain</td><td>plain</td><td>the pool's lock</td></tr>
 * </table>
 */
final class DeviceBuffer implements Exporter, SharedFile, MappingCache {
  private static final VarHandle STATE;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(DeviceBuffer.class, "state", State.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private enum State {
    OURS,
    SHARED,
    GONE
  }

  final BufferObject object;

  /** The size of the file, whole pages. */
  final long bytes;

  /** When it became idle, by {@link System#nanoTime}. */
  long idleSince;

  private final FilePool pool;
  private final Descriptor file;
  private volatile State state = State.OURS;
  private @Nullable FileMapping mapping;
  private @Nullable FileMapping importerMapping;
  private int importerUses;
  private int pinnedTerms;

  /**
   * Owns a file.
   *
   * @param pool whose it is
   * @param file its descriptor
   * @param bytes its size
   */
  DeviceBuffer(FilePool pool, Descriptor file, long bytes) {
    this.pool = pool;
    this.file = file;
    this.bytes = bytes;
    this.object = new BufferObject(pool.around.apply(this));
  }

  @Override
  public String name() {
    return pool.name;
  }

  // ---- by its owner ----

  /** Makes all of it zero. */
  void zero() {
    FileMapping mapped = map();
    try {
      if (pool.files.areDmaBufs()) {
        CpuBrackets.begin(file, Access.WRITE, pool.name);
      }
      mapped.all().fill((byte) 0);
      if (pool.files.areDmaBufs()) {
        CpuBrackets.end(file, Access.WRITE, pool.name);
      }
    } finally {
      boolean _ = mapped.release();
    }
  }

  /** Whether another buffer may have it. */
  boolean mayBePooled() {
    return state == State.OURS;
  }

  /** Whether its memory was given up while its buffer lived. */
  boolean isGone() {
    return state == State.GONE;
  }

  /** Gives the memory back. Nobody has a buffer in it, and nobody will. */
  void close() {
    pool.mappings.forget(object);
    file.close();
  }

  /** What is mapped, and refers to it for the caller. */
  private FileMapping map() {
    FileMapping present = mapping;
    if (present != null && present.tryRetain()) {
      return present;
    }
    FileMapping fresh = FileMapping.of(file, bytes, pool.name);
    mapping = fresh;
    return fresh;
  }

  // ---- for the CPU ----

  @Override
  public MappedBytes vmap() {
    return map();
  }

  @Override
  public void vunmap(MappedBytes mapped) {
    boolean _ = ((FileMapping) mapped).release();
  }

  @Override
  public MappingCache mappingCache() {
    return this;
  }

  @Override
  public void mapped(BufferObject buffer, int number) {
    pool.mappings.mapped(buffer, number, mapping);
  }

  @Override
  public void used(BufferObject buffer) {
    pool.mappings.used(buffer);
  }

  /** The file stays mapped, for the next buffer in it. */
  @Override
  public void unmapped(BufferObject buffer, int number) {}

  @Override
  public void beginCpuAccess(Access access) {
    if (pool.files.areDmaBufs()) {
      CpuBrackets.begin(file, access, object.displayName());
    }
  }

  @Override
  public void endCpuAccess(Access access) {
    if (pool.files.areDmaBufs()) {
      CpuBrackets.end(file, access, object.displayName());
    }
  }

  // ---- for importers ----

  @Override
  public ScatterList map(Attachment attachment, Access access) {
    FileMapping present = importerMapping;
    if (present == null) {
      present = map();
      importerMapping = present;
    }
    importerUses++;
    var all = present.segment(object.size());
    return ScatterList.of(access.writes() ? all : all.asReadOnly());
  }

  @Override
  public void unmap(Attachment attachment, ScatterList pieces, Access access) {
    importerUses--;
    if (importerUses == 0) {
      FileMapping last = Objects.requireNonNull(importerMapping, "importerMapping");
      importerMapping = null;
      boolean _ = last.release();
    }
  }

  @Override
  public void pin(Pin.Term term) {
    if (pinnedTerms == 0) {
      pool.pin(this);
    }
    pinnedTerms++;
  }

  @Override
  public void unpin(Pin.Term term) {
    pinnedTerms--;
    if (pinnedTerms == 0) {
      pool.unpin(this);
    }
  }

  // ---- for other processes ----

  @Override
  public OwnedFd exportFd() throws InterruptedException {
    HostFences.await(object);
    share();
    return DescriptorBudget.OF_THIS_PROCESS.make(
        Descriptor.Kind.BUFFER,
        "descriptors handed out of " + object.displayName(),
        "F_DUPFD_CLOEXEC",
        () -> file.use(fd -> Syscalls.fcntl(fd, linux_h.F_DUPFD_CLOEXEC(), 0)));
  }

  /** From now on somebody else may have it. */
  private void share() {
    if (!STATE.compareAndSet(this, State.OURS, State.SHARED) && state == State.GONE) {
      throw new BufferPurgedException(
          "exportFd",
          "%s has no memory any more: it was said that its content isn't needed, and it was dropped; allocate a new buffer"
              .formatted(object.displayName()));
    }
  }

  // ---- reclaim and the end ----

  @Override
  public BufferLru lru() {
    return pool.lru;
  }

  @Override
  public boolean evict() {
    if (!STATE.compareAndSet(this, State.OURS, State.GONE)) {
      return false; // somebody else may be using the pages
    }
    pool.giveUp(this);
    return true;
  }

  @Override
  public void release() {
    pool.release(this);
  }

  @Override
  public String toString() {
    return "%s of %s, %s, %d B".formatted(file, pool.name, state, bytes);
  }
}

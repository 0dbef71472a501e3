package io.github.dmabuf4j.device;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.BufferLru;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.BufferPurgedException;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.device.linux.Descriptor;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
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
 * the buffer's end.
 *
 * <table>
 * <caption>Access modes</caption>
 * <tr><th>field</th><th>read</th><th>written</th><th>guard</th></tr>
 * <tr><td>state</td><td>volatile</td><td>CAS</td><td></td></tr>
 * <tr><td>pinnedTerms</td><td>plain</td><td>plain</td><td>the reservation</td></tr>
 * <tr><td>list, previous, next, idleNumber</td><td>plain</td><td>plain</td><td>the pool's lock, or the one thread that has
 *   the list</td></tr>
 * </table>
 */
final class DeviceBuffer extends FileExporter {
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

  /** The list that it is on, and its neighbours there; see {@link FileList}. */
  @Nullable FileList list;

  @Nullable DeviceBuffer previous;
  @Nullable DeviceBuffer next;

  /** Larger than those of the files that became idle before; see {@link IdleFiles}. */
  long idleNumber;

  private final FilePool pool;

  /** Null for a memory file, whose name is for ever. */
  private final @Nullable KernelName kernelName;

  private volatile State state = State.OURS;
  private int pinnedTerms;

  /**
   * Owns a file.
   *
   * @param pool whose it is
   * @param file its descriptor
   * @param bytes its size, whole pages
   */
  DeviceBuffer(FilePool pool, Descriptor file, long bytes) {
    super(file, bytes, pool.files.areDmaBufs(), true, pool.mappings);
    this.pool = pool;
    this.kernelName = pool.files.areDmaBufs() ? new KernelName(file) : null;
    this.object = new BufferObject(pool.around.apply(this));
  }

  @Override
  public String name() {
    return pool.name;
  }

  @Override
  BufferObject object() {
    return object;
  }

  /**
   * What the next buffer in it is called, or empty. No system call is made for the name that it has
   * already.
   */
  @Override
  public void renamed(String name) {
    if (kernelName != null) {
      kernelName.tell(name);
    }
  }

  /** A buffer in it, for its owner. */
  DmaBuf export(AllocationRequest request) {
    renamed(request.name().orElse(""));
    return object.export(
        request.size(), request.name().orElse(null), request.layout().orElse(null));
  }

  /** Whether another buffer may have it. */
  boolean mayBePooled() {
    return state == State.OURS;
  }

  /** Whether its memory was given up while its buffer lived. */
  boolean isGone() {
    return state == State.GONE;
  }

  @Override
  void share() {
    if (STATE.compareAndSet(this, State.OURS, State.SHARED)) {
      closeElsewhere();
    } else if (state == State.GONE) {
      throw new BufferPurgedException(
          "exportFd",
          "%s has no memory any more: it was said that its content isn't needed, and it was dropped; allocate a new buffer"
              .formatted(object.displayName()));
    }
  }

  @Override
  boolean mayBeElsewhere() {
    return state == State.SHARED;
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
}

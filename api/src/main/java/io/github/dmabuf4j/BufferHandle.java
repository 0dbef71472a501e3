package io.github.dmabuf4j;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * What makes a {@link DmaBuf} safe to use at any time: it is of one generation of the memory, open
 * or closed, and may write or not.
 *
 * <p><b>Invariant.</b> A handle is closed once, and who closed it drops its reference. Of a
 * duplicate {@code closed} tells, which becomes true by a CAS. Of the handle that the export made
 * the object's own word tells, together with the generation, so that closing it is one atomic
 * operation; {@code closed} is set afterwards, and is what a late second close sees when the
 * generations have begun again from the first. Hence while a handle is open the generation hasn't
 * ended, and the object is this buffer's. There are two ways to rely on that:
 *
 * <ul>
 *   <li>{@link #retain} takes a reference for as long as something is done, which fails if the
 *       generation has ended;
 *   <li>what can be read without one is read first, then {@link #checkOpen} throws if it may have
 *       been the next owner's. A field that isn't volatile needs an acquire fence between the two.
 * </ul>
 *
 * <p><b>Threads.</b> Any, without a lock.
 */
abstract sealed class BufferHandle permits DmaBuf {
  private static final VarHandle CLOSED;

  static {
    try {
      CLOSED = MethodHandles.lookup().findVarHandle(BufferHandle.class, "closed", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final BufferObject object;
  private final int generation;
  private final boolean first;
  private final boolean readOnly;
  private volatile boolean closed;

  /**
   * Makes a handle of a reference that is being taken.
   *
   * @param first whether it is the one that an export begins with
   */
  BufferHandle(BufferObject object, int generation, boolean first, boolean readOnly) {
    this.object = object;
    this.generation = generation;
    this.first = first;
    this.readOnly = readOnly;
  }

  /**
   * What all handles of the buffer share; of this generation only while this handle is retained.
   */
  final BufferObject object() {
    return object;
  }

  final int generation() {
    return generation;
  }

  /** Takes a reference for an operation on this handle. */
  final BufferObject retain(String operation) {
    if (closed || !object.retain(generation, first)) {
      throw closed(operation);
    }
    return object;
  }

  /** Drops the handle's reference, the first time. */
  final void drop() {
    if (closed) {
      return;
    }
    if (first) {
      object.putFirst(generation);
      CLOSED.setOpaque(this, true);
    } else if (CLOSED.compareAndSet(this, false, true)) {
      object.put();
    }
  }

  final boolean hasClosed() {
    return closed || (first && !object.isFirstOpen(generation));
  }

  final void checkOpen(String operation) {
    if (hasClosed()) {
      throw closed(operation);
    }
  }

  private IllegalStateException closed(String operation) {
    return new IllegalStateException(
        "%s on a closed handle of %s; keep a dup() for as long as the buffer is needed"
            .formatted(operation, object.displayName(generation)));
  }

  final void checkWritable(String operation, Access access) {
    if (readOnly && access.writes()) {
      throw new IllegalStateException(
          "%s wants to write through a read-only handle of %s"
              .formatted(operation, object.displayName(generation)));
    }
  }

  /** Whether this handle can't write, closed or not. */
  final boolean refusesWrites() {
    return readOnly;
  }

  /** For those who keep the buffer themselves: also of handles that are closed by now. */
  final boolean refersToSame(BufferHandle other) {
    return object == other.object && generation == other.generation;
  }

  @Override
  public String toString() {
    return hasClosed()
        ? "closed handle of " + object.displayName(generation)
        : object.displayName();
  }
}

package io.github.dmabuf4j;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * What makes a {@link DmaBuf} safe to use at any time: it is of one generation of the memory, open
 * or closed, and may write or not.
 *
 * <p><b>Invariant.</b> {@code closed} becomes true once, by a CAS, and who made it so drops the
 * handle's reference. Hence while it is false the generation hasn't ended, and the object is this
 * buffer's. There are two ways to rely on that:
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
  private final boolean readOnly;
  private volatile boolean closed;

  BufferHandle(BufferObject object, int generation, boolean readOnly) {
    this.object = object;
    this.generation = generation;
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
    if (closed || !object.retain(generation)) {
      throw closed(operation);
    }
    return object;
  }

  /** Drops the handle's reference, the first time. */
  final void drop() {
    if (!closed && CLOSED.compareAndSet(this, false, true)) {
      object.put();
    }
  }

  final boolean hasClosed() {
    return closed;
  }

  final void checkOpen(String operation) {
    if (closed) {
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
    return closed ? "closed handle of " + object.displayName(generation) : object.displayName();
  }
}

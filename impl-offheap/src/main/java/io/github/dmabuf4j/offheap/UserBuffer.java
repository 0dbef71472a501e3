package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.ScatterList;
import io.github.dmabuf4j.UserMemory;
import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.spi.MappedBytes;
import java.lang.foreign.MemorySegment;

/**
 * A buffer over memory that isn't its heap's: one range, that never moves. Exported once.
 *
 * <p><b>Invariant.</b> From its admission by {@link UserBuffers} until {@link #tryEnd} has returned
 * true it counts there, and the range is its own or lent to it.
 *
 * <p>Pins cost nothing: nobody could move or reclaim the bytes anyway, and they count against the
 * limit on user memory already.
 */
abstract sealed class UserBuffer implements Exporter, MappedBytes
    permits StolenBuffer, BackedBuffer {
  final UserBuffers owner;
  final long address;
  final long byteSize;
  final BufferObject object;

  /**
   * Whether {@link #tryEnd} was refused and nobody tries again now. Guarded by the owner's lock.
   */
  boolean stuck;

  UserBuffer(UserBuffers owner, long address, long byteSize) {
    this.owner = owner;
    this.address = address;
    this.byteSize = byteSize;
    this.object = new BufferObject(owner.pool.around.apply(this));
  }

  /** Whose the memory is. */
  abstract UserMemory.Origin origin();

  /**
   * Lets the memory go, after the last reference and fence. By one thread at a time, until it is
   * done once.
   *
   * @return false if native code is still inside a segment: to be tried again
   */
  abstract boolean tryEnd();

  /** Whether some of the bytes are the same. */
  final boolean overlaps(UserBuffer other) {
    return address - other.address < other.byteSize && other.address - address < byteSize;
  }

  @Override
  public final long address() {
    return address;
  }

  @Override
  public MappedBytes vmap() {
    return this;
  }

  @Override
  public ScatterList map(Attachment attachment, Access access) {
    MemorySegment all = segment(byteSize);
    return ScatterList.of(access.writes() ? all : all.asReadOnly());
  }

  @Override
  public final void release() {
    owner.release(this);
  }
}

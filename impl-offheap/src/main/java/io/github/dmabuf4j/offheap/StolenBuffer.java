package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.UserMemory;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * A buffer over memory that was taken over (design rule UM1).
 *
 * <p><b>Invariant.</b> No segment of the buffer is alive when the action that frees the memory
 * runs. Those of holds died with them. All others, of the kind POOL and of importers, share one
 * arena, which is made for the first of them and closed before the action; while that is refused,
 * because native code is inside, the memory is kept and counts.
 *
 * <p><b>Threads.</b> {@code life} is guarded by the monitor, inside which nothing else is taken.
 */
final class StolenBuffer extends UserBuffer {
  private static final System.Logger LOG = System.getLogger(StolenBuffer.class.getName());

  private final Runnable release;
  private @Nullable Arena life;

  StolenBuffer(UserBuffers owner, long address, long byteSize, Runnable release) {
    super(owner, address, byteSize);
    this.release = release;
  }

  @Override
  UserMemory.Origin origin() {
    return UserMemory.Origin.STOLEN;
  }

  @Override
  public String name() {
    return owner.pool.name + "/stolen";
  }

  @Override
  public MemorySegment segment(long bytes) {
    return segment(bytes, life());
  }

  @Override
  public MemorySegment segment(long bytes, Arena arena) {
    return MemorySegment.ofAddress(address).reinterpret(bytes, arena, null);
  }

  private synchronized Arena life() {
    if (life == null) {
      life = Arena.ofShared();
    }
    return life;
  }

  @Override
  boolean tryEnd() {
    if (!tryEndSegments()) {
      return false;
    }
    try {
      release.run();
    } catch (Throwable e) { // somebody else's code: whatever it is, the account goes on
      LOG.log(
          Level.ERROR,
          "the action that gives %d stolen bytes at 0x%x back failed; they may be lost"
              .formatted(byteSize, address),
          e);
    }
    return true;
  }

  private synchronized boolean tryEndSegments() {
    if (life != null) {
      try {
        life.close();
      } catch (IllegalStateException e) { // somebody is inside
        return false;
      }
      life = null;
    }
    return true;
  }
}

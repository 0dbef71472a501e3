package io.github.dmabuf4j;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.List;

/**
 * The fences of a {@link Reservation}: written under its lock, read by anybody.
 *
 * <p><b>Invariant.</b> {@code version} is even while {@code entries} and {@code count} are
 * consistent, and odd while the holder of the lock changes them; each change raises it by two. A
 * reader copies between two reads of the same even version, else tries again. Writers never
 * allocate between the two, so a reader waits for a few stores at most.
 *
 * <p>Fence and usage are interleaved in one array of references, so that a slot is never seen
 * half-written even by a copy that is thrown away afterwards.
 *
 * <table>
 * <caption>Access modes</caption>
 * <tr><th>field</th><th>read</th><th>written</th></tr>
 * <tr><td>version</td><td>acquire; under the lock plain</td><td>opaque odd + store fence before, release even after the change</td></tr>
 * <tr><td>entries, count</td><td>plain, validated by version</td><td>plain, under the lock</td></tr>
 * <tr><td>reserved</td><td>under the lock</td><td>under the lock</td></tr>
 * </table>
 */
final class FenceSlots {
  private static final int FIRST_CAPACITY = 4;
  private static final int MAX_CAPACITY = 1 << 20;
  private static final Object[] NONE = {};
  private static final VarHandle VERSION;

  static {
    try {
      VERSION = MethodHandles.lookup().findVarHandle(FenceSlots.class, "version", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  @SuppressWarnings("unused") // by VERSION
  private int version;

  private Object[] entries = NONE;
  private int count;
  private int reserved;

  /** A consistent copy. */
  static final class Snapshot {
    private static final Snapshot EMPTY = new Snapshot(NONE, 0);

    private final Object[] entries;
    private final int size;

    private Snapshot(Object[] entries, int size) {
      this.entries = entries;
      this.size = size;
    }

    int size() {
      return size;
    }

    Fence fence(int slot) {
      return (Fence) entries[2 * slot];
    }

    FenceUsage usage(int slot) {
      return (FenceUsage) entries[2 * slot + 1];
    }
  }

  // ---- under the lock ----

  void reserve(int more) {
    ensureCapacity(more);
    reserved += more;
  }

  /**
   * Makes room for more slots beside those in use and reserved; drops what has signaled before it
   * grows.
   */
  private void ensureCapacity(int more) {
    if ((long) count + reserved + more > capacity()) {
      prune();
    }
    long wanted = (long) count + reserved + more;
    if (wanted > MAX_CAPACITY) {
      throw new IllegalArgumentException(
          "wanted at most %d slots in use and reserved, got %d".formatted(MAX_CAPACITY, wanted));
    }
    int needed = (int) wanted;
    if (needed > capacity()) {
      int capacity = Math.max(FIRST_CAPACITY, Math.max(needed, 2 * capacity()));
      Object[] grown = Arrays.copyOf(entries, 2 * capacity);
      beginChange();
      entries = grown;
      endChange();
    }
  }

  void add(Fence fence, FenceUsage usage) {
    if (reserved == 0) {
      throw new IllegalStateException(
          "no slot is reserved for " + fence + ": call reserve(1) before the point of no return");
    }
    reserved--;
    int slot = slotFor(fence, usage);
    beginChange();
    put(slot, fence, usage);
    if (slot == count) {
      count++;
    }
    endChange();
  }

  /**
   * The slot to write: the first whose fence has signaled or is superseded by the new one (rule
   * CR8), else a free one.
   */
  private int slotFor(Fence fence, FenceUsage usage) {
    for (int i = 0; i < count; i++) {
      Fence present = fence(i);
      boolean superseded =
          present.context() == fence.context()
              && usage(i).includes(usage)
              && present.seqno() <= fence.seqno();
      if (superseded || present.isSignaled()) {
        return i;
      }
    }
    return count;
  }

  void collect(FenceUsage usage, List<Fence> pending) {
    for (int i = 0; i < count; i++) {
      if (usage.includes(usage(i)) && !fence(i).isSignaled()) {
        pending.add(fence(i));
      }
    }
  }

  void replace(long context, Fence replacement, FenceUsage usage) {
    beginChange();
    for (int i = 0; i < count; i++) {
      if (fence(i).context() == context) {
        put(i, replacement, usage);
      }
    }
    endChange();
  }

  void copyFrom(FenceSlots source) {
    Snapshot snapshot = source.snapshot();
    beginChange();
    entries = snapshot.entries;
    count = snapshot.size;
    endChange();
    ensureCapacity(0);
  }

  void dropReserved() {
    reserved = 0;
  }

  void clear() {
    beginChange();
    Arrays.fill(entries, 0, 2 * count, null);
    count = 0;
    endChange();
    reserved = 0;
  }

  private void prune() {
    int kept = 0;
    beginChange();
    for (int i = 0; i < count; i++) {
      if (!fence(i).isSignaled()) {
        put(kept++, fence(i), usage(i));
      }
    }
    Arrays.fill(entries, 2 * kept, 2 * count, null);
    count = kept;
    endChange();
  }

  private int capacity() {
    return entries.length / 2;
  }

  private Fence fence(int slot) {
    return (Fence) entries[2 * slot];
  }

  private FenceUsage usage(int slot) {
    return (FenceUsage) entries[2 * slot + 1];
  }

  private void put(int slot, Fence fence, FenceUsage usage) {
    entries[2 * slot] = fence;
    entries[2 * slot + 1] = usage;
  }

  private void beginChange() {
    VERSION.setOpaque(this, (int) VERSION.get(this) + 1);
    VarHandle.storeStoreFence(); // the odd version before the changes; partner: the second read in
    // isUnchanged()
  }

  private void endChange() {
    VERSION.setRelease(this, (int) VERSION.get(this) + 1); // the changes before the even version
  }

  // ---- for anybody ----

  Snapshot snapshot() {
    while (true) {
      int before = (int) VERSION.getAcquire(this);
      if ((before & 1) == 0) {
        Object[] seen = entries;
        int size = count;
        if (size == 0 && isUnchanged(before)) {
          return Snapshot.EMPTY;
        }
        Object[] copy = Arrays.copyOf(seen, Math.min(2 * size, seen.length));
        if (isUnchanged(before)) {
          return new Snapshot(copy, size);
        }
      }
      Thread.onSpinWait();
    }
  }

  boolean isSignaled(FenceUsage usage) {
    while (true) {
      int before = (int) VERSION.getAcquire(this);
      if ((before & 1) == 0) {
        boolean signaled = allSignaled(entries, count, usage);
        if (isUnchanged(before)) {
          return signaled;
        }
      }
      Thread.onSpinWait();
    }
  }

  /** Reads slots that may change meanwhile: the caller validates the answer. */
  private static boolean allSignaled(Object[] seen, int size, FenceUsage usage) {
    for (int i = 0; i + 1 < seen.length && i < 2 * size; i += 2) {
      Fence fence = (Fence) seen[i];
      FenceUsage fenceUsage = (FenceUsage) seen[i + 1];
      if (fence != null
          && fenceUsage != null
          && usage.includes(fenceUsage)
          && !fence.isSignaled()) {
        return false;
      }
    }
    return true;
  }

  private boolean isUnchanged(int before) {
    VarHandle.loadLoadFence(); // the copied slots before the second read of the version
    return (int) VERSION.getOpaque(this) == before;
  }
}

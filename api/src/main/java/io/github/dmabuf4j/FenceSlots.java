package io.github.dmabuf4j;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.ConcurrentModificationException;
import java.util.List;
import java.util.Objects;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The fences of a {@link Reservation}: written under its lock, read by anybody.
 *
 * <p><b>Invariant.</b> {@code version} is even while {@code fences}, {@code usages} and {@code
 * count} are consistent, and odd while the holder of the lock changes them; each change raises it
 * by two. What a reader has read between two reads of the same even version was so at one time;
 * else it reads again. Writers never allocate between the two, so a reader waits for a few stores
 * at most.
 *
 * <p>Both arrays have the same length, and slots from {@code count} on hold nothing.
 *
 * <table>
 * <caption>Access modes</caption>
 * <tr><th>field</th><th>read</th><th>written</th></tr>
 * <tr><td>version</td><td>acquire; under the lock plain</td><td>opaque odd + store fence before, release even after the change</td></tr>
 * <tr><td>fences, usages, count</td><td>plain, validated by version</td><td>plain, under the lock</td></tr>
 * <tr><td>reserved</td><td>under the lock; racy only to find that it isn't 0</td><td>under the lock</td></tr>
 * </table>
 */
final class FenceSlots {
  private static final int FIRST_CAPACITY = 4;
  private static final int MAX_CAPACITY = 1 << 20;

  /** How often an iteration begins again before it goes through a copy. */
  private static final int MAX_RESTARTS = 8;

  private static final Fence[] NO_FENCES = {};
  private static final byte[] NO_USAGES = {};
  private static final VarHandle VERSION;

  static {
    try {
      VERSION = MethodHandles.lookup().findVarHandle(FenceSlots.class, "version", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  @SuppressWarnings("unused") // by VERSION
  private long version;

  private @Nullable Fence[] fences = NO_FENCES;

  /** {@link FenceUsage#weakness}: a reference would cost the collector's barrier to store. */
  private byte[] usages = NO_USAGES;

  private int count;
  private int reserved;

  /** A consistent copy. */
  static final class Snapshot {
    private static final Snapshot EMPTY = new Snapshot(NO_FENCES, NO_USAGES, 0);

    private final @Nullable Fence[] fences;
    private final byte[] usages;
    private final int size;

    private Snapshot(@Nullable Fence[] fences, byte[] usages, int size) {
      this.fences = fences;
      this.usages = usages;
      this.size = size;
    }

    int size() {
      return size;
    }

    Fence fence(int slot) {
      return Objects.requireNonNull(fences[slot]);
    }

    void collect(FenceUsage usage, List<Fence> pending) {
      for (int i = 0; i < size; i++) {
        if (usages[i] <= usage.weakness && !fence(i).isSignaled()) {
          pending.add(fence(i));
        }
      }
    }

    FenceUsage usage(int slot) {
      return FenceUsage.ofWeakness(usages[slot]);
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
    if ((long) count + reserved + more > fences.length) {
      prune();
      grow((long) count + reserved + more);
    }
  }

  private static int capacityFor(long wanted) {
    if (wanted > MAX_CAPACITY) {
      throw new IllegalArgumentException(
          "wanted at most %d slots in use and reserved, got %d".formatted(MAX_CAPACITY, wanted));
    }
    return Math.max(FIRST_CAPACITY, (int) wanted);
  }

  private void grow(long wanted) {
    int needed = capacityFor(wanted);
    if (wanted > fences.length) {
      int capacity = Math.max(needed, 2 * fences.length);
      @Nullable Fence[] grown = Arrays.copyOf(fences, capacity);
      byte[] grownUsages = Arrays.copyOf(usages, capacity);
      beginChange();
      fences = grown;
      usages = grownUsages;
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
    fences[slot] = fence;
    usages[slot] = usage.weakness;
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
      if ((fence.isNotBefore(present) && usages[i] >= usage.weakness) || present.isSignaled()) {
        return i;
      }
    }
    return count;
  }

  /** Adds what is pending to a list, which is made for the first where there is none. */
  @Nullable List<Fence> collect(FenceUsage usage, @Nullable List<Fence> pending) {
    List<Fence> found = pending;
    for (int i = 0; i < count; i++) {
      if (usages[i] <= usage.weakness && !fence(i).isSignaled()) {
        found = found == null ? new ArrayList<>(4) : found;
        found.add(fence(i));
      }
    }
    return found;
  }

  void replace(long context, Fence replacement, FenceUsage usage) {
    beginChange();
    for (int i = 0; i < count; i++) {
      if (fence(i).context() == context) {
        fences[i] = replacement;
        usages[i] = usage.weakness;
      }
    }
    endChange();
  }

  void copyFrom(FenceSlots source) {
    Snapshot snapshot = source.snapshot();
    int capacity = capacityFor((long) snapshot.size + reserved); // what is reserved stays so
    @Nullable Fence[] copied = Arrays.copyOf(snapshot.fences, capacity);
    byte[] copiedUsages = Arrays.copyOf(snapshot.usages, capacity);
    beginChange();
    fences = copied;
    usages = copiedUsages;
    count = snapshot.size;
    endChange();
  }

  boolean hasReserved() {
    return reserved != 0;
  }

  void dropReserved() {
    reserved = 0;
  }

  void clear() {
    beginChange();
    Arrays.fill(fences, 0, count, null);
    count = 0;
    endChange();
    reserved = 0;
  }

  private void prune() {
    int kept = 0;
    beginChange();
    for (int i = 0; i < count; i++) {
      if (!fence(i).isSignaled()) {
        fences[kept] = fence(i);
        usages[kept++] = usages[i];
      }
    }
    Arrays.fill(fences, kept, count, null);
    count = kept;
    endChange();
  }

  private Fence fence(int slot) {
    return Objects.requireNonNull(fences[slot]);
  }

  private void beginChange() {
    VERSION.setOpaque(this, (long) VERSION.get(this) + 1);
    VarHandle.storeStoreFence(); // the odd version before the changes; partner: the second read in
    // isUnchanged()
  }

  private void endChange() {
    VERSION.setRelease(this, (long) VERSION.get(this) + 1); // the changes before the even version
  }

  /** Shows all, signaled or not, to somebody who must not change them meanwhile. */
  void forEachLocked(FenceUsage usage, BiConsumer<Fence, FenceUsage> visitor) {
    long before = (long) VERSION.get(this);
    for (int i = 0; i < count; i++) {
      if (usages[i] <= usage.weakness) {
        visitor.accept(fence(i), FenceUsage.ofWeakness(usages[i]));
        if ((long) VERSION.get(this) != before) {
          throw new ConcurrentModificationException(
              "the visitor changed the fences that it is being shown: collect first, change then");
        }
      }
    }
  }

  // ---- for anybody ----

  /**
   * Shows what is pending without a copy. What was shown since the last restart belongs to one
   * state if no restart follows: each fence is shown only after the version was found unchanged,
   * and at the end it is compared once more.
   */
  void forEach(FenceUsage usage, Reservation.FenceVisitor visitor) {
    for (int restarts = 0; restarts < MAX_RESTARTS; restarts++) {
      visitor.restarted();
      if (showAll(evenVersion(), usage, visitor)) {
        return;
      }
    }
    visitor.restarted();
    Snapshot snapshot = snapshot(); // writers are faster than this visitor
    for (int i = 0; i < snapshot.size; i++) {
      if (snapshot.usages[i] <= usage.weakness && !snapshot.fence(i).isSignaled()) {
        visitor.fence(snapshot.fence(i), snapshot.usage(i));
      }
    }
  }

  private boolean showAll(long before, FenceUsage usage, Reservation.FenceVisitor visitor) {
    @Nullable Fence[] seen = fences;
    byte[] seenUsages = usages;
    int size = count;
    for (int i = 0; i < size; i++) {
      Fence fence = i < seen.length ? seen[i] : null;
      int weakness = i < seenUsages.length ? seenUsages[i] : 0;
      if (!isUnchanged(before)) {
        return false;
      }
      if (fence != null && weakness <= usage.weakness && !fence.isSignaled()) {
        visitor.fence(fence, FenceUsage.ofWeakness(weakness));
      }
    }
    return isUnchanged(before);
  }

  private long evenVersion() {
    while (true) {
      long before = (long) VERSION.getAcquire(this);
      if ((before & 1) == 0) {
        return before;
      }
      Thread.onSpinWait();
    }
  }

  Snapshot snapshot() {
    while (true) {
      long before = evenVersion();
      @Nullable Fence[] seen = fences;
      byte[] seenUsages = usages;
      int size = count;
      if (size == 0) {
        if (isUnchanged(before)) {
          return Snapshot.EMPTY;
        }
      } else {
        @Nullable Fence[] copy = Arrays.copyOf(seen, Math.min(size, seen.length));
        byte[] copyUsages = Arrays.copyOf(seenUsages, Math.min(size, seenUsages.length));
        if (isUnchanged(before)) {
          return new Snapshot(copy, copyUsages, size);
        }
      }
      Thread.onSpinWait();
    }
  }

  boolean isSignaled(FenceUsage usage) {
    while (true) {
      long before = evenVersion();
      boolean signaled = allSignaled(fences, usages, count, usage.weakness);
      if (isUnchanged(before)) {
        return signaled;
      }
      Thread.onSpinWait();
    }
  }

  /** Reads slots that may change meanwhile: the caller validates the answer. */
  private static boolean allSignaled(@Nullable Fence[] seen, byte[] usages, int size, int weakest) {
    int length = Math.min(size, Math.min(seen.length, usages.length));
    for (int i = 0; i < length; i++) {
      Fence fence = seen[i];
      if (fence != null && usages[i] <= weakest && !fence.isSignaled()) {
        return false;
      }
    }
    return true;
  }

  private boolean isUnchanged(long before) {
    VarHandle.loadLoadFence(); // the copied slots before the second read of the version
    return (long) VERSION.getOpaque(this) == before;
  }
}

package io.github.dmabuf4j;

import io.github.dmabuf4j.spi.SwapStore;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * The buffers of a heap that can give their memory back, least recently used first: what a {@link
 * Shrinker} goes through. For heaps; their exporters name it in {@link
 * io.github.dmabuf4j.spi.Exporter#lru}.
 *
 * <p>A buffer that {@link Advice#DONT_NEED} was said of is here until that is taken back; with a
 * {@link SwapStore} all others are, too, from their export on. <i>Purging</i> drops the content of
 * the first kind, <i>evicting</i> saves that of the second in the store; both tell importers and
 * then call {@link io.github.dmabuf4j.spi.Exporter#evict}. A use of an evicted buffer brings its
 * content back.
 *
 * <p><b>Invariant.</b> Each buffer is in one of three lines: resident and needed, not needed,
 * evicted; or in none. It changes lines under its reservation, together with what the line says of
 * it. What is used is stamped by a clock and moves in its line when a scan meets it ({@code
 * LruLine}): a use takes no lock.
 *
 * <p><b>Locks.</b> One lock for all lines (rule CG7), taken inside of reservations, for short. A
 * scan holds it only to take a few from the head, to look at a few more, and to put what was busy
 * at the tail. What a look doesn't find busy is asked without it: references and reservations are
 * tried (design rule SH3). What is busy (design rule PN2) counts as used now. So every scan ends:
 * it takes nothing that was used after it began.
 *
 * <p><b>Threads.</b> Any. Scans are sections of {@link Reclaim}.
 *
 * <p>Source: drm_gem_lru_scan in drivers/gpu/drm/drm_gem.c, drivers/gpu/drm/msm/msm_gem_shrinker.c;
 * rules CG7 to CG12, design rules SH1 to SH7.
 */
public final class BufferLru {
  private static final System.Logger LOG = System.getLogger(BufferLru.class.getName());

  /** In place of bytes: the store didn't take it. */
  private static final long REFUSED = -1;

  /** How many are taken from a line at once. */
  private static final int BATCH = LruPiece.CAPACITY;

  /** How many pieces of a line are passed by with the lock held once. */
  private static final int MOST_PASSED = 4;

  /** How often in a row a store may refuse before a scan gives up. */
  private static final int MOST_REFUSALS = 32;

  private final @Nullable SwapStore store;
  private final ReentrantLock lock = new ReentrantLock();
  private final AtomicLong clock = new AtomicLong();
  private final LruPieces pieces = new LruPieces();
  private final LruLine needed = new LruLine(pieces);
  private final LruLine notNeeded = new LruLine(pieces);
  private final LruLine evicted = new LruLine(pieces);
  private final LongAdder purges = new LongAdder();
  private final LongAdder purgedBytes = new LongAdder();
  private final LongAdder evictions = new LongAdder();
  private final LongAdder evictedBytes = new LongAdder();
  private final LongAdder restores = new LongAdder();
  private final LongAdder restoredBytes = new LongAdder();
  private final LongAdder refusals = new LongAdder();

  /** Of buffers that can be purged: their heap has no store. */
  public BufferLru() {
    this(null);
  }

  /**
   * Of buffers that can be purged, and of all that can be evicted.
   *
   * @param store where evicted content goes, open as long as any buffer lives; null for nowhere
   */
  public BufferLru(@Nullable SwapStore store) {
    this.store = store;
  }

  /**
   * Follows a buffer object from now on, whoever has its memory. By the exporter, before it exports
   * it for the first time. Does nothing without a store: then a buffer is followed while it isn't
   * needed, by itself.
   *
   * @param object the object
   */
  public void follow(BufferObject object) {
    if (store != null) {
      object.setReclaimState(new FollowedState(object, this));
    }
  }

  /** Whether buffers are followed that nobody offered. */
  boolean followsAll() {
    return store != null;
  }

  // ---- reclaim ----

  /**
   * How much could be given back now, at most: buffers that aren't seen to be in use and either
   * aren't needed or could be stored. Counted at each call (design rule SH1), in a time that grows
   * with their number, with the lock held.
   *
   * @return bytes
   */
  public long count() {
    lock.lock();
    try {
      long dropped = notNeeded.sum(BufferLru::idleBytes);
      return store == null ? dropped : dropped + needed.sum(BufferLru::idleBytes);
    } finally {
      lock.unlock();
    }
  }

  private static long idleBytes(FollowedState state) {
    if (state.object.isSeenInUse()) {
      return 0;
    }
    EvictedContent stored = state.evicted;
    return stored == null ? state.object.size() : stored.storedBytes();
  }

  /**
   * Drops the content of buffers that isn't needed, as long as nobody uses them; of evicted ones,
   * too.
   *
   * @param bytes how much memory is wanted
   * @return how much was given up
   * @throws LockdepException if the validator is on and the thread must not reclaim here
   */
  public long purge(long bytes) {
    return scan(notNeeded, bytes, null);
  }

  /**
   * Saves the content of buffers that nobody uses, and gives their memory up. Ends early where the
   * store refuses one after the other.
   *
   * @param bytes how much memory is wanted
   * @return how much was given up; what it takes in the store isn't taken off. 0 without a store
   * @throws LockdepException if the validator is on and the thread must not reclaim here
   */
  public long evict(long bytes) {
    return store == null ? 0 : scan(needed, bytes, null);
  }

  /**
   * As {@link #purge} and then {@link #evict}, but waits for the fences of buffers that nothing
   * else keeps busy. Nobody else can lock such a buffer meanwhile.
   *
   * @param bytes how much memory is wanted
   * @param timeout how long to wait, for all of them together
   * @return how much was given up
   * @throws LockdepException if the validator is on and the thread must not reclaim here
   */
  public long reclaimActive(long bytes, Duration timeout) {
    Deadline deadline = Deadline.after(timeout);
    long purged = scan(notNeeded, bytes, deadline);
    return store == null || purged >= bytes
        ? purged
        : purged + scan(needed, bytes - purged, deadline);
  }

  private long scan(LruLine line, long bytes, @Nullable Deadline deadline) {
    if (bytes <= 0) {
      return 0;
    }
    long given = 0;
    int refused = 0;
    long began = clock.get();
    FollowedState[] batch = new FollowedState[BATCH];
    try (Reclaim _ = Reclaim.begin()) {
      while (given < bytes && refused < MOST_REFUSALS) {
        int count = takeBatch(line, began, batch);
        if (count == 0) {
          break;
        }
        int tried = 0;
        try {
          while (tried < count && given < bytes && refused < MOST_REFUSALS) {
            long got = reclaim(batch[tried++], line, began, deadline);
            refused = got == REFUSED ? refused + 1 : got > 0 ? 0 : refused;
            given += Math.max(0, got);
          }
        } finally { // an error, too, or the next scan would meet the same buffer first
          passBy(line, began, batch, tried);
        }
      }
    }
    return given;
  }

  /**
   * The first of a line that aren't seen to be busy, and some behind them, which stay in it; none
   * that was used since the scan began.
   */
  private int takeBatch(LruLine line, long began, FollowedState[] batch) {
    while (passBusy(line, began)) {
      Thread.onSpinWait(); // who wants the lock meanwhile may have it
    }
    lock.lock();
    try {
      return line.oldest(batch, began);
    } finally {
      lock.unlock();
    }
  }

  /** Passes some by with the lock held once; false if the next aren't all busy. */
  private boolean passBusy(LruLine line, long began) {
    lock.lock();
    try {
      int passed = 0;
      while (passed < MOST_PASSED && line.passBusy(began, tick())) {
        passed++;
      }
      return passed == MOST_PASSED;
    } finally {
      lock.unlock();
    }
  }

  /** Puts those that are still in a line at its tail, as used now. */
  private void passBy(LruLine line, long began, FollowedState[] tried, int count) {
    lock.lock();
    try {
      line.passBy(tried, count, began, tick());
    } finally {
      lock.unlock();
    }
  }

  /** Bytes; 0 if the buffer is busy, or not what it was; or {@link #REFUSED}. */
  private long reclaim(FollowedState state, LruLine line, long began, @Nullable Deadline deadline) {
    BufferObject object = state.object;
    try {
      if (object.isSeenBusy() || !object.tryBeginReclaim()) {
        return 0;
      }
      try {
        return reclaimLocked(state, line, began, deadline);
      } finally {
        object.endReclaim();
      }
    } catch (LockdepException e) {
      throw e;
    } catch (RuntimeException e) { // of an importer, the exporter or the store
      LOG.log(Level.WARNING, object.displayName() + " could not be reclaimed", e);
      return 0;
    }
  }

  private long reclaimLocked(
      FollowedState state, LruLine line, long began, @Nullable Deadline deadline) {
    BufferObject object = state.object;
    if (state.usedAt() >= began) { // since it was taken from the line, or by its next owner
      return 0;
    }
    if (deadline != null && !object.isSeenInUse()) {
      boolean _ = object.reservation().awaitUninterruptibly(FenceUsage.BOOKKEEP, deadline.left());
    }
    if (line == notNeeded) {
      return Math.max(0, object.tryPurgeLocked());
    }
    return switch (object.tryEvictLocked(Objects.requireNonNull(store))) {
      case DONE -> object.size();
      case BUSY -> 0;
      case REFUSED -> REFUSED;
    };
  }

  // ---- what happens to buffers, told by the core ----

  /**
   * It has a place in memory, lost it, or has another advice: it goes where it belongs now. May
   * fail for want of memory only if it was in no line, and then changes nothing.
   */
  void place(FollowedState state) {
    lock.lock();
    try {
      LruLine present = state.line();
      LruLine next = lineOf(state);
      if (present == null && next != null) {
        pieces.join();
      }
      if (present != null) {
        present.remove(state);
      }
      if (next != null) {
        next.append(state, tick());
      } else if (present != null) {
        pieces.leave();
      }
    } finally {
      lock.unlock();
    }
  }

  private @Nullable LruLine lineOf(FollowedState state) {
    if (state.purged) {
      return null;
    }
    if (state.dontNeed) {
      return notNeeded;
    }
    if (state.evicted != null) {
      return evicted;
    }
    return store == null ? null : needed;
  }

  /** Nobody has it any more. */
  void forget(FollowedState state) {
    lock.lock();
    try {
      LruLine present = state.line();
      if (present != null) {
        present.remove(state);
        pieces.leave();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Somebody uses it. */
  void used(FollowedState state) {
    state.setUsedAt(tick());
  }

  private long tick() {
    return clock.getAndIncrement();
  }

  void purged(long bytes) {
    purges.increment();
    purgedBytes.add(bytes);
  }

  void evicted(long bytes) {
    evictions.increment();
    evictedBytes.add(bytes);
  }

  void restored(long bytes) {
    restores.increment();
    restoredBytes.add(bytes);
  }

  void refused() {
    refusals.increment();
  }

  // ---- figures ----

  /**
   * What was reclaimed so far, and what is in the store now.
   *
   * @return a snapshot; evicted buffers are counted at each call, with the lock held
   */
  public ReclaimStatistics statistics() {
    long buffers;
    long bytes;
    long stored;
    lock.lock();
    try {
      buffers = sumOfEvicted(state -> 1);
      bytes = sumOfEvicted(state -> state.object.size());
      stored = sumOfEvicted(BufferLru::storedBytes);
    } finally {
      lock.unlock();
    }
    return new ReclaimStatistics(
        buffers,
        bytes,
        stored,
        purges.sum(),
        purgedBytes.sum(),
        evictions.sum(),
        evictedBytes.sum(),
        restores.sum(),
        restoredBytes.sum(),
        refusals.sum());
  }

  private long sumOfEvicted(ToLongFunction<FollowedState> amount) {
    ToLongFunction<FollowedState> ofEvicted =
        state -> state.evicted == null ? 0 : amount.applyAsLong(state);
    return evicted.sum(ofEvicted) + notNeeded.sum(ofEvicted);
  }

  private static long storedBytes(FollowedState state) {
    EvictedContent stored = state.evicted;
    return stored == null ? 0 : stored.storedBytes();
  }
}

package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.LockdepException;
import io.github.dmabuf4j.Reclaim;
import io.github.dmabuf4j.ReclaimStatistics;
import io.github.dmabuf4j.Shrinkable;
import io.github.dmabuf4j.Shrinker;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * Gives the memory of a {@link Pool} back, in stages, as long as it isn't enough: what is idle;
 * buffers that aren't needed; what those who registered can do without, in the order in which they
 * registered; buffers that can be stored; and, for who has time, those whose fences have to be
 * waited for.
 *
 * <p><b>Invariant.</b> A thread that reclaims doesn't begin to do so again, or somebody who is
 * asked could be asked again and again: what it allocates meanwhile has to do with what is there,
 * and with NO_FAIL it would wait. Different threads may ask the same one at once. Who finds nothing
 * because others are just giving it back waits until they are done, for a while: each of them holds
 * {@code reclaiming} for reading, and counts what it gave before it lets go.
 *
 * <p><b>Locks.</b> None is held while somebody is asked, but {@code reclaiming} for reading, and
 * the reservation of a buffer that comes back.
 *
 * <p>Source: drivers/gpu/drm/msm/msm_gem_shrinker.c; rule CG11, design rules SH1 to SH8.
 */
final class PoolShrinker implements Shrinker {
  private static final System.Logger LOG = System.getLogger(PoolShrinker.class.getName());

  /** How long fences of buffers, and others who reclaim, are waited for. */
  private static final Duration PATIENCE = Duration.ofNanos(Supply.TRY_HARD_NANOS);

  /** Which part of what is committed is asked for under memory pressure: one in so many. */
  private static final int RELIEVED_SHARE = 8;

  private final Pool pool;
  private final List<Registered> registered = new CopyOnWriteArrayList<>();
  private final Set<Thread> scanning = ConcurrentHashMap.newKeySet();
  private final ReentrantReadWriteLock reclaiming = new ReentrantReadWriteLock();

  /** How many bytes all together gave back. */
  private final LongAdder givenSoFar = new LongAdder();

  PoolShrinker(Pool pool) {
    this.pool = pool;
  }

  /** Somebody to ask; compared by identity, for one may register twice. */
  private final class Registered implements Registration {
    private final Shrinkable shrinkable;

    Registered(Shrinkable shrinkable) {
      this.shrinkable = shrinkable;
    }

    @Override
    public void close() {
      registered.remove(this);
    }
  }

  @Override
  public Registration register(Shrinkable shrinkable) {
    Registered entry = new Registered(Objects.requireNonNull(shrinkable, "shrinkable"));
    registered.add(entry);
    return entry;
  }

  @Override
  public long reclaim(long bytes, AllocPolicy policy) {
    if (bytes < 0) {
      throw new IllegalArgumentException("wanted a number of bytes of at least 0, got " + bytes);
    }
    if (policy == AllocPolicy.NOWAIT || bytes == 0) {
      return 0;
    }
    long idle = pool.returns.giveBack(bytes);
    long reclaimed = idle < bytes ? scan(bytes - idle, policy) : 0;
    if (reclaimed > 0) {
      long _ = pool.returns.giveBack(bytes - idle); // what was given back lies in magazines
    }
    return idle + reclaimed;
  }

  /**
   * Gives back under memory pressure: everything idle; all that isn't needed; and then an eighth of
   * what is committed, as NORMAL gets it: from those who registered, and by evicting. All of it
   * goes to the operating system.
   *
   * @return how many bytes were given back
   */
  long relieve() {
    long idle = pool.trim();
    long dropped = purgeAll();
    if (dropped > 0) {
      long _ = pool.trim(); // what was dropped lies in magazines
    }
    long more = scan(pool.slabs.committed() / RELIEVED_SHARE, AllocPolicy.NORMAL);
    if (more > 0) {
      long _ = pool.trim();
    }
    return idle + dropped + more;
  }

  private long purgeAll() {
    return scan(Long.MAX_VALUE, AllocPolicy.FAIL_FAST);
  }

  @Override
  public ReclaimStatistics statistics() {
    return pool.lru.statistics();
  }

  /**
   * Goes through the stages after the first, as far as a policy does.
   *
   * @return how many bytes were given back, to the magazines or the limit; 0 in a thread that is
   *     being asked
   */
  long scan(long bytes, AllocPolicy policy) {
    if (policy == AllocPolicy.NOWAIT || !scanning.add(Thread.currentThread())) {
      return 0;
    }
    try {
      long before = givenSoFar.sum();
      long given = stages(bytes, policy);
      return given == 0 && policy != AllocPolicy.FAIL_FAST ? awaitOthers(before) : given;
    } finally {
      scanning.remove(Thread.currentThread());
    }
  }

  /** Whether another thread reclaims, and this one doesn't. */
  boolean isAtWorkElsewhere() {
    return reclaiming.getReadLockCount() > 0 && !scanning.contains(Thread.currentThread());
  }

  private long stages(long bytes, AllocPolicy policy) {
    long given = 0;
    reclaiming.readLock().lock();
    try {
      given = pool.lru.purge(bytes);
      if (policy == AllocPolicy.FAIL_FAST) {
        return given;
      }
      given += given < bytes ? ask(bytes - given) : 0;
      given += given < bytes ? pool.lru.evict(bytes - given) : 0;
      if (policy != AllocPolicy.NORMAL && given < bytes) {
        given += pool.lru.reclaimActive(bytes - given, PATIENCE);
      }
      return given;
    } finally {
      givenSoFar.add(given);
      reclaiming.readLock().unlock();
    }
  }

  /** What others have given back since, who may have been at all that could be. */
  private long awaitOthers(long before) {
    boolean interrupted = false;
    boolean waited = false;
    try {
      waited = reclaiming.writeLock().tryLock(PATIENCE.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      interrupted = true;
    }
    if (waited) {
      reclaiming.writeLock().unlock();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    return givenSoFar.sum() - before;
  }

  /**
   * Asks those who registered, until they gave back as much as is wanted. One that fails is passed
   * by: whoever needs memory can't help that.
   */
  private long ask(long bytes) {
    if (registered.isEmpty()) {
      return 0;
    }
    long given = 0;
    try (Reclaim _ = Reclaim.begin()) {
      for (Registered entry : registered) {
        given += scan(entry.shrinkable, bytes - given);
        if (given >= bytes) {
          break;
        }
      }
    }
    return given;
  }

  private long scan(Shrinkable shrinkable, long bytes) {
    try {
      return shrinkable.count() > 0 ? Math.max(0, shrinkable.scan(bytes)) : 0;
    } catch (LockdepException e) {
      throw e;
    } catch (RuntimeException e) {
      LOG.log(
          Level.WARNING, "%s failed to give memory of %s back".formatted(shrinkable, pool.name), e);
      return 0;
    }
  }
}

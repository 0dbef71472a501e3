package io.github.dmabuf4j.device;

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

/**
 * Gives the memory of a pool back, in stages: idle files; buffers whose content isn't needed; what
 * those who registered can do without; and for who has time, buffers that aren't needed and whose
 * fences have to be waited for. Nothing is evicted: a file's pages can't be taken while others may
 * map it.
 *
 * <p><b>Invariant.</b> A thread that reclaims doesn't begin to do so again: what somebody who is
 * asked allocates meanwhile has to do with what is there.
 *
 * <p><b>Threads.</b> Any. No lock is held while somebody is asked.
 *
 * <p>Source: design rules SH1 to SH8.
 */
final class DeviceShrinker implements Shrinker {
  private static final System.Logger LOG = System.getLogger(DeviceShrinker.class.getName());

  /** How long fences of buffers are waited for. */
  private static final Duration PATIENCE = Duration.ofNanos(FileSupply.TRY_HARD_NANOS);

  private final FilePool pool;
  private final List<Registered> registered = new CopyOnWriteArrayList<>();
  private final Set<Thread> scanning = ConcurrentHashMap.newKeySet();

  DeviceShrinker(FilePool pool) {
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
    long idle = closeIdle(bytes);
    return idle < bytes ? idle + scan(bytes - idle, policy) : idle;
  }

  private long closeIdle(long bytes) {
    FileList taken = new FileList();
    pool.lock.lock();
    try {
      pool.account.takeToClose(bytes, 0, taken);
    } finally {
      pool.lock.unlock();
    }
    return pool.close(taken);
  }

  @Override
  public ReclaimStatistics statistics() {
    return pool.lru.statistics();
  }

  /**
   * Goes through the stages after the first, as far as a policy does.
   *
   * @return how many bytes were given back; 0 in a thread that is being asked
   */
  long scan(long bytes, AllocPolicy policy) {
    if (policy == AllocPolicy.NOWAIT || !scanning.add(Thread.currentThread())) {
      return 0;
    }
    try {
      long given = pool.lru.purge(bytes);
      if (policy != AllocPolicy.FAIL_FAST && given < bytes) {
        given += ask(bytes - given);
      }
      if (policy.compareTo(AllocPolicy.NORMAL) > 0 && given < bytes) {
        given += pool.lru.reclaimActive(bytes - given, PATIENCE);
      }
      return given;
    } finally {
      scanning.remove(Thread.currentThread());
    }
  }

  /** Asks those who registered, until they gave back as much as is wanted. */
  private long ask(long bytes) {
    if (registered.isEmpty()) {
      return 0;
    }
    long given = 0;
    try (Reclaim _ = Reclaim.begin()) {
      for (Registered entry : registered) {
        given += given < bytes ? scan(entry.shrinkable, bytes - given) : 0;
      }
    }
    return given;
  }

  /** One that fails is passed by: whoever needs memory can't help that. */
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

package io.github.dmabuf4j.tck.exporters;

import io.github.dmabuf4j.spi.Exporter;

/**
 * The callbacks of an {@link Exporter}, and what its documentation says about the lock (rules CL3,
 * CL4). While content is saved or brought back, the lock is held for {@link #BEGIN_CPU_ACCESS} and
 * {@link #END_CPU_ACCESS}, too.
 */
public enum Callback {
  /** {@link Exporter#attach}. */
  ATTACH(Lock.NOT_HELD, false),
  /** {@link Exporter#detach}. */
  DETACH(Lock.NOT_HELD, true),
  /** {@link Exporter#pin}. */
  PIN(Lock.HELD, false),
  /** {@link Exporter#unpin}. */
  UNPIN(Lock.HELD, true),
  /** {@link Exporter#map}. */
  MAP(Lock.HELD, false),
  /** {@link Exporter#unmap}. */
  UNMAP(Lock.HELD, true),
  /** {@link Exporter#vmap}. */
  VMAP(Lock.HELD, false),
  /** {@link Exporter#vunmap}. */
  VUNMAP(Lock.EITHER, true),
  /** {@link Exporter#beginCpuAccess}. */
  BEGIN_CPU_ACCESS(Lock.NOT_HELD, false),
  /** {@link Exporter#endCpuAccess}. */
  END_CPU_ACCESS(Lock.NOT_HELD, true),
  /** {@link Exporter#syncForCpu}. */
  SYNC_FOR_CPU(Lock.NOT_HELD, false),
  /** {@link Exporter#syncForDevice}. */
  SYNC_FOR_DEVICE(Lock.NOT_HELD, true),
  /** {@link Exporter#evict}. */
  EVICT(Lock.HELD, false),
  /** {@link Exporter#restore}. */
  RESTORE(Lock.HELD, false),
  /** {@link Exporter#release}. */
  RELEASE(Lock.EITHER, true);

  /** Whether the calling thread has the buffer's reservation. */
  public enum Lock {
    /** It has. */
    HELD,
    /** It hasn't. */
    NOT_HELD,
    /** It may or may not. */
    EITHER
  }

  private final Lock lock;
  private final boolean undoing;

  Callback(Lock lock, boolean undoing) {
    this.lock = lock;
    this.undoing = undoing;
  }

  /**
   * Whether the buffer's reservation is held when it is called.
   *
   * @return what the documentation of {@link Exporter} says
   */
  public Lock lock() {
    return lock;
  }

  /**
   * Whether it undoes what another one did. What fails here has happened all the same.
   *
   * @return true for the second of each pair, and for {@link #RELEASE}
   */
  public boolean isUndoing() {
    return undoing;
  }
}

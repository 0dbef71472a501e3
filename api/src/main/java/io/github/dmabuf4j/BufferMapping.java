package io.github.dmabuf4j;

import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.spi.MappedBytes;
import io.github.dmabuf4j.spi.MappingCache;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The mapping of a buffer for the CPU: made at the first use, counted, and kept when nobody uses
 * it, so that the exporter isn't asked again (design rule VM1).
 *
 * <pre>
 *   users: bits 31..2  how many use the mapping: holds and vmaps
 *          bit  1      somebody is dropping the idle reference
 *          bit  0      the idle reference: owned by the exporter's cache, or by the buffer where there is none
 * </pre>
 *
 * <p><b>Invariant.</b> While {@code users} isn't 0, {@code bytes} is mapped. {@code users} leaves 0
 * under the reservation only, once the bytes are there, so one thread maps at a time, and {@code
 * bytes} changes for nobody who counts. Whoever brings {@code users} to 0 has read {@code bytes}
 * while it counted, and unmaps that: once, and never under somebody's hands. It happens on any
 * thread, so the next mapping may be made before it; {@code unmapping} counts those who are at it,
 * and is raised before {@code users} falls to 0, so that who gives memory up can tell. The idle
 * reference is set by who maps, and taken once, by CAS.
 *
 * <p>Source: dma_buf_vmap, dma_buf_vunmap; rules CV1, CV2.
 */
abstract sealed class BufferMapping permits BufferObject {
  private static final int IDLE = 1;
  private static final int DROPPING = 2;
  private static final int USER = 4;
  private static final VarHandle USERS;
  private static final VarHandle UNMAPPING;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      USERS = lookup.findVarHandle(BufferMapping.class, "users", int.class);
      UNMAPPING = lookup.findVarHandle(BufferMapping.class, "unmapping", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private volatile int users;

  /** How many threads are in the exporter's vunmap, or about to be. */
  private volatile int unmapping;

  private @Nullable MappedBytes bytes;

  /** Who maps. */
  abstract Exporter exporter();

  /** Whom caches know it by. */
  abstract BufferObject self();

  /**
   * Counts one more user, and maps for the first. Reservation held. Where it fails nobody is
   * counted.
   *
   * @return the bytes, mapped until {@link #dropUser}
   */
  final MappedBytes addUser() {
    int seen = users;
    while (seen != 0) {
      int before = (int) USERS.compareAndExchange(this, seen, seen + USER);
      if (before == seen) {
        used();
        return bytes();
      }
      seen = before;
    }
    return map();
  }

  private void used() {
    boolean told = false;
    try {
      MappingCache cache = exporter().mappingCache();
      if (cache != null) {
        cache.used(self());
      }
      told = true;
    } finally {
      if (!told) {
        dropUser();
      }
    }
  }

  /**
   * For the first user. Counts it when the bytes are there: until then there is nothing to undo.
   */
  private MappedBytes map() {
    MappedBytes fresh = Objects.requireNonNull(exporter().vmap(), "the exporter mapped nothing");
    bytes = fresh;
    users = USER + IDLE; // from 0: nobody else may change it
    boolean told = false;
    try {
      MappingCache cache = exporter().mappingCache();
      if (cache != null) {
        cache.mapped(self());
      }
      told = true;
    } finally {
      if (!told) {
        dropIdle();
        dropUser();
      }
    }
    return fresh;
  }

  /** Takes one user off; whoever is the last unmaps, unless the mapping is kept. */
  final void dropUser() {
    drop(USER);
  }

  private void drop(int share) {
    MappedBytes mine = bytes; // while this share counts, these are the ones
    while (true) {
      int seen = users;
      if (seen == share) {
        if (unmapped(share, mine)) {
          return;
        }
      } else if (USERS.compareAndSet(this, seen, seen - share)) {
        return;
      }
    }
  }

  /** Unmaps, if this share is still the last one. */
  private boolean unmapped(int share, @Nullable MappedBytes mine) {
    UNMAPPING.getAndAdd(this, 1); // before users is 0: see isUnmapping()
    try {
      boolean last = USERS.compareAndSet(this, share, 0);
      if (last) {
        MappedBytes unused = Objects.requireNonNull(mine, "mine");
        Lockdep.inCallback("vunmap of", self(), () -> exporter().vunmap(unused));
      }
      return last;
    } finally {
      UNMAPPING.getAndAdd(this, -1);
    }
  }

  /**
   * Drops the idle reference: unmaps now, or with the last user. On any thread, by somebody who has
   * a reference to the buffer. Where the exporter fails to unmap it is dropped all the same.
   *
   * @return false if there was none
   */
  final boolean dropIdle() {
    boolean mine = takeIdle();
    if (mine) {
      drop(DROPPING);
    }
    return mine;
  }

  /** Makes the idle reference the caller's own to drop; false if there was none. */
  private boolean takeIdle() {
    int seen = users;
    while ((seen & IDLE) != 0) {
      int before = (int) USERS.compareAndExchange(this, seen, seen - IDLE + DROPPING);
      if (before == seen) {
        return true;
      }
      seen = before;
    }
    return false;
  }

  /**
   * Drops the idle reference of a buffer that moves or ends, and tells the cache, also where the
   * exporter fails to unmap.
   */
  final void endMapping() {
    if (!takeIdle()) {
      return;
    }
    try {
      drop(DROPPING);
    } finally {
      MappingCache cache = exporter().mappingCache();
      if (cache != null) {
        cache.unmapped(self());
      }
    }
  }

  /** What is mapped, for somebody who counts as a user. */
  final MappedBytes bytes() {
    return Objects.requireNonNull(bytes, "bytes");
  }

  /** How many use the mapping. */
  final int users() {
    return users / USER;
  }

  /**
   * Whether somebody is still unmapping. Asked under the reservation, after {@link #endMapping}:
   * then nobody can begin to, and false stays false until the unlock.
   */
  final boolean isUnmapping() {
    return users != 0 || unmapping != 0; // in this order: each is raised before the other falls
  }

  /** Whether the bytes are mapped, for somebody or idle. */
  final boolean isMapped() {
    return users != 0;
  }
}

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
 *   counts: bits 63..32  which mapping, counted from 0: raised by each that is made
 *           bits 31..1   how many use it: holds and vmaps
 *           bit  0       the idle reference: owned by the exporter's cache, or by the buffer where there is none
 * </pre>
 *
 * <p><b>Invariant.</b> While the low half of {@code counts} isn't 0, {@code bytes} is mapped. It
 * leaves 0 under the reservation only, once the bytes are there, so one thread maps at a time, and
 * {@code bytes} changes for nobody who counts. Whoever brings it to 0 has read {@code bytes}
 * between reading {@code counts} and a CAS that found the same mapping there, and unmaps that:
 * once, and never under somebody's hands. It happens on any thread, so the next mapping may be made
 * before it; {@code unmapping} counts those who are at it, and is raised before the low half falls
 * to 0, so that who gives memory up can tell. The idle reference is set by who maps, and taken
 * once; where it was the last, nothing is mapped from then on: who moves the bytes finds no trace
 * of their old place.
 *
 * <p>Source: dma_buf_vmap, dma_buf_vunmap; rules CV1, CV2.
 */
abstract sealed class BufferMapping extends BufferReferences permits BufferContent {
  private static final long IDLE = 1;
  private static final long USER = 2;
  private static final long MAPPED = 0xffff_ffffL; // by anybody, the low half
  private static final long MAPPING = 1L << 32;
  private static final VarHandle COUNTS;
  private static final VarHandle UNMAPPING;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      COUNTS = lookup.findVarHandle(BufferMapping.class, "counts", long.class);
      UNMAPPING = lookup.findVarHandle(BufferMapping.class, "unmapping", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private volatile long counts;

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
    long seen = counts;
    while ((seen & MAPPED) != 0) {
      long before = (long) COUNTS.compareAndExchange(this, seen, seen + USER);
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
    long made = (counts & -MAPPING) + MAPPING + USER + IDLE;
    counts = made; // from 0: nobody else may change it
    boolean told = false;
    try {
      MappingCache cache = exporter().mappingCache();
      if (cache != null) {
        cache.mapped(self(), number(made));
      }
      told = true;
    } finally {
      if (!told) {
        dropIdle(number(made));
        dropUser();
      }
    }
    return fresh;
  }

  /** Takes one user off; whoever is the last unmaps, unless the mapping is kept. */
  final void dropUser() {
    while (true) {
      long seen = counts;
      if (drop(seen, seen - USER)) {
        return;
      }
    }
  }

  /**
   * Drops the idle reference of a mapping: unmaps now, or with the last user. On any thread, by
   * somebody who has a reference to the buffer. Where the exporter fails to unmap it is dropped all
   * the same. A cache that decided to drop one mapping and was slow doesn't drop the next.
   *
   * @param mapping its number
   * @return false if it has none any more
   */
  final boolean dropIdle(int mapping) {
    long seen = counts;
    while ((seen & IDLE) != 0 && number(seen) == mapping) {
      if (drop(seen, seen - IDLE)) {
        return true;
      }
      seen = counts;
    }
    return false;
  }

  /** Changes the counts, and unmaps where nobody is left; false if they have changed meanwhile. */
  private boolean drop(long seen, long left) {
    MappedBytes last = bytes; // those of the counts that were seen, or the CAS fails
    return (left & MAPPED) == 0
        ? unmapped(seen, left, last)
        : COUNTS.compareAndSet(this, seen, left);
  }

  private boolean unmapped(long seen, long left, @Nullable MappedBytes last) {
    UNMAPPING.getAndAdd(this, 1); // before the counts say so: see isUnmapping()
    try {
      boolean mine = COUNTS.compareAndSet(this, seen, left);
      if (mine) {
        MappedBytes unused = Objects.requireNonNull(last, "last");
        Lockdep.inCallback("vunmap of", self(), () -> exporter().vunmap(unused));
      }
      return mine;
    } finally {
      UNMAPPING.getAndAdd(this, -1);
    }
  }

  /**
   * Drops the idle reference of a buffer that moves or ends, and tells the cache, also where the
   * exporter fails to unmap. Nobody maps meanwhile: the reservation is held, or nobody refers to
   * the buffer.
   */
  final void endMapping() {
    int mapping = mapping();
    boolean dropped = true; // where it fails, too
    try {
      dropped = dropIdle(mapping);
    } finally {
      MappingCache cache = dropped ? exporter().mappingCache() : null;
      if (cache != null) {
        cache.unmapped(self(), mapping);
      }
    }
  }

  /** What is mapped, for somebody who counts as a user. */
  final MappedBytes bytes() {
    return Objects.requireNonNull(bytes, "bytes");
  }

  /** The number of the mapping that was made last. */
  final int mapping() {
    return number(counts);
  }

  /** How many use the mapping. */
  final int users() {
    return (int) ((counts & MAPPED) / USER);
  }

  /**
   * Whether somebody is still unmapping. Asked under the reservation, after {@link #endMapping},
   * without users: then nobody can begin to, and false stays false until the unlock.
   */
  final boolean isUnmapping() {
    return unmapping != 0;
  }

  /** Whether the bytes are mapped, for somebody or idle. */
  final boolean isMapped() {
    return (counts & MAPPED) != 0;
  }

  private static int number(long counts) {
    return (int) (counts >>> Integer.SIZE);
  }
}

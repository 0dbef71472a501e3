package io.github.dmabuf4j.device;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Policy;
import com.github.benmanes.caffeine.cache.Policy.CacheEntry;
import com.github.benmanes.caffeine.cache.RemovalCause;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.spi.MappingCache;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * The mappings that nobody uses, up to a number of bytes: what is used often or was used lately
 * stays mapped, the rest is unmapped (design rule VM1). For heaps whose mappings are system calls
 * and address space; one cache may serve any number of heaps.
 *
 * <p><b>What counts.</b> Each mapping with the size of its buffer, rounded up to pages of 4 KiB,
 * the unit of all accounts, from the first use on. One that is larger than the bound is never kept.
 *
 * <p><b>Mappings that outlive the core's.</b> A heap that uses a file again keeps its mapping while
 * nobody has a buffer in it: for such a file the cache has a reference to the {@link FileMapping}
 * as well, and the entry stays when the core says that its mapping has ended. Then the next buffer
 * in that file is mapped without a call.
 *
 * <p><b>Invariant.</b> An entry says which mapping of a buffer the cache owns the idle reference
 * of. It is put in by {@link #mapped}, and leaves before the reference is given up: who takes it
 * out, by its choice or the policy's, drops that very mapping afterwards, and if the core has ended
 * it meanwhile, nothing happens, for mappings are numbered and never come back. The core says
 * {@link #mapped} and {@link #unmapped} of one buffer one after the other. So an entry whose
 * reference is gone has an {@link #unmapped} on its way, and nothing is retained beyond the end of
 * its buffer, or, with a {@link FileMapping}, beyond {@link #forget}. The reference to a {@link
 * FileMapping} belongs to its entry, and is given up once, by whoever took the entry out. The
 * entries have at most as many bytes as allowed, but for those whose {@link #mapped} is still
 * running. A buffer in quarantine that was chosen stays mapped until its release, and doesn't count
 * any more.
 *
 * <p><b>Threads and locks.</b> Any thread, with or without reservations. The locks inside are held
 * for the policy's own work alone: what is chosen is noted, and dropped when they are free, by the
 * thread that called, or another one that calls at the same time. So an exporter's vunmap and
 * release run without any lock of this class. What they throw is logged: it belongs to a buffer
 * that the caller may never have heard of.
 *
 * <p><b>Cost.</b> Of the uses one in {@value #SAMPLE}, at random, is told to the policy.
 */
final class IdleMappings implements MappingCache {
  /** Of how many uses one is looked at. A power of two. */
  static final int SAMPLE = 64;

  private static final System.Logger LOG = System.getLogger(IdleMappings.class.getName());
  private static final int PAGE_SHIFT = 12;

  /**
   * What is kept of a buffer; compared by identity.
   *
   * <p>{@code file} has a reference until {@link #letFileGo}, which only the first call does.
   */
  private static final class Entry {
    final int mapping;
    private final @Nullable FileMapping file;
    private final AtomicBoolean hasFile;

    Entry(int mapping, @Nullable FileMapping file) {
      this.mapping = mapping;
      this.file = file;
      this.hasFile = new AtomicBoolean(file != null && file.tryRetain());
    }

    int pages(BufferObject buffer) {
      return IdleMappings.pages(file == null ? buffer.size() : file.byteSize());
    }

    /** True if that unmapped the file. */
    boolean letFileGo() {
      return hasFile.compareAndSet(true, false) && Objects.requireNonNull(file).release();
    }
  }

  /** A mapping that isn't worth keeping. */
  private record Chosen(BufferObject buffer, Entry entry) {}

  private final Cache<BufferObject, Entry> mappings;
  private final Policy.Eviction<BufferObject, Entry> policy;

  /** By the policy, and not dropped yet. Empty but for the time of a call. */
  private final Queue<Chosen> chosen = new ConcurrentLinkedQueue<>();

  /**
   * Begins with none.
   *
   * @param limit the most bytes to keep, 0 to keep nothing
   * @throws IllegalArgumentException if that is less than 0
   */
  IdleMappings(long limit) {
    if (limit < 0) {
      throw new IllegalArgumentException("wanted a limit of at least 0 B, got " + limit);
    }
    this.mappings =
        Caffeine.newBuilder()
            .maximumWeight(limit >> PAGE_SHIFT)
            .weigher((BufferObject buffer, Entry entry) -> entry.pages(buffer))
            .executor(Runnable::run) // where it runs, what it chose is dropped
            .evictionListener(this::noteChosen)
            .build();
    this.policy = mappings.policy().eviction().orElseThrow();
  }

  /** The weight of a mapping: pages, of which an int can tell 8 TiB. */
  private static int pages(long bytes) {
    return (int) Math.min(Integer.MAX_VALUE, ((bytes - 1) >>> PAGE_SHIFT) + 1);
  }

  // ---- what the core says ----

  @Override
  public void mapped(BufferObject buffer, int mapping) {
    mapped(buffer, mapping, null);
  }

  /**
   * As {@link #mapped(BufferObject, int)}, of a file whose mapping may outlive the core's.
   *
   * @param buffer whose mapping it is
   * @param mapping its number
   * @param file what is mapped: retained by the caller, and from now on by the cache as well; null
   *     if it ends with the core's mapping
   */
  void mapped(BufferObject buffer, int mapping, @Nullable FileMapping file) {
    Entry entry = new Entry(mapping, file);
    boolean kept = false;
    try {
      Entry earlier = mappings.asMap().put(buffer, entry);
      if (earlier != null) {
        boolean _ = earlier.letFileGo(); // the core has ended that one
      }
      mappings.cleanUp(); // waits for who is at it, and then weighs this one too
      kept = true;
    } finally {
      if (!kept) {
        mappings.asMap().remove(buffer, entry);
        boolean _ = entry.letFileGo();
      }
    }
    dropChosen();
  }

  @Override
  public void used(BufferObject buffer) {
    if ((ThreadLocalRandom.current().nextInt() & (SAMPLE - 1)) == 0) {
      Entry _ = mappings.getIfPresent(buffer);
      dropChosen();
    }
  }

  @Override
  public void unmapped(BufferObject buffer, int mapping) {
    Entry present = mappings.policy().getIfPresentQuietly(buffer);
    if (present != null && present.mapping == mapping && mappings.asMap().remove(buffer, present)) {
      boolean _ = present.letFileGo();
    }
    dropChosen();
  }

  /**
   * Ends what is kept of a file that is about to be closed. Nobody has a buffer in it, and nobody
   * will.
   *
   * @param buffer the object of its buffers
   */
  void forget(BufferObject buffer) {
    Entry present = mappings.asMap().remove(buffer);
    if (present != null) {
      boolean _ = present.letFileGo();
    }
  }

  // ---- giving up ----

  /** With the policy's lock, so it is only noted. */
  private void noteChosen(
      @Nullable BufferObject buffer, @Nullable Entry entry, RemovalCause cause) {
    if (buffer != null && entry != null) {
      chosen.add(new Chosen(buffer, entry));
    }
  }

  private void dropChosen() {
    for (Chosen next = chosen.poll(); next != null; next = chosen.poll()) {
      boolean _ = drop(next.buffer, next.entry);
    }
  }

  /** Gives the reference up; false if the core has ended the mapping, or is about to. */
  private static boolean drop(BufferObject buffer, Entry entry) {
    try {
      boolean dropped = buffer.dropIdleMapping(entry.mapping);
      return entry.letFileGo() || dropped;
    } catch (RuntimeException | Error e) {
      boolean _ = entry.letFileGo();
      LOG.log(Level.WARNING, "the idle mapping of " + buffer + " could not be undone", e);
      return true; // it counts as unmapped
    }
  }

  /**
   * Gives mappings up, those first that are worth least, for the shrinker and for who is about to
   * move or end many buffers. Those that somebody uses end with their last user.
   *
   * @param bytes how many at least
   * @return how many were given up: fewer than wanted if there were no more
   */
  long drop(long bytes) {
    long dropped = 0;
    if (bytes > 0) {
      long pages = ((bytes - 1) >>> PAGE_SHIFT) + 1;
      for (CacheEntry<BufferObject, Entry> one : coldest(pages)) {
        if (mappings.asMap().remove(one.getKey(), one.getValue())
            && drop(one.getKey(), one.getValue())) {
          dropped += (long) one.weight() << PAGE_SHIFT;
        }
      }
      dropChosen();
    }
    return dropped;
  }

  /**
   * Gives all mappings up.
   *
   * @return how many bytes they counted
   */
  long dropAll() {
    return drop(Long.MAX_VALUE);
  }

  private List<CacheEntry<BufferObject, Entry>> coldest(long pages) {
    return policy.coldest(
        entries -> {
          List<CacheEntry<BufferObject, Entry>> taken = new ArrayList<>();
          long left = pages;
          Iterator<CacheEntry<BufferObject, Entry>> each = entries.iterator();
          while (left > 0 && each.hasNext()) {
            CacheEntry<BufferObject, Entry> entry = each.next();
            taken.add(entry);
            left -= entry.weight();
          }
          return taken;
        });
  }

  // ---- figures ----

  /**
   * How much the mappings in the cache count. Waits for who is changing that.
   *
   * @return bytes, whole pages
   */
  long bytes() {
    mappings.cleanUp();
    dropChosen();
    return policy.weightedSize().orElseThrow() << PAGE_SHIFT;
  }

  /**
   * The most bytes that are kept.
   *
   * @return whole pages
   */
  long limitBytes() {
    return policy.getMaximum() << PAGE_SHIFT;
  }

  @Override
  public String toString() {
    return "idle mappings, %d of %d B".formatted(bytes(), limitBytes());
  }
}

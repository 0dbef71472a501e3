package io.github.dmabuf4j.spi;

import io.github.dmabuf4j.BufferObject;

/**
 * Which idle mappings are worth keeping: what an exporter whose mappings cost address space or
 * memory gives the core in {@link Exporter#mappingCache()} (design rule VM1).
 *
 * <p>Each mapping has one reference that isn't a user's. It is the cache's from {@link #mapped} on,
 * until the cache gives it up by {@link BufferObject#dropIdleMapping}, or the core says {@link
 * #unmapped}. Giving it up never takes bytes from somebody: while users are left, it only means
 * that the last of them unmaps.
 *
 * <p><b>Order.</b> The mappings of a buffer are numbered; one has ended, by {@link #unmapped} or
 * because it was given up, before the next is {@link #mapped}. A cache may be slow to give one up:
 * by then the number may be that of a mapping of the past, and nothing happens.
 *
 * <p><b>Threads.</b> Any, at the same time; {@link #mapped} and {@link #used} with the buffer's
 * reservation held. None of them may take a reservation or wait for a fence. {@link
 * BufferObject#dropIdleMapping} may be called inside them, for any buffer.
 */
public interface MappingCache {
  /**
   * A buffer was mapped: its idle reference is the cache's now. Where this throws, the reference
   * wasn't taken: the core drops it without a word, and whoever wanted the bytes gets the
   * exception.
   *
   * @param buffer whose mapping it is, of the {@linkplain BufferObject#size() size} that counts
   * @param mapping its number, for {@link BufferObject#dropIdleMapping}
   */
  void mapped(BufferObject buffer, int mapping);

  /**
   * A mapping is used again. Called each time: a cache that wants to be cheap looks at a sample.
   * Where this throws, whoever wanted the bytes gets the exception; the mapping stays.
   *
   * @param buffer whose mapping it is
   */
  void used(BufferObject buffer);

  /**
   * The core has taken the idle reference back, because the buffer moves or has ended. What this
   * throws goes to whoever moves it, or dropped the last reference; nothing is undone for it.
   *
   * @param buffer whose mapping it was
   * @param mapping its number
   */
  void unmapped(BufferObject buffer, int mapping);
}

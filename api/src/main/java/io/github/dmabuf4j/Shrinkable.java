package io.github.dmabuf4j;

/**
 * Something that can give memory back: a heap, idle mappings, a user's own cache ({@code struct
 * shrinker}).
 *
 * <p>Both methods run on whichever thread needs memory, possibly with reservations held: they only
 * try locks, pass by what is busy (design rules PN2, SH3), and allocate nothing (design rule SH5).
 *
 * <p>Source: include/linux/shrinker.h; rules CG7 to CG11.
 */
public interface Shrinkable {
  /**
   * How much could be given back now: counted at each call, never kept as a total that could drift
   * (design rule SH1).
   *
   * @return bytes, 0 if nothing
   */
  long count();

  /**
   * Gives memory back, least recently used first (design rule SH6).
   *
   * @param bytes how much is wanted
   * @return how much was given back, 0 to be left alone for this round. One that throws a
   *     RuntimeException is passed by, and the heap logs it
   */
  long scan(long bytes);
}

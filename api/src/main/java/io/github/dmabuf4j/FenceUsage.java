package io.github.dmabuf4j;

/**
 * What a fence in a {@link Reservation} stands for, from strongest to weakest. A query for one
 * usage returns the fences of that usage <i>and of all stronger ones</i>, that is of those declared
 * before it.
 *
 * <p>A fence may be added again with a stronger usage (promotion), never with a weaker one.
 *
 * <p>Source: {@code enum dma_resv_usage} in include/linux/dma-resv.h; rules CR1 to CR4.
 */
public enum FenceUsage {
  /** Moving or clearing by memory management: everybody waits for it before any access. */
  KERNEL(0),
  /** A writer: readers and writers wait for it. */
  WRITE(1),
  /** A reader: writers wait for it. */
  READ(2),
  /**
   * No implicit synchronisation; only memory management waits for it, before it moves, evicts or
   * reuses the bytes.
   */
  BOOKKEEP(3);

  private static final FenceUsage[] BY_WEAKNESS = values();

  /** How weak it is, as {@link FenceSlots} keeps it. */
  final byte weakness;

  FenceUsage(int weakness) {
    this.weakness = (byte) weakness;
  }

  static FenceUsage ofWeakness(int weakness) {
    return BY_WEAKNESS[weakness];
  }

  /**
   * Whether a query for this usage returns fences of another one.
   *
   * @param other the usage a fence was added with
   * @return true if {@code other} is this usage or a stronger one
   */
  public boolean includes(FenceUsage other) {
    return other.compareTo(this) <= 0;
  }

  /**
   * What a new access has to wait for: a writer for all implicit fences, a reader for the writers
   * and memory management (rule CR3).
   *
   * @param access the access that is to start
   * @return {@link #READ} for a writer, {@link #WRITE} for a reader
   */
  public static FenceUsage conflictingWith(Access access) {
    return access.writes() ? READ : WRITE;
  }

  /**
   * The usage under which an access is published.
   *
   * @param access the access
   * @return {@link #WRITE} for a writer, {@link #READ} for a reader
   */
  public static FenceUsage of(Access access) {
    return access.writes() ? WRITE : READ;
  }
}

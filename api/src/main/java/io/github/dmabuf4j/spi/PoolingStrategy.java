package io.github.dmabuf4j.spi;

/**
 * Where a heap gets the memory of each buffer, and where it brings it back: what is compared when
 * pools are compared. Named by an option of the heap, for example {@code
 * offheap:system?strategy=malloc}, and made for one heap by a {@link PoolingStrategyProvider}.
 *
 * <p>A strategy is small: it allocates and frees. The heap does all the rest, for every strategy in
 * the same way: its limit, policies and waiting, references and fences, quarantine, pins, zeros,
 * reports and the end. It keeps nothing idle of its own, so that it is the strategy's pooling that
 * is at work: a piece is allocated for each buffer, and freed when the last reference to the buffer
 * and the last fence in it are gone.
 *
 * {@snippet file="io/github/dmabuf4j/snippets/ExampleStrategy.java" region="strategy"}
 *
 * <p><b>Accounts.</b> The heap's limit counts the bytes that buffers need, in whole pages of 4 KiB.
 * What a strategy has beyond that, such as chunks, headers and idle memory, is its own, and told by
 * {@link #committedBytes}.
 *
 * <p><b>Alignment.</b> The heap wants pages, and more where an allocation asks for more. A strategy
 * that can't do that says so in {@link #maxAlignment}; the heap then asks for more bytes and uses
 * an aligned part of them.
 *
 * <p><b>Threads.</b> {@link #allocate}, {@link Piece#free}, {@link #trim} and {@link
 * #committedBytes} may be called by several threads at once; {@link #close} is the last call. A
 * piece may be freed by another thread than the one that allocated it, also by one that signals a
 * fence or holds a reservation. So none of these methods takes a reservation, waits for a fence, or
 * calls the heap. {@link #allocate} and {@link Piece#free} are called without the lock of the
 * heap's accounts: a slow strategy is slow for those who wait for it, and for no others.
 *
 * <p>Source: design rules AL1, AL7 to AL9 and AL11.
 */
public interface PoolingStrategy extends AutoCloseable {
  /**
   * Memory that was allocated, and how it goes back.
   *
   * <p><b>Threads.</b> {@link #free} once, after all else; by any thread, unless it says otherwise.
   */
  interface Piece {
    /**
     * Where it is.
     *
     * @return the address of the first byte, aligned as {@link PoolingStrategy#allocate} was asked
     *     to
     */
    long address();

    /**
     * Whether its bytes are known to be zero, as the JDK's arenas promise. Asked before anybody
     * writes to it.
     *
     * @return false to let the heap zero it for those who want zeros (design rule AL7)
     */
    boolean isZero();

    /**
     * Takes the memory back. Nobody uses it any more.
     *
     * <p>Must not fail: a buffer's last reference is gone, and whoever dropped it can't be told.
     * Where it throws all the same, the memory counts as gone, this is not called again, and the
     * failure is logged.
     *
     * @throws WrongThreadException if only the thread that allocated it can free it; nothing has
     *     changed, and that thread tries again when it runs into the heap's limit, calls {@link
     *     io.github.dmabuf4j.Heap#trim}, or closes the heap
     */
    void free();
  }

  /**
   * Allocates.
   *
   * @param bytes how many, at least 1
   * @param alignment of the first byte, a power of two, at most {@link #maxAlignment}
   * @return a piece of at least so many bytes, which overlaps no other that wasn't freed
   * @throws OutOfMemoryError if there is no memory: the heap gives back what it can, asks once
   *     more, and then tells its caller this message in an {@link
   *     io.github.dmabuf4j.OutOfBuffersException}
   * @throws UnsupportedOperationException if a piece of this size can't ever be had: what the limit
   *     is. As any other exception, it is told to the caller in the same way
   */
  Piece allocate(long bytes, long alignment);

  /**
   * The largest alignment that {@link #allocate} serves.
   *
   * @return a power of two, the same at each call; 1 if pieces may lie anywhere
   */
  long maxAlignment();

  /**
   * Gives idle memory back to the operating system, as far as that can be done now.
   *
   * @return how many bytes went back; 0, the default, where nothing idle is kept or nothing is
   *     known
   */
  default long trim() {
    return 0;
  }

  /**
   * What it has from the operating system now, its own idle memory included.
   *
   * @return bytes, as far as it knows; a snapshot
   */
  long committedBytes();

  /**
   * Gives everything back that no other strategy shares. Every piece has been freed. What it throws
   * is logged; the heap has ended.
   */
  @Override
  void close();
}

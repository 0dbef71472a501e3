/**
 * Heaps in plain off-heap memory. Nothing is exported: the heaps are found by {@code
 * io.github.dmabuf4j.Heaps}, for example {@code
 * Heaps.open("offheap:system?limit=256MiB&decay=10s")}.
 *
 * <table>
 * <caption>Options of offheap:system</caption>
 * <tr><th>option</th><th>form</th><th>default</th></tr>
 * <tr><td>limit</td><td>committed bytes, for example {@code 64MiB} or {@code 1GiB}</td><td>a quarter of the machine's, or the
 *   container's, memory</td></tr>
 * <tr><td>pinned</td><td>the most bytes that are pinned at once, whole blocks, for example {@code 16MiB}; {@code 0} forbids pins, and so
 *   attachments of static importers are never mapped</td><td>the limit</td></tr>
 * <tr><td>contiguous</td><td>the size of a contiguous region, for example {@code 64MiB}: committed from the start, a part of the limit
 *   that plain buffers can't have</td><td>none</td></tr>
 * <tr><td>user</td><td>the most bytes of others' memory that are stolen or backed at once ({@link io.github.dmabuf4j.UserMemory}), for
 *   example {@code 16MiB}: beside the limit, not a part of it; {@code 0} for none</td><td>as many as the limit</td></tr>
 * <tr><td>decay</td><td>how long idle memory is kept, for example {@code 500ms}, {@code 10s}, {@code 2m}; at least 2 ms</td><td>10 s</td></tr>
 * <tr><td>retained</td><td>the most that is kept idle, for example {@code 32MiB}; more goes back within a second. What all heaps
 *   of the process keep beyond the system property {@code dmabuf4j.offheap.retained}, by default a quarter of the machine's, or the
 *   container's, memory, each gives back of its own when it looks for what has decayed: twice in a decay time</td><td>the limit</td></tr>
 * <tr><td>zeroing</td><td>{@code demand}, or {@code background} to zero what lies idle, within a second, so that allocations needn't</td><td>
 *   {@code demand}</td></tr>
 * <tr><td>hugepages</td><td>{@code true} to ask the operating system for huge pages for buffers of 2 MiB and more and for the
 *   contiguous region, on Linux</td><td>{@code false}</td></tr>
 * <tr><td>swap</td><td>the name of a {@link io.github.dmabuf4j.spi.SwapStore}: where the content of buffers goes that are evicted. A
 *   sixteenth of the limit is kept free for it</td><td>none: nothing is evicted</td></tr>
 * <tr><td>swap-…</td><td>what the store wants to know itself; its documentation says what</td><td>the store's</td></tr>
 * <tr><td>low-watermark, high-watermark</td><td>committed bytes: with less than the first free, memory is reclaimed in the background,
 *   until the second is; {@code 0} for never, else the second is at least the first and below the limit, less the contiguous region and
 *   what is kept free for the store</td><td>with a store a 64th and a 32nd of that, else 0</td></tr>
 * <tr><td>pressure</td><td>{@code heed}: under memory pressure from the operating system everything idle goes back, buffers that aren't
 *   needed are purged, and an eighth of what is committed is evicted, at most once in a second; or {@code ignore}</td><td>{@code heed}</td></tr>
 * <tr><td>strategy</td><td>where the memory of each buffer comes from: {@code dmabuf4j}, or, to compare, {@code arena-confined}, {@code
 *   arena-shared}, {@code buddy}, {@code malloc}, {@code netty-adaptive}, {@code netty-pooled}, {@code netty-pooled-o13}, or what a
 *   {@link io.github.dmabuf4j.spi.PoolingStrategyProvider} calls its own; contiguous, decay, retained, zeroing and hugepages go with
 *   none but the first</td><td>{@code dmabuf4j}, the heap's own pool</td></tr>
 * </table>
 *
 * <p>The strategies of Netty need netty-buffer 4.2, which doesn't come with this module: {@code
 * io.netty:netty-buffer} on the class path, or {@code --add-modules io.netty.buffer}. A buffer of
 * {@code arena-confined} is to be closed by the thread that allocated it, with nothing in flight
 * that another thread ends: else its memory stays committed until that thread meets the limit,
 * trims or closes the heap, and for ever if it has ended.
 *
 * <p>Memory pressure is read from Linux's pressure stall information, from the limits of the
 * process's cgroups, of both versions, and from the JVM's direct memory, by one thread for all
 * heaps; the system property {@code dmabuf4j.offheap.pressure.root} names a folder other than
 * {@code /} that {@code proc} and {@code sys} are in. What is heeded, and what isn't and why, is in
 * the description of the heap ({@code Heaps.describe()}).
 *
 * <p>Needs native access: {@code --enable-native-access=io.github.dmabuf4j.offheap}.
 */
@org.jspecify.annotations.NullMarked
module io.github.dmabuf4j.offheap {
  requires transitive io.github.dmabuf4j;
  requires static org.jspecify;
  requires static io.netty.buffer;
  requires static io.netty.common;
  requires jdk.management;

  uses io.github.dmabuf4j.spi.PoolingStrategyProvider;
  uses io.github.dmabuf4j.spi.SwapStoreProvider;

  provides io.github.dmabuf4j.spi.HeapProvider with
      io.github.dmabuf4j.offheap.OffHeapProvider;
}

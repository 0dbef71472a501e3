/**
 * Where the content of evicted buffers goes. Nothing is exported: a heap finds the stores by their
 * names, for example {@code
 * Heaps.open("offheap:system?limit=256MiB&swap=compressed&swap-limit=64MiB")}.
 *
 * <table>
 * <caption>Options of swap=compressed</caption>
 * <tr><th>option</th><th>form</th><th>default</th></tr>
 * <tr><td>swap-limit</td><td>the most memory for what is stored, for example {@code 64MiB}; it counts against the limit of the heap as
 *   well</td><td>as much as the heap has</td></tr>
 * <tr><td>swap-codec</td><td>{@code lz4} at its fast level; {@code zstd} at its level 1, which takes twice the time and some 10 % less
 *   room; {@code none}, which copies and saves nothing, to compare</td><td>{@code lz4}</td></tr>
 * <tr><td>swap-second</td><td>what becomes of old content: {@code zstd} packs it at level 3; {@code file} moves it to a file, which also
 *   takes what finds no room in memory and what can't be compressed; {@code none}</td><td>{@code none}</td></tr>
 * <tr><td>swap-age</td><td>when content is old, for example {@code 500ms}, {@code 30s}, {@code 5m}</td><td>30 s</td></tr>
 * <tr><td>swap-checksum</td><td>{@code false} to do without checksums, which cost some 5 % of what LZ4 does: a damaged store may
 *   then give wrong content</td><td>{@code true}</td></tr>
 * <tr><td>swap-second-limit, swap-second-directory, swap-second-encrypted</td><td>with {@code swap-second=file} its options, as
 *   below</td><td>as below</td></tr>
 * </table>
 *
 * <table>
 * <caption>Options of swap=file, on Linux</caption>
 * <tr><th>option</th><th>form</th><th>default</th></tr>
 * <tr><td>swap-limit</td><td>how large the file is, from the start, for example {@code 1GiB}</td><td>none: it has to be given</td></tr>
 * <tr><td>swap-directory</td><td>where it lies, in a folder that is there; it has no name</td><td>{@code /var/tmp}</td></tr>
 * <tr><td>swap-encrypted</td><td>{@code true} to encrypt it with a key that nobody but this process has; {@code false}</td><td>
 *   {@code false}</td></tr>
 * </table>
 *
 * <p>Needs native access: {@code --enable-native-access=io.github.dmabuf4j.swap,aircompressor.v3}.
 */
@org.jspecify.annotations.NullMarked
module io.github.dmabuf4j.swap {
  requires transitive io.github.dmabuf4j;
  requires static org.jspecify;
  requires aircompressor.v3;

  provides io.github.dmabuf4j.spi.SwapStoreProvider with
      io.github.dmabuf4j.swap.CompressedStoreProvider,
      io.github.dmabuf4j.swap.FileStoreProvider;
}

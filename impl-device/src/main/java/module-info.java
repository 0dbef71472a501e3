/**
 * Heaps behind Linux file descriptors: dma-heaps, udmabuf, memfd. They are found by {@code
 * io.github.dmabuf4j.Heaps}, for example {@code Heaps.open("memfd:system?limit=256MiB")}. What only
 * this module has is exported: buffers of files that others made, fences of the kernel and of other
 * processes, cameras.
 *
 * <table>
 * <caption>Options of all heaps of this module</caption>
 * <tr><th>option</th><th>form</th><th>default</th></tr>
 * <tr><td>limit</td><td>committed bytes, for example {@code 64MiB} or {@code 1GiB}</td><td>a quarter of the machine's, or the
 *   container's, memory</td></tr>
 * <tr><td>pinned</td><td>the most bytes that are pinned at once, whole files, for example {@code 16MiB}; {@code 0} forbids pins, and so
 *   attachments of static importers are never mapped</td><td>the limit</td></tr>
 * <tr><td>decay</td><td>how long idle memory is kept, for example {@code 500ms}, {@code 10s}, {@code 2m}; at least 2 ms</td><td>10 s</td></tr>
 * <tr><td>retained</td><td>the most that is kept idle, for example {@code 32MiB}</td><td>the limit</td></tr>
 * <tr><td>mappings</td><td>how many bytes of files stay mapped that nobody uses, for example {@code 64MiB}: those of live buffers and of
 *   idle files together; {@code 0} for none</td><td>a quarter of the limit</td></tr>
 * </table>
 *
 * <p>The system property {@code dmabuf4j.rendernode} names the render node that timelines are made
 * with, or says {@code none}; unless it is set, the first one that has them is taken, at the first
 * use, and kept open.
 *
 * <p>Files that others made become buffers with {@link io.github.dmabuf4j.device.DeviceBuffers}.
 *
 * <p>A file whose descriptor was given to somebody else is closed with its buffer; all others are
 * kept and used again.
 *
 * <p>Needs native access: {@code --enable-native-access=io.github.dmabuf4j.device}.
 */
@org.jspecify.annotations.NullMarked
module io.github.dmabuf4j.device {
  requires static org.jspecify;
  requires transitive io.github.dmabuf4j;
  requires com.github.benmanes.caffeine;
  requires jdk.management;

  exports io.github.dmabuf4j.device;
  exports io.github.dmabuf4j.device.sharing;

  provides io.github.dmabuf4j.spi.HeapProvider with
      io.github.dmabuf4j.device.DeviceHeapProvider;
}

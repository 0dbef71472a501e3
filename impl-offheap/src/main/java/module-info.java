/**
 * Heaps in plain off-heap memory. Nothing is exported: the heaps are found by {@code
 * io.github.dmabuf4j.Heaps}.
 *
 * <p>Needs native access: {@code --enable-native-access=io.github.dmabuf4j.offheap}.
 */
@org.jspecify.annotations.NullMarked
module io.github.dmabuf4j.offheap {
  requires transitive io.github.dmabuf4j;
  requires static org.jspecify;
  requires jdk.management;

  provides io.github.dmabuf4j.spi.HeapProvider with
      io.github.dmabuf4j.offheap.OffHeapProvider;
}

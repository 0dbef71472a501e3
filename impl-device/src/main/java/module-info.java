/**
 * Heaps behind Linux file descriptors: dma-heaps, udmabuf, memfd. Exports nothing: heaps are found
 * through {@link java.util.ServiceLoader}.
 */
@org.jspecify.annotations.NullMarked
module io.github.dmabuf4j.device {
  requires static org.jspecify;
  requires io.github.dmabuf4j;
  requires com.github.benmanes.caffeine;

  provides io.github.dmabuf4j.spi.HeapProvider with
      io.github.dmabuf4j.device.DeviceHeapProvider;
}

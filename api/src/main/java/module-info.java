/**
 * The contract of dmabuf4j and its exporter-independent core: what drivers/dma-buf is for Linux
 * drivers. Depends on the JDK alone; heaps are found through {@link java.util.ServiceLoader}.
 */
@org.jspecify.annotations.NullMarked
module io.github.dmabuf4j {
  requires static transitive org.jspecify;

  exports io.github.dmabuf4j;
  exports io.github.dmabuf4j.spi;

  uses io.github.dmabuf4j.spi.HeapProvider;
}

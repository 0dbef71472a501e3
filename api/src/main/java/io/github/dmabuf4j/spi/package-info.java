/**
 * What implementations provide: {@link io.github.dmabuf4j.spi.Exporter} for one buffer's memory,
 * {@link io.github.dmabuf4j.spi.MappedBytes} for what it maps, {@link
 * io.github.dmabuf4j.spi.HeapProvider} for heaps; and, where mapping costs something, a {@link
 * io.github.dmabuf4j.spi.MappingCache}. A {@link io.github.dmabuf4j.spi.PoolingStrategy} is where a
 * heap's memory comes from, for those who compare pools or bring their own. A {@link
 * io.github.dmabuf4j.spi.SwapStore} is where the content of evicted buffers goes. {@link
 * io.github.dmabuf4j.spi.SharedFile} is what an exporter has whose buffers others may have, too.
 *
 * <p>An exporter is a small class: it knows where bytes live and nothing of references, locks or
 * fences. The core, {@link io.github.dmabuf4j.BufferObject}, calls it under the locks that {@link
 * io.github.dmabuf4j.spi.Exporter}'s table states, and at most as often as it says. A heap makes
 * one {@code BufferObject} per exporter and calls {@link io.github.dmabuf4j.BufferObject#export}
 * for each allocation:
 *
 * {@snippet file="io/github/dmabuf4j/snippets/ExampleExporter.java" region="exporter"}
 *
 * <p>The other side, an {@link io.github.dmabuf4j.Importer}, is as small:
 *
 * {@snippet file="io/github/dmabuf4j/snippets/ExampleImporter.java" region="importer"}
 *
 * <p>Incubating, as the whole API, until both implementations pass the conformance kit.
 */
package io.github.dmabuf4j.spi;

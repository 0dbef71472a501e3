package io.github.dmabuf4j.device;

import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapDescription;
import io.github.dmabuf4j.HeapUnavailableException;
import io.github.dmabuf4j.HeapUri;
import io.github.dmabuf4j.spi.HeapProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.NavigableSet;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * The heaps of this machine that have a file descriptor behind them. So far it finds and explains
 * them; it opens none, and says so.
 */
public final class DeviceHeapProvider implements HeapProvider {
  private static final String NOT_BUILT =
      "this version of dmabuf4j-device finds it but does not open it yet";

  private final Path root;
  private final boolean linux;

  /** For {@link java.util.ServiceLoader}. */
  public DeviceHeapProvider() {
    this(Path.of("/"), System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("linux"));
  }

  /** Looks below a folder instead of {@code /}, for tests. */
  DeviceHeapProvider(Path root, boolean linux) {
    this.root = root;
    this.linux = linux;
  }

  @Override
  public List<HeapDescription> describe() {
    List<HeapDescription> heaps = new ArrayList<>();
    for (String name : dmaHeapNames()) {
      heaps.add(
          describe(
              "dma-heap:" + name,
              "dma-bufs of the kernel's heap \"%s\"".formatted(name),
              new DeviceNode(Path.of("/dev/dma_heap", name), "CONFIG_DMABUF_HEAPS_SYSTEM", "")));
    }
    heaps.add(
        describe(
            "udmabuf:system",
            "dma-bufs over sealed memory files",
            new DeviceNode(Path.of("/dev/udmabuf"), "CONFIG_UDMABUF", "sudo modprobe udmabuf")));
    heaps.add(
        HeapDescription.unavailable(
            "memfd:system",
            "memory files, shareable with other processes",
            linux ? NOT_BUILT : notLinux(),
            ""));
    return heaps;
  }

  private HeapDescription describe(String name, String summary, DeviceNode node) {
    if (!linux) {
      return HeapDescription.unavailable(name, summary, notLinux(), "");
    }
    DeviceNode.Obstacle obstacle = node.obstacle(root);
    return obstacle.reason().isEmpty()
        ? HeapDescription.unavailable(name, summary, NOT_BUILT, "")
        : HeapDescription.unavailable(name, summary, obstacle.reason(), obstacle.fix());
  }

  private static String notLinux() {
    return "it is an interface of Linux, this is " + System.getProperty("os.name");
  }

  /** The heaps that exist, and "system", which every kernel with dma-heaps has. */
  private NavigableSet<String> dmaHeapNames() {
    NavigableSet<String> names = new TreeSet<>();
    names.add("system");
    try (Stream<Path> nodes = Files.list(root.resolve("dev/dma_heap"))) {
      nodes.map(node -> node.getFileName().toString()).forEach(names::add);
    } catch (IOException e) {
      // No such folder, or not ours to read: "system" stands for it and says which.
    }
    return names;
  }

  @Override
  public Heap open(HeapUri uri) {
    throw new HeapUnavailableException(
        uri.name() + " is unavailable on this machine: " + NOT_BUILT);
  }
}

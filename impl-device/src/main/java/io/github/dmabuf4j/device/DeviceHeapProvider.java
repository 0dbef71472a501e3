package io.github.dmabuf4j.device;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapDescription;
import io.github.dmabuf4j.HeapProperty;
import io.github.dmabuf4j.HeapUnavailableException;
import io.github.dmabuf4j.HeapUri;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.Platform;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.spi.HeapProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.NavigableSet;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The heaps of this machine that have a file descriptor behind them: {@code dma-heap:NAME} for each
 * heap of the kernel, {@code udmabuf:system} and {@code memfd:system}. Their options are those of
 * {@link DeviceOptions}.
 */
public final class DeviceHeapProvider implements HeapProvider {
  private static final Path ROOT = Path.of("/");
  private static final String DMA_HEAP = "dma-heap";
  private static final String UDMABUF = "udmabuf:system";
  private static final String MEMFD = "memfd:system";

  /**
   * What kernels call heaps of contiguous memory: the default region by whatever name it has, and
   * those that a device tree reserves.
   */
  private static final Pattern CONTIGUOUS = Pattern.compile(DMA_HEAP + ":(.*cma.*|reserved)");

  /** Below so many descriptors for buffers a pipeline may run out of them. */
  private static final long FEW_DESCRIPTORS = 512;

  private final Path root;
  private final Supplier<Platform.Obstacle> platform;

  /** For {@link java.util.ServiceLoader}. */
  public DeviceHeapProvider() {
    this(ROOT, Platform::obstacle);
  }

  /** Looks below a folder instead of {@code /}, for tests; nothing there is opened. */
  DeviceHeapProvider(Path root, Supplier<Platform.Obstacle> platform) {
    this.root = root;
    this.platform = platform;
  }

  @Override
  public List<HeapDescription> describe() {
    Platform.Obstacle obstacle = platform.get();
    List<HeapDescription> heaps = new ArrayList<>();
    for (String name : dmaHeapNames()) {
      heaps.add(describe(DMA_HEAP + ":" + name, obstacle));
    }
    heaps.add(describe(UDMABUF, obstacle));
    heaps.add(describe(MEMFD, obstacle));
    return heaps;
  }

  private HeapDescription describe(String name, Platform.Obstacle ofPlatform) {
    Platform.Obstacle obstacle = ofPlatform.isNone() ? obstacle(name) : ofPlatform;
    HeapDescription description =
        obstacle.isNone()
            ? HeapDescription.available(name, summary(name) + limits(name))
            : HeapDescription.unavailable(name, summary(name), obstacle.reason(), obstacle.fix());
    return description.with(properties(name));
  }

  private static HeapProperty[] properties(String name) {
    EnumSet<HeapProperty> properties = EnumSet.of(HeapProperty.SHAREABLE);
    if (!name.equals(MEMFD)) {
      properties.add(HeapProperty.DMABUF);
    }
    if (CONTIGUOUS.matcher(name).matches()) {
      properties.add(HeapProperty.CONTIGUOUS);
    }
    return properties.toArray(HeapProperty[]::new);
  }

  private static String summary(String name) {
    return switch (name) {
      case MEMFD -> "memory files, shareable with other processes";
      case UDMABUF -> "dma-bufs over sealed memory files";
      default ->
          "dma-bufs of the kernel's heap \"%s\"".formatted(name.substring(DMA_HEAP.length() + 1));
    };
  }

  /** What a user of a heap that is there may run into. */
  private String limits(String name) {
    String own = name.equals(UDMABUF) && root.equals(ROOT) ? "; " + UdmabufFiles.limits() : "";
    long most = DescriptorBudget.OF_THIS_PROCESS.budget(Descriptor.Kind.BUFFER);
    return most >= FEW_DESCRIPTORS
        ? own
        : own
            + "; at most %d buffers, for each needs a descriptor: raise the limit with ulimit -n, LimitNOFILE= of systemd or --ulimit nofile= of docker"
                .formatted(most);
  }

  /** What stands in the way of a heap, where system calls can be made. */
  private Platform.Obstacle obstacle(String name) {
    if (name.equals(MEMFD)) {
      return Platform.Obstacle.NONE;
    }
    DeviceNode node =
        name.equals(UDMABUF)
            ? new DeviceNode(UdmabufFiles.NODE, "CONFIG_UDMABUF", "sudo modprobe udmabuf")
            : new DeviceNode(
                DmaHeapFiles.node(name.substring(DMA_HEAP.length() + 1)),
                "CONFIG_DMABUF_HEAPS_SYSTEM",
                "");
    DeviceNode.Obstacle found = node.obstacle(root);
    if (!found.reason().isEmpty() || !root.equals(ROOT)) {
      return new Platform.Obstacle(found.reason(), found.fix());
    }
    return obstacleToOpening(node.path());
  }

  /** What the permissions of a node don't tell: a container's rules, a driver without a device. */
  private static Platform.Obstacle obstacleToOpening(Path node) {
    try (Descriptor opened = DmaHeapFiles.open(node)) {
      return opened.isClosed()
          ? new Platform.Obstacle(node + " can't be opened", "")
          : Platform.Obstacle.NONE;
    } catch (DmaBufException e) {
      return new Platform.Obstacle(
          String.valueOf(e.getMessage()), "docker run --device %s …".formatted(node));
    }
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
    HeapDescription description =
        describe().stream()
            .filter(heap -> heap.name().equals(uri.name()))
            .findFirst()
            .orElseThrow(
                () ->
                    new HeapUnavailableException(
                        "wanted one of %s, got %s"
                            .formatted(
                                describe().stream().map(HeapDescription::name).toList(),
                                uri.name())));
    if (!description.isAvailable()) {
      throw new HeapUnavailableException(
          "%s is unavailable on this machine: %s%s"
              .formatted(
                  uri.name(),
                  description.unavailable(),
                  description.fix().isEmpty() ? "" : "; try: " + description.fix()));
    }
    DeviceOptions options = DeviceOptions.of(uri, Syscalls.getpagesize());
    return DeviceHeap.open(files(uri), options);
  }

  private static BufferFiles files(HeapUri uri) {
    try {
      return switch (uri.name()) {
        case MEMFD -> new MemoryFiles();
        case UDMABUF -> new UdmabufFiles();
        default -> new DmaHeapFiles(uri.heap());
      };
    } catch (DmaBufException e) {
      throw new HeapUnavailableException(
          "%s can't be opened: %s".formatted(uri.name(), e.getMessage()));
    }
  }
}

package io.github.dmabuf4j.examples.gpu;

import io.github.dmabuf4j.HeapDescription;
import io.github.dmabuf4j.HeapProperty;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.examples.BadInputException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A device, and how it gets at the bytes: a real GPU rather than the CPU, dma-bufs rather than
 * addresses.
 *
 * @param gpu the device
 * @param path the way
 */
record GpuChoice(GpuDevice gpu, MemoryPath path) {
  /**
   * Chooses.
   *
   * @param devices all there are, at least one
   * @param wanted a number or a part of a name, or null for the best
   * @param way how the device is to get at the bytes, or null for the best way
   * @param hasDmaBufs whether there is a heap of dma-bufs
   * @throws BadInputException if no device is called so, or none can do it: says what there is
   */
  static GpuChoice of(
      List<GpuDevice> devices,
      @Nullable String wanted,
      @Nullable MemoryPath way,
      boolean hasDmaBufs)
      throws BadInputException {
    List<GpuDevice> candidates = new ArrayList<>(called(wanted, devices));
    candidates.sort(Comparator.comparing(GpuDevice::kind));
    for (GpuDevice gpu : candidates) {
      for (MemoryPath path : MemoryPath.values()) {
        boolean asked = way == null || way == path;
        boolean there = path != MemoryPath.DMA_BUF || hasDmaBufs;
        if (asked && there && gpu.can(path)) {
          return new GpuChoice(gpu, path);
        }
      }
    }
    if (way == MemoryPath.DMA_BUF && !hasDmaBufs) {
      throw new BadInputException("--path dma-buf: there is no heap of dma-bufs: " + reasons());
    }
    throw new BadInputException(
        "no device can import %s: it needs Vulkan 1.1, compute and %s; tried %s"
            .formatted(
                way == null ? "our memory" : "memory as " + way,
                way == MemoryPath.DMA_BUF
                    ? "VK_EXT_external_memory_dma_buf"
                    : "VK_EXT_external_memory_host",
                list(candidates)));
  }

  private static List<GpuDevice> called(@Nullable String wanted, List<GpuDevice> devices)
      throws BadInputException {
    if (wanted == null) {
      return devices;
    }
    if (wanted.matches("\\d{1,3}")) {
      int number = Integer.parseInt(wanted);
      if (number < devices.size()) {
        return List.of(devices.get(number));
      }
    }
    String part = wanted.toLowerCase(Locale.ROOT);
    List<GpuDevice> found =
        devices.stream()
            .filter(device -> device.name().toLowerCase(Locale.ROOT).contains(part))
            .toList();
    if (found.isEmpty() || part.isBlank()) {
      throw new BadInputException(
          "--device: wanted a number or a part of a name of %s, got \"%s\""
              .formatted(list(devices), wanted));
    }
    return found;
  }

  private static String list(List<GpuDevice> devices) {
    return devices.stream().map(GpuDevice::toString).collect(Collectors.joining(", "));
  }

  private static String reasons() {
    return Heaps.chain(HeapProperty.DMABUF).stream()
        .filter(heap -> !heap.isAvailable())
        .map(GpuChoice::reason)
        .collect(Collectors.joining("; "));
  }

  private static String reason(HeapDescription heap) {
    String fix = heap.fix().isEmpty() ? "" : ", fix: " + heap.fix();
    return heap.name() + ": " + heap.unavailable() + fix;
  }
}

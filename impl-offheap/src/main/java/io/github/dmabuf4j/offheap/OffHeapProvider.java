package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapDescription;
import io.github.dmabuf4j.HeapUnavailableException;
import io.github.dmabuf4j.HeapUri;
import io.github.dmabuf4j.offheap.pressure.PressureSources;
import io.github.dmabuf4j.spi.HeapProvider;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Provides {@code offheap:system}: pooled blocks of this process's own memory, or with {@code
 * strategy=…} pieces of a {@link io.github.dmabuf4j.spi.PoolingStrategy}.
 */
public final class OffHeapProvider implements HeapProvider {
  private static final String NAME = "offheap:system";
  private static final String SUMMARY = "pooled off-heap memory of this process";

  /** For {@link java.util.ServiceLoader}. */
  public OffHeapProvider() {}

  @Override
  public List<HeapDescription> describe() {
    return List.of(
        hasNativeAccess()
            ? HeapDescription.available(NAME, summary())
            : HeapDescription.unavailable(
                NAME,
                SUMMARY,
                "this JVM denies native access to " + moduleName(),
                "java " + flag() + " …"));
  }

  private static String summary() {
    try (PressureSources pressure = PressureSources.open()) {
      return String.join(
          "; ", SUMMARY, Strategies.summary(), SwapStores.summary(), pressure.summary());
    }
  }

  @Override
  public Heap open(HeapUri uri) {
    if (!uri.name().equals(NAME)) {
      throw new HeapUnavailableException("wanted %s, got %s".formatted(NAME, uri.name()));
    }
    HeapOptions options = HeapOptions.of(uri);
    if (!hasNativeAccess()) {
      throw new HeapUnavailableException(
          "%s needs native access, which this JVM denies: run it with %s".formatted(NAME, flag()));
    }
    if (options.isOwnPool()) {
      return PooledHeap.open(NAME, options, memory(options.hugePages()));
    }
    return openWith(Strategies.open(options.strategy(), options.limit()), options);
  }

  private static Heap openWith(StrategyMemory memory, HeapOptions options) {
    try {
      return PooledHeap.open(NAME, options, memory);
    } catch (RuntimeException | Error e) {
      memory.close();
      throw e;
    }
  }

  /**
   * Whether restricted methods may be called here. Where the JVM only warns, it warns now, once.
   */
  private static boolean hasNativeAccess() {
    if (OffHeapProvider.class.getModule().isNativeAccessEnabled()) {
      return true;
    }
    try {
      return MemorySegment.NULL.reinterpret(0).byteSize() == 0;
    } catch (IllegalCallerException e) {
      return false;
    }
  }

  private static String moduleName() {
    Module module = OffHeapProvider.class.getModule();
    return module.isNamed() ? module.getName() : "the class path";
  }

  private static String flag() {
    Module module = OffHeapProvider.class.getModule();
    return "--enable-native-access=" + (module.isNamed() ? module.getName() : "ALL-UNNAMED");
  }

  private static SlabMemory memory(boolean hugePages) {
    if (System.getProperty("os.name", "").equals("Linux")) {
      return new LinuxMemory(hugePages);
    }
    if (hugePages) {
      throw new HeapUnavailableException(
          "hugepages=true is there on Linux only: leave it out, the operating system decides here");
    }
    return new ArenaMemory();
  }
}

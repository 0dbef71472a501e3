package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.spi.SwapMemory;
import io.github.dmabuf4j.spi.SwapStore;
import io.github.dmabuf4j.spi.SwapStoreProvider;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Finds stores by name with {@link java.util.ServiceLoader}.
 *
 * <p><b>Threads.</b> Any; there is no state.
 */
final class SwapStores {
  private SwapStores() {}

  /**
   * Opens a store.
   *
   * @param name which
   * @param options its own
   * @param memory where it takes memory from
   * @throws IllegalArgumentException if there is none of this name: names those that there are; or
   *     if it doesn't like an option
   */
  static SwapStore open(String name, Map<String, String> options, SwapMemory memory) {
    List<SwapStoreProvider> providers = providers();
    SwapStoreProvider found =
        providers.stream().filter(one -> one.name().equals(name)).findFirst().orElse(null);
    if (found == null) {
      throw new IllegalArgumentException(
          "swap: no store is called \"%s\"; there %s"
              .formatted(
                  name,
                  providers.isEmpty()
                      ? "is none: add io.github.dmabuf4j:dmabuf4j-swap"
                      : "are " + names(providers)));
    }
    return found.open(options, memory);
  }

  private static String names(List<SwapStoreProvider> providers) {
    return providers.stream()
        .map(SwapStoreProvider::name)
        .distinct()
        .collect(Collectors.joining(", "));
  }

  /** What can be said for {@code swap=} here, for reports. */
  static String summary() {
    List<SwapStoreProvider> providers = providers();
    return providers.isEmpty()
        ? "no swap stores: add io.github.dmabuf4j:dmabuf4j-swap"
        : "swap stores " + names(providers);
  }

  private static List<SwapStoreProvider> providers() {
    return Providers.of(SwapStoreProvider.class);
  }
}

package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.HeapUnavailableException;
import io.github.dmabuf4j.offheap.strategy.BuiltIn;
import io.github.dmabuf4j.spi.PoolingStrategyProvider;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.stream.Collectors;

/**
 * Finds strategies by name: those that come with this module, then those that are found with {@link
 * ServiceLoader}.
 *
 * <p><b>Threads.</b> Any; there is no state.
 */
final class Strategies {
  /** The heap's own pool. */
  static final String OWN = "dmabuf4j";

  private Strategies() {}

  /**
   * The memory of a heap with a strategy.
   *
   * @param name which, not {@link #OWN}
   * @param limit of the heap
   * @throws IllegalArgumentException if there is none of this name: names those that there are
   * @throws HeapUnavailableException if it can't be opened here: why
   */
  static StrategyMemory open(String name, long limit) {
    List<PoolingStrategyProvider> providers = providers();
    PoolingStrategyProvider found =
        providers.stream().filter(one -> one.name().equals(name)).findFirst().orElse(null);
    if (found == null) {
      throw new IllegalArgumentException(
          "strategy: none is called \"%s\"; there are %s, %s"
              .formatted(name, OWN, names(providers)));
    }
    if (!found.unavailable().isEmpty()) {
      throw new HeapUnavailableException(
          "strategy %s can't be used here: %s".formatted(name, found.unavailable()));
    }
    return new StrategyMemory(name, found.open(limit));
  }

  private static String names(List<PoolingStrategyProvider> providers) {
    return providers.stream()
        .map(PoolingStrategyProvider::name)
        .distinct()
        .collect(Collectors.joining(", "));
  }

  /**
   * What can be said for {@code strategy=} here, for reports; what can't, with each reason once.
   */
  static String summary() {
    Map<String, List<PoolingStrategyProvider>> byReason =
        providers().stream()
            .collect(
                Collectors.groupingBy(
                    PoolingStrategyProvider::unavailable, LinkedHashMap::new, Collectors.toList()));
    List<PoolingStrategyProvider> available = byReason.remove("");
    StringBuilder text = new StringBuilder("strategies ").append(OWN);
    if (available != null) {
      text.append(", ").append(names(available));
    }
    byReason.forEach(
        (reason, providers) ->
            text.append("; not ").append(names(providers)).append(": ").append(reason));
    return text.toString();
  }

  private static List<PoolingStrategyProvider> providers() {
    List<PoolingStrategyProvider> providers = new ArrayList<>(BuiltIn.providers());
    providers.addAll(Providers.of(PoolingStrategyProvider.class));
    return providers;
  }
}

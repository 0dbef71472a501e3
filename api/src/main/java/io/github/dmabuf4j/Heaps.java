package io.github.dmabuf4j;

import io.github.dmabuf4j.spi.HeapProvider;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Finds heaps. Providers are found with {@link ServiceLoader}: a heap exists if its module is on
 * the path.
 *
 * {@snippet file="io/github/dmabuf4j/snippets/Walkthroughs.java" region="open"}
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public final class Heaps {
  private Heaps() {}

  /**
   * Opens a heap.
   *
   * <p><b>Any heap.</b> {@code any:system} is the first heap of {@link #chain} that can be opened
   * here and has what the option {@code require} names, separated by commas: {@code
   * any:system?require=SHAREABLE&limit=256MiB}. All other options go to that heap.
   *
   * @param uri {@code kind:name?option=value&option=value}, for example {@code
   *     offheap:system?limit=256MiB}
   * @return a new heap, to be closed
   * @throws HeapUnavailableException if no provider knows it or it can't be opened here, or the
   *     class path can't be read, because no descriptor is left, for example: why, and what would
   *     fix it
   * @throws IllegalArgumentException if the text has another form, an option is unknown or its
   *     value is bad
   */
  public static Heap open(String uri) {
    HeapUri wanted = HeapUri.parse(uri);
    if (wanted.name().equals(HeapChain.NAME)) {
      return chain().open(wanted);
    }
    for (HeapProvider provider : providers()) {
      for (HeapDescription description : provider.describe()) {
        if (description.name().equals(wanted.name())) {
          return open(provider, description, wanted);
        }
      }
    }
    String known =
        available().stream().map(HeapDescription::name).collect(Collectors.joining(", "));
    throw new HeapUnavailableException(
        "no heap is called %s; there %s. Put the artifact that provides it on the path, for example dmabuf4j-offheap"
            .formatted(wanted.name(), known.isEmpty() ? "are none" : "are " + known));
  }

  private static Heap open(HeapProvider provider, HeapDescription description, HeapUri wanted) {
    if (!description.isAvailable()) {
      throw new HeapUnavailableException(description.refusal());
    }
    return provider.open(wanted);
  }

  /**
   * The heaps that the providers on the path know of, those that can't be opened here included.
   *
   * @return their descriptions
   * @throws HeapUnavailableException if the class path can't be read: why
   */
  public static List<HeapDescription> describe() {
    List<HeapDescription> descriptions = new ArrayList<>();
    providers().forEach(provider -> descriptions.addAll(provider.describe()));
    return descriptions;
  }

  /**
   * The heaps that can be opened here.
   *
   * @return their descriptions
   * @throws HeapUnavailableException if the class path can't be read: why
   */
  public static List<HeapDescription> available() {
    return describe().stream().filter(HeapDescription::isAvailable).toList();
  }

  /**
   * The heaps that have some properties, in the order in which {@code any:system} tries them: from
   * the one that can do most, dma-bufs of the kernel, to plain memory. Those that can't be opened
   * here are included, with the reason and what would fix it.
   *
   * @param required what a caller needs; none for all heaps
   * @return their descriptions
   * @throws HeapUnavailableException if the class path can't be read: why
   */
  public static List<HeapDescription> chain(HeapProperty... required) {
    return chain().describe(Set.copyOf(List.of(required)));
  }

  private static HeapChain chain() {
    return new HeapChain(
        providers().stream()
            .flatMap(
                provider ->
                    provider.describe().stream()
                        .map(description -> new HeapChain.Link(description, provider)))
            .toList());
  }

  private static List<HeapProvider> providers() {
    try {
      List<HeapProvider> providers = new ArrayList<>();
      ServiceLoader.load(HeapProvider.class).forEach(providers::add);
      if (providers.isEmpty()) { // the context class loader may know less than ours
        ServiceLoader.load(HeapProvider.class, Heaps.class.getClassLoader())
            .forEach(providers::add);
      }
      return providers;
    } catch (ServiceConfigurationError e) {
      if (e.getCause() instanceof IOException unread) { // on the class path each look reads files
        throw new HeapUnavailableException(
            "wanted to know which heaps there are, but the class path can't be read: %s. Where no descriptor is left, close some or raise the limit: ulimit -n, LimitNOFILE= of systemd"
                .formatted(unread.getMessage()),
            e);
      }
      throw e;
    }
  }
}

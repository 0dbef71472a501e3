package io.github.dmabuf4j;

import io.github.dmabuf4j.spi.HeapProvider;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The heaps from the one that can do most to the one that is everywhere, and the first of them that
 * has what a caller requires: what {@code any:system} stands for. Never falls below that silently:
 * where no heap has it, each one's reason is told.
 *
 * <p><b>Threads.</b> Immutable.
 */
final class HeapChain {
  /** The kind and name that stand for all heaps. */
  static final String NAME = "any:system";

  static final String REQUIRE = "require";

  /** Best first; kinds that aren't here come last, in the order of their providers. */
  private static final List<String> KINDS = List.of("dma-heap", "udmabuf", "memfd", "offheap");

  /**
   * A heap, and who opens it.
   *
   * @param description what is known of it
   * @param provider who opens it
   */
  record Link(HeapDescription description, HeapProvider provider) {
    private int rank() {
      int rank = KINDS.indexOf(HeapUri.parse(description.name()).kind());
      return rank < 0 ? KINDS.size() : rank;
    }

    private boolean isSpecial() {
      return !HeapUri.parse(description.name()).heap().equals("system");
    }
  }

  private final List<Link> links;

  HeapChain(List<Link> heaps) {
    this.links =
        heaps.stream()
            .sorted(Comparator.comparingInt(Link::rank).thenComparing(Link::isSpecial))
            .toList();
  }

  /** The heaps that have some properties, whether or not they can be opened here; best first. */
  List<HeapDescription> describe(Set<HeapProperty> required) {
    return links.stream()
        .map(Link::description)
        .filter(description -> description.properties().containsAll(required))
        .toList();
  }

  /** Opens the first heap that has what the options require, with all other options. */
  Heap open(HeapUri uri) {
    Map<String, String> options = new LinkedHashMap<>(uri.options());
    Set<HeapProperty> required = properties(options.remove(REQUIRE));
    List<String> refusals = new ArrayList<>();
    for (Link link : links) {
      HeapDescription heap = link.description;
      if (!heap.properties().containsAll(required)) {
        Set<HeapProperty> lacking = EnumSet.copyOf(required);
        lacking.removeAll(heap.properties());
        refusals.add("%s is not %s".formatted(heap.name(), text(lacking)));
      } else if (!heap.isAvailable()) {
        refusals.add(heap.refusal());
      } else {
        HeapUri own = HeapUri.parse(heap.name());
        try {
          return link.provider.open(new HeapUri(own.kind(), own.heap(), options));
        } catch (HeapUnavailableException e) {
          refusals.add(String.valueOf(e.getMessage()));
        }
      }
    }
    throw new HeapUnavailableException(
        "no heap here is %s:%s"
            .formatted(
                required.isEmpty() ? "to be had" : text(required),
                refusals.stream().map("%n  %s"::formatted).collect(Collectors.joining())));
  }

  private static String text(Set<HeapProperty> properties) {
    return properties.stream().map(HeapProperty::name).collect(Collectors.joining(" and "));
  }

  private static Set<HeapProperty> properties(@Nullable String text) {
    Set<HeapProperty> properties = EnumSet.noneOf(HeapProperty.class);
    if (text != null) {
      for (String name : text.split(",", -1)) {
        try {
          properties.add(HeapProperty.valueOf(name.strip().toUpperCase(Locale.ROOT)));
        } catch (IllegalArgumentException e) {
          throw new IllegalArgumentException(
              "wanted %s=… with names of %s, separated by commas, got \"%s\""
                  .formatted(REQUIRE, List.of(HeapProperty.values()), text),
              e);
        }
      }
    }
    return properties;
  }
}

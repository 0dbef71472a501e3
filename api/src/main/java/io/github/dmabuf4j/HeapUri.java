package io.github.dmabuf4j;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * What to open: {@code kind:name?option=value&option=value}, for example {@code
 * offheap:system?limit=256MiB}. Immutable.
 *
 * @param kind who provides it, for example {@code offheap}
 * @param heap which of them, for example {@code system}
 * @param options what follows the question mark, in order
 */
public record HeapUri(String kind, String heap, Map<String, String> options) {
  private static final String FORM =
      "kind:name?option=value&option=value, for example offheap:system?limit=256MiB";

  /**
   * Copies the options.
   *
   * @param kind who provides it
   * @param heap which of them
   * @param options what follows the question mark
   */
  public HeapUri {
    options = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(options));
  }

  /**
   * Reads the text form.
   *
   * @param text {@code kind:name} or {@code kind:name?option=value&option=value}
   * @return what it says
   * @throws IllegalArgumentException if the text has another form, or an option stands twice
   */
  public static HeapUri parse(String text) {
    int question = text.indexOf('?');
    String path = question < 0 ? text : text.substring(0, question);
    int colon = path.indexOf(':');
    if (colon <= 0 || colon == path.length() - 1) {
      throw new IllegalArgumentException("wanted %s, got \"%s\"".formatted(FORM, text));
    }
    Map<String, String> options = new LinkedHashMap<>();
    if (question >= 0) {
      for (String option : text.substring(question + 1).split("&", -1)) {
        int equals = option.indexOf('=');
        if (equals <= 0
            || options.put(option.substring(0, equals), option.substring(equals + 1)) != null) {
          throw new IllegalArgumentException(
              "wanted %s, each option once, got \"%s\" in \"%s\"".formatted(FORM, option, text));
        }
      }
    }
    return new HeapUri(path.substring(0, colon), path.substring(colon + 1), options);
  }

  /**
   * The name of the heap without options.
   *
   * @return {@code kind:heap}
   */
  public String name() {
    return kind + ":" + heap;
  }

  /**
   * Refuses options that a provider doesn't know.
   *
   * @param known the names of those it does
   * @return this
   * @throws IllegalArgumentException if another one is set
   */
  public HeapUri requireOptions(Set<String> known) {
    for (String option : options.keySet()) {
      if (!known.contains(option)) {
        throw new IllegalArgumentException(
            "%s has no option \"%s\"; it has %s".formatted(name(), option, new TreeSet<>(known)));
      }
    }
    return this;
  }
}

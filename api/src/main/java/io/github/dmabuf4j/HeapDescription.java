package io.github.dmabuf4j;

import java.util.Objects;
import java.util.Set;

/**
 * A heap that a provider knows of, and whether it can be had here. What {@code doctor} prints.
 *
 * @param name the heap's name, as {@link Heaps#open} takes it, for example {@code dma-heap:system}
 * @param summary what it is, in a few words
 * @param unavailable why it can't be opened here, empty if it can
 * @param fix the exact line that would change that, empty if there is none or none is needed
 * @param properties what its buffers are, beside memory
 */
public record HeapDescription(
    String name, String summary, String unavailable, String fix, Set<HeapProperty> properties) {
  /**
   * Checks for null, and copies the properties.
   *
   * @param name the heap's name
   * @param summary what it is
   * @param unavailable why it can't be opened here, or empty
   * @param fix what would change that, or empty
   * @param properties what its buffers are
   */
  public HeapDescription {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(summary, "summary");
    Objects.requireNonNull(unavailable, "unavailable");
    Objects.requireNonNull(fix, "fix");
    properties = Set.copyOf(properties);
  }

  /**
   * A heap that can be opened.
   *
   * @param name the heap's name
   * @param summary what it is
   * @return a description
   */
  public static HeapDescription available(String name, String summary) {
    return new HeapDescription(name, summary, "", "", Set.of());
  }

  /**
   * A heap that can't be opened here.
   *
   * @param name the heap's name
   * @param summary what it is
   * @param reason why it can't be opened here
   * @param fix the exact line that would change that, or empty if there is none
   * @return a description
   */
  public static HeapDescription unavailable(
      String name, String summary, String reason, String fix) {
    return new HeapDescription(name, summary, reason, fix, Set.of());
  }

  /**
   * Whether the heap can be opened here.
   *
   * @return true if it can
   */
  public boolean isAvailable() {
    return unavailable.isEmpty();
  }

  /**
   * The same with other properties.
   *
   * @param properties what its buffers are
   * @return a description
   */
  public HeapDescription with(HeapProperty... properties) {
    return new HeapDescription(name, summary, unavailable, fix, Set.of(properties));
  }

  /** Why it can't be opened, and what to do. */
  String refusal() {
    return "%s is unavailable on this machine: %s%s"
        .formatted(name, unavailable, fix.isEmpty() ? "" : ". To fix it: " + fix);
  }
}

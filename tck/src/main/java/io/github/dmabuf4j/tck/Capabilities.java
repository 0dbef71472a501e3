package io.github.dmabuf4j.tck;

import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * One row of the table of capabilities: what one kind of heap can do, and for all it can't, why
 * not. A row is complete: each {@link Capability} is in it, so that a new one is thought about for
 * every heap.
 *
 * <p>The rows of this project's own heaps are here, where they are reviewed together, and {@code
 * docs/conformance.md} in the source tree shows which rules follow from them.
 *
 * <p>Immutable.
 */
public final class Capabilities {
  static final String ELSEWHERE_IN_THE_KIT = "another exporter of the kit has it";

  /**
   * The heap {@code offheap:system}: pooled blocks of this process's own memory, or, with any of
   * its strategies that hasn't got a row of its own, pieces of that.
   */
  public static final Capabilities OFFHEAP_SYSTEM = offheap("offheap:system").build();

  /** The same with a store that content is evicted to. */
  public static final Capabilities OFFHEAP_SWAP =
      offheap("offheap:system?swap").has(Capability.EVICTS).build();

  /** The same with a confined arena for each buffer. */
  public static final Capabilities OFFHEAP_ARENA_CONFINED =
      offheap("offheap:system?strategy=arena-confined")
          .lacks(
              Capability.FREED_BY_ANY_THREAD,
              "only the thread that opened a confined arena can close it")
          .build();

  /** The same with a contiguous region, movable buffers, and a store. */
  public static final Capabilities OFFHEAP_CONTIGUOUS =
      of("offheap:system?contiguous&swap")
          .has(Capability.HOST_PIECES, Capability.OBSERVABLE)
          .has(Capability.MOVES, Capability.CONTIGUOUS_REGION, Capability.FREED_BY_ANY_THREAD)
          .has(Capability.PURGES, Capability.EVICTS)
          .lacks(Capability.DROPS_MAPPINGS, "a mapping costs nothing and is kept until a move")
          .lacks(Capability.SEPARATE_COPIES, "the CPU and importers see the same bytes")
          .lacks(Capability.REVOCABLE, "nobody else has the memory")
          .lacks(Capability.REFUSES_IMPORTERS, "who can read memory can import it")
          .lacks(Capability.SHARED_RESERVATION, "each buffer has its own")
          .lacks(Capability.SHAREABLE, "memory of this process has no file descriptor")
          .build();

  /** The heap {@code memfd:system}: a sealed memory file for each buffer. */
  public static final Capabilities MEMFD = device("memfd:system").build();

  /** The heap {@code udmabuf:system}: dma-bufs over sealed memory files. */
  public static final Capabilities UDMABUF = device("udmabuf:system").build();

  /** The heap {@code dma-heap:system}: dma-bufs of the kernel's own. */
  public static final Capabilities DMA_HEAP = device("dma-heap:system").build();

  /** The heap of {@link io.github.dmabuf4j.tck.exporters.PlainExporter}s. */
  public static final Capabilities KIT_PLAIN = kit("kit:plain").build();

  /** The heap of {@link io.github.dmabuf4j.tck.exporters.MovingExporter}s. */
  public static final Capabilities KIT_MOVING =
      kit("kit:moving")
          .has(Capability.MOVES, Capability.CONTIGUOUS_REGION, Capability.PURGES)
          .has(Capability.REFUSES_IMPORTERS)
          .build();

  /** The heap of {@link io.github.dmabuf4j.tck.exporters.EvictingExporter}s. */
  public static final Capabilities KIT_EVICTING =
      kit("kit:evicting").has(Capability.EVICTS, Capability.PURGES).build();

  /** The heap of {@link io.github.dmabuf4j.tck.exporters.SeparateCopiesExporter}s. */
  public static final Capabilities KIT_SEPARATE_COPIES =
      kit("kit:separate-copies").has(Capability.SEPARATE_COPIES).build();

  /** The heap of {@link io.github.dmabuf4j.tck.exporters.BouncingExporter}s. */
  public static final Capabilities KIT_BOUNCING =
      kit("kit:bouncing").has(Capability.SEPARATE_COPIES).build();

  /** The heap of {@link io.github.dmabuf4j.tck.exporters.RevocableExporter}s. */
  public static final Capabilities KIT_REVOCABLE =
      kit("kit:revocable").has(Capability.REVOCABLE).build();

  private final String name;
  private final Set<Capability> present;
  private final Map<Capability, String> absent;

  private Capabilities(Builder builder) {
    name = builder.name;
    present = Set.copyOf(builder.present);
    absent = Map.copyOf(builder.absent);
  }

  private static Builder offheap(String name) {
    return of(name)
        .has(Capability.HOST_PIECES, Capability.OBSERVABLE, Capability.FREED_BY_ANY_THREAD)
        .has(Capability.PURGES)
        .lacks(Capability.MOVES, "a block stays where its slab is")
        .lacks(Capability.CONTIGUOUS_REGION, "plain buffers lie outside of one")
        .lacks(Capability.EVICTS, "there is no store")
        .lacks(Capability.DROPS_MAPPINGS, "a mapping costs nothing and is kept")
        .lacks(Capability.SEPARATE_COPIES, "the CPU and importers see the same bytes")
        .lacks(Capability.REVOCABLE, "nobody else has the memory")
        .lacks(Capability.REFUSES_IMPORTERS, "who can read memory can import it")
        .lacks(Capability.SHARED_RESERVATION, "each block has its own")
        .lacks(Capability.SHAREABLE, "memory of this process has no file descriptor");
  }

  private static Builder device(String name) {
    return of(name)
        .has(Capability.HOST_PIECES, Capability.OBSERVABLE, Capability.FREED_BY_ANY_THREAD)
        .has(Capability.PURGES, Capability.DROPS_MAPPINGS, Capability.SHAREABLE)
        .lacks(Capability.MOVES, "a file's pages stay where the kernel put them")
        .lacks(Capability.CONTIGUOUS_REGION, "each buffer is a file of its own")
        .lacks(Capability.EVICTS, "a file's pages can't be taken while others may map it")
        .lacks(Capability.SEPARATE_COPIES, "the CPU and importers see the same bytes")
        .lacks(Capability.REVOCABLE, "the heap doesn't take back what it gave")
        .lacks(Capability.REFUSES_IMPORTERS, "who can read memory can import it")
        .lacks(Capability.SHARED_RESERVATION, "each file has its own");
  }

  private static Builder kit(String name) {
    Builder row = of(name);
    for (Capability capability : Capability.values()) {
      row.lacks(capability, ELSEWHERE_IN_THE_KIT);
    }
    return row.has(Capability.HOST_PIECES, Capability.SHARED_RESERVATION, Capability.OBSERVABLE)
        .has(Capability.DROPS_MAPPINGS, Capability.FREED_BY_ANY_THREAD)
        .lacks(Capability.SHAREABLE, "memory of this process has no file descriptor");
  }

  /**
   * Begins a row.
   *
   * @param name what the heap is called in reports
   * @return a builder in which nothing is said yet
   */
  public static Builder of(String name) {
    return new Builder(name);
  }

  /**
   * What the heap is called in reports.
   *
   * @return the name
   */
  public String name() {
    return name;
  }

  /**
   * Whether the heap can do something.
   *
   * @param capability what
   * @return true if it can
   */
  public boolean has(Capability capability) {
    return present.contains(capability);
  }

  /**
   * Why the heap can't do something.
   *
   * @param capability what
   * @return the reason, or an empty string if it can
   */
  public String whyNot(Capability capability) {
    return absent.getOrDefault(capability, "");
  }

  @Override
  public String toString() {
    return name
        + " has "
        + present
        + ", lacks "
        + absent.entrySet().stream()
            .sorted(Map.Entry.comparingByKey())
            .map(entry -> entry.getKey() + " (" + entry.getValue() + ")")
            .collect(Collectors.joining(", "));
  }

  /** A row that isn't complete yet. Not for several threads at once. */
  public static final class Builder {
    private final String name;
    private final Set<Capability> present = EnumSet.noneOf(Capability.class);
    private final Map<Capability, String> absent = new EnumMap<>(Capability.class);

    private Builder(String name) {
      this.name = Objects.requireNonNull(name, "name");
    }

    /**
     * Says what the heap can do.
     *
     * @param capabilities what
     * @return this builder
     */
    public Builder has(Capability... capabilities) {
      for (Capability capability : capabilities) {
        present.add(capability);
        absent.remove(capability);
      }
      return this;
    }

    /**
     * Says what the heap can't do.
     *
     * @param capability what
     * @param reason why not, in a few words: it is printed for each test that doesn't apply
     * @return this builder
     */
    public Builder lacks(Capability capability, String reason) {
      present.remove(capability);
      absent.put(capability, Objects.requireNonNull(reason, "reason"));
      return this;
    }

    /**
     * Ends the row.
     *
     * @return the row
     * @throws IllegalArgumentException if something was said about a capability neither way: names
     *     it
     */
    public Capabilities build() {
      Set<Capability> open = EnumSet.allOf(Capability.class);
      open.removeAll(present);
      open.removeAll(absent.keySet());
      if (!open.isEmpty()) {
        throw new IllegalArgumentException(
            "the row of %s says nothing about %s: say has(…), or lacks(…, why)"
                .formatted(name, open));
      }
      return new Capabilities(this);
    }
  }
}

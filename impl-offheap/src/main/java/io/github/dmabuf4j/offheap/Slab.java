package io.github.dmabuf4j.offheap;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A region of address space and how it is divided: shared by blocks, or all of it one block.
 * Guarded by the lock of the {@link Slabs}, but for what is final, and {@code refused}, which is of
 * whoever is unmapping the slab.
 */
final class Slab {
  final Pool pool;
  final SlabMemory.Region region;

  /** Which pages are in use; null where all of it is one block. */
  final @Nullable PageRuns runs;

  /** Whether it is being unmapped; of a slab that blocks share. */
  boolean leaving;

  /** Whether unmapping it was refused, and that was said. */
  boolean refused;

  Slab(Pool pool, SlabMemory.Region region, @Nullable PageRuns runs) {
    this.pool = pool;
    this.region = region;
    this.runs = runs;
  }

  /** Which pages are in use, of a slab that blocks share. */
  PageRuns sharedRuns() {
    return Objects.requireNonNull(runs, "the slab of one block");
  }
}

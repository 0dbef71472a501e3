package io.github.dmabuf4j;

import io.github.dmabuf4j.spi.SwapStore;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Where a buffer's content is, and whether its owner needs it.
 *
 * <p><b>Invariant.</b> Everything changes under the reservation alone; reports read it without and
 * may be late. At the release nobody is left, and {@link #forgetContent} begins anew. Without a
 * {@link ReclaimState} the content is resident and needed; with one it is resident, or in a store,
 * or gone, and gone it stays (rule CG4). It is in the store from when the exporter has given the
 * memory up until all of it is back in the exporter's new memory: what fails in between leaves it
 * where it was. Nothing is mapped while the content isn't resident, for whoever maps brings it back
 * first.
 *
 * <p>Source: drm_gem_shmem_madvise_locked, drm_gem_shmem_purge_locked; rules CG3 to CG5, CG12;
 * design rules SH2, SH4, SH7.
 */
abstract sealed class BufferContent extends BufferMapping permits BufferPlacement {
  /** What came of an attempt to evict. */
  enum Eviction {
    /** The content is in the store, the memory is the exporter's. */
    DONE,
    /** Somebody uses the buffer, or there is nothing to evict, or the exporter can't. */
    BUSY,
    /** The store had no room, or would have saved too little. */
    REFUSED
  }

  private @Nullable ReclaimState reclaim;

  /** Says who follows it, of whoever has its memory; before the first export. */
  final void setReclaimState(ReclaimState state) {
    reclaim = state;
  }

  /** For whoever has it in a line: until it is taken out. */
  final FollowedState followed() {
    return (FollowedState) Objects.requireNonNull(reclaim);
  }

  /** It has an owner in a moment. By the export, before anybody can refer to it. */
  final void beginContent() {
    ReclaimState state = reclaim;
    if (state != null) {
      state.changed();
    }
  }

  /**
   * Brings content back that is in a store, and counts this as a use.
   *
   * @throws BufferPurgedException if it is gone
   * @throws DmaBufException if there is no room for it, or the store can't give it back
   */
  final void bringBackLocked() {
    ReclaimState state = reclaim;
    if (state == null) {
      return;
    }
    if (state.purged) {
      throw new BufferPurgedException(
          "use",
          "the content of %s was dropped under memory pressure after DONT_NEED was advised: allocate a new buffer"
              .formatted(self().displayName()));
    }
    EvictedContent evicted = state.evicted;
    if (evicted != null) {
      restore(state, evicted);
    }
    state.used();
  }

  private void restore(ReclaimState state, EvictedContent evicted) {
    if (Lockdep.isEnabled()) {
      Lockdep.mayReclaim("using the evicted buffer " + self().displayName());
    }
    RunAll steps = new RunAll();
    exporter().restore();
    steps.run(() -> load(evicted));
    if (steps.failure() != null) {
      steps.run(this::endMapping).run(this::giveUpAgain).finish();
    }
    state.evicted = null;
    state.cameBack();
    evicted.discard(); // last: whoever counts what is stored looks at buffers in their place
  }

  private void load(EvictedContent evicted) {
    long size = self().size();
    var bytes = addUser();
    try {
      exporter().beginCpuAccess(Access.WRITE);
      try {
        evicted.load(bytes.segment(size));
      } finally {
        exporter().endCpuAccess(Access.WRITE);
      }
    } finally {
      dropUser();
    }
  }

  /** What couldn't be filled: the exporter keeps it where somebody is still unmapping. */
  private void giveUpAgain() {
    if (!isUnmapping()) {
      boolean _ = exporter().evict();
    }
  }

  /**
   * Saves the content; the exporter then has to give its memory up. Importers were told, nobody
   * uses the bytes. Where this fails, nothing is in the store.
   *
   * @return null if the store refuses
   */
  final @Nullable EvictedContent saveLocked(SwapStore store) {
    ReclaimState _ = stateLocked(); // once the memory is given up nothing may fail
    EvictedContent content = new EvictedContent(store);
    boolean saved = false;
    try {
      save(content);
      saved = true;
    } finally {
      if (!saved) {
        content.discard();
      }
    }
    return content.isStored() ? content : null;
  }

  private void save(EvictedContent content) {
    var bytes = addUser();
    try {
      exporter().beginCpuAccess(Access.READ);
      try {
        content.store(bytes.segment(self().size()).asReadOnly());
      } finally {
        exporter().endCpuAccess(Access.READ);
      }
    } finally {
      dropUser();
      endMapping();
    }
  }

  /** The content is in a store and nowhere else. */
  final void evictedLocked(EvictedContent content) {
    ReclaimState state = Objects.requireNonNull(reclaim);
    state.evicted = content;
    state.wasStored();
  }

  /** The store didn't take it. */
  final void refusedLocked() {
    ReclaimState state = reclaim;
    if (state != null) {
      state.wasRefused();
    }
  }

  /** Notes whether the content is needed; false if it is gone, which it stays (rule CG4). */
  final boolean adviseContentLocked(Advice advice) {
    boolean dontNeed = advice == Advice.DONT_NEED;
    if (reclaim == null && !dontNeed) {
      return true;
    }
    ReclaimState state = stateLocked();
    if (state.purged) {
      return false;
    }
    if (state.dontNeed != dontNeed) {
      noteAdvice(state, dontNeed);
    }
    return true;
  }

  private static void noteAdvice(ReclaimState state, boolean dontNeed) {
    boolean noted = false;
    state.dontNeed = dontNeed;
    try {
      state.changed();
      noted = true;
    } finally {
      if (!noted) {
        state.dontNeed = !dontNeed;
      }
    }
  }

  private ReclaimState stateLocked() {
    ReclaimState present = reclaim;
    if (present == null) {
      present = ReclaimState.of(self(), exporter().lru());
      reclaim = present;
    }
    return present;
  }

  /** Whether it was offered to reclaim, and neither taken back nor gone. */
  final boolean isNotNeeded() {
    ReclaimState state = reclaim;
    return state != null && state.dontNeed;
  }

  /** Whether there is content that its owner doesn't need, in memory or in a store. */
  final boolean mayBePurgedLocked() {
    ReclaimState state = reclaim;
    return state != null && state.dontNeed && !state.purged;
  }

  /**
   * Drops what is in the store.
   *
   * @return how much room that gave; negative if the content isn't there
   */
  final long purgeStoredLocked() {
    ReclaimState state = Objects.requireNonNull(reclaim);
    EvictedContent stored = state.evicted;
    if (stored == null) {
      return -1;
    }
    long bytes = stored.storedBytes();
    state.evicted = null;
    purgedLocked(bytes);
    stored.discard();
    return bytes;
  }

  /** The content is gone for good: until the memory has another owner. */
  final void purgedLocked(long bytes) {
    ReclaimState state = Objects.requireNonNull(reclaim);
    state.purged = true;
    state.wasDropped(bytes);
  }

  /** The next owner's content is resident and needed. At the release. */
  final void forgetContent() {
    ReclaimState state = reclaim;
    if (state == null) {
      return;
    }
    EvictedContent stored = state.evicted;
    reclaim = state.released();
    if (stored != null) {
      stored.discard();
    }
  }

  /** Where the content is. */
  final BufferObject.Residency residency() {
    ReclaimState state = reclaim;
    return state == null ? BufferObject.Residency.RESIDENT : state.residency();
  }
}

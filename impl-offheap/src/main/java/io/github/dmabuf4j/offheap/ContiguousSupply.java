package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Lockdep;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.offheap.CandidateRanges.Candidate;
import java.lang.System.Logger.Level;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * How a contiguous range is found: what each {@link AllocPolicy} does there (design rule AL2), see
 * {@link io.github.dmabuf4j.ContiguousRegion}. Has no state of its own but for when it reported
 * last; holds no lock while it waits or moves.
 *
 * <p><b>Progress.</b> A pass that doesn't wait avoids, after each range that could not be cleared,
 * the buffer that was in the way, so it ends. Who waits makes such a pass, stays at the cheapest
 * range for a while, and goes on with the next: a buffer that is used all the time isn't waited for
 * alone, and no range is waited for when another is free.
 *
 * <p>Source: mm/cma.c (cma_alloc), mm/page_alloc.c (alloc_contig_range).
 */
final class ContiguousSupply {
  /** How long TRY_HARD goes on, in nanoseconds. */
  static final long TRY_HARD_NANOS = 250_000_000;

  /** How long those who wait stay at one range, in nanoseconds. */
  private static final long RANGE_NANOS = 20_000_000;

  /** How often a pass goes on where others were faster. */
  private static final int RACES = 100;

  private static final System.Logger LOG = System.getLogger(ContiguousSupply.class.getName());

  private final ReservedRegion region;
  private final Pool pool;
  private final WaitReports reports = WaitReports.likeFences();

  ContiguousSupply(ReservedRegion region) {
    this.region = region;
    this.pool = region.pool;
  }

  /** Allocates a buffer that is never moved. */
  DmaBuf allocate(AllocationRequest request) throws InterruptedException {
    boolean patiently = request.policy() != AllocPolicy.NOWAIT;
    if (patiently) {
      Lockdep.mayReclaim("allocating a contiguous range of " + pool.name);
    }
    pool.checkAlignment(request.alignment());
    Request wanted = new Request(request);
    while (true) {
      int shuts = pool.lifecycle.shuts();
      pool.lifecycle.requireOpen(patiently);
      Block found = wanted.obtain();
      if (found != null) {
        return region.export(found, request, true);
      }
      pool.lifecycle.requireOpen(patiently);
      if (!patiently || pool.lifecycle.shuts() == shuts) {
        throw wanted.failed();
      }
      // A close that was refused was in the way.
    }
  }

  /** One request, by its thread. */
  private final class Request {
    private final AllocationRequest request;
    private final int count;
    private final int step;
    private final Clearing clearing = new Clearing(region);

    Request(AllocationRequest request) {
      long pages = SizeClasses.pages(request.size());
      this.request = request;
      this.step = ReservedRegion.stepOf(request.alignment());
      if (!region.couldFit(pages, step)) {
        throw Shortage.neverContiguous(request, region.statistics(), pool.name);
      }
      this.count = (int) pages;
    }

    @Nullable Block obtain() throws InterruptedException {
      return switch (request.policy()) {
        case NOWAIT -> region.place(request.size(), request.alignment(), false);
        case FAIL_FAST -> once();
        case NORMAL -> pass();
        case TRY_HARD -> waiting(TRY_HARD_NANOS);
        case NO_FAIL -> waiting(Long.MAX_VALUE);
      };
    }

    private CandidateRanges ranges() {
      return new CandidateRanges(region.snapshot(), count, step);
    }

    /** FAIL_FAST: the cheapest range in which nobody is seen to use anything. */
    private @Nullable Block once() throws InterruptedException {
      Set<MovableBuffer> avoided = newSet();
      Candidate candidate = cheapestIdle(avoided);
      return candidate == null ? null : clearing.clear(candidate, 0, avoided);
    }

    /** NORMAL: one range after the other, the cheapest first, each buffer in the way once. */
    private @Nullable Block pass() throws InterruptedException {
      Set<MovableBuffer> avoided = newSet();
      for (int races = 0; races < RACES; ) {
        Candidate candidate = cheapestIdle(avoided);
        if (candidate == null) {
          return null;
        }
        int before = avoided.size();
        Block cleared = clearing.clear(candidate, 0, avoided);
        if (cleared != null) {
          return cleared;
        }
        races += avoided.size() == before ? 1 : 0;
      }
      return null;
    }

    /** The cheapest range without those that are to be avoided: all that are seen in use, too. */
    private @Nullable Candidate cheapestIdle(Set<MovableBuffer> avoided) {
      while (true) {
        CandidateRanges ranges = ranges();
        Candidate candidate = ranges.cheapest(avoided);
        if (candidate == null || !avoidBusy(ranges.usersIn(candidate), avoided)) {
          return candidate;
        }
      }
    }

    private boolean avoidBusy(List<PlacedBuffer> users, Set<MovableBuffer> avoided) {
      boolean any = false;
      for (PlacedBuffer user : users) {
        if (user instanceof MovableBuffer buffer && region.migration.isSeenBusy(buffer)) {
          any |= avoided.add(buffer);
        }
      }
      return any;
    }

    /** TRY_HARD and NO_FAIL; null when the time is up, or the pool isn't open. */
    private @Nullable Block waiting(long nanos) throws InterruptedException {
      long start = reports.now();
      Set<MovableBuffer> waitedFor = newSet();
      while (true) {
        Block found = pass();
        long passed = reports.now() - start;
        if (found != null || passed >= nanos || !pool.lifecycle.isOpen()) {
          return found;
        }
        refusePinnedForGood();
        if (reports.begin(start, reports.now())) {
          report(passed);
        }
        if (clearing.hasLackedRoom()) {
          region.compact();
        }
        Candidate candidate = ranges().cheapest(waitedFor);
        if (candidate == null) {
          waitedFor.clear();
          clearing.pause();
        } else {
          found = clearing.clear(candidate, Math.min(RANGE_NANOS, nanos - passed), waitedFor);
          if (found != null) {
            return found;
          }
        }
      }
    }

    private static Set<MovableBuffer> newSet() {
      return Collections.newSetFromMap(new IdentityHashMap<>());
    }

    // ---- what is said ----

    private void refusePinnedForGood() {
      List<PlacedBuffer> pinned = ranges().pinnedForGood();
      if (!pinned.isEmpty()) {
        throw pinnedForGood(pinned);
      }
    }

    private OutOfBuffersException pinnedForGood(List<PlacedBuffer> pinned) {
      return Shortage.pinnedForGood(request, region.statistics(), pool.name, region.infoOf(pinned));
    }

    OutOfBuffersException failed() {
      List<PlacedBuffer> pinned = ranges().pinnedForGood();
      return pinned.isEmpty()
          ? Shortage.notContiguous(request, region.statistics(), describe())
          : pinnedForGood(pinned);
    }

    /** What was wanted, and who was in the way. */
    private String describe() {
      CandidateRanges ranges = ranges();
      Candidate best = ranges.cheapest(Set.of());
      List<PlacedBuffer> inTheWay =
          best == null
              ? ranges.contiguous()
              : ranges.usersIn(best).stream().filter(this::isInTheWay).toList();
      return Shortage.describeContiguous(
          request,
          region.statistics(),
          pool.name,
          best == null ? "each range has a buffer that never moves" : "the best range is in use",
          region.infoOf(inTheWay));
    }

    private boolean isInTheWay(PlacedBuffer user) {
      return user instanceof MovableBuffer buffer && region.migration.isSeenBusy(buffer);
    }

    private void report(long passed) {
      if (request.isQuiet()) {
        return;
      }
      LOG.log(
          Level.WARNING,
          "%s has waited %d s for a contiguous range: %s"
              .formatted(
                  Thread.currentThread(), TimeUnit.NANOSECONDS.toSeconds(passed), describe()));
    }
  }
}

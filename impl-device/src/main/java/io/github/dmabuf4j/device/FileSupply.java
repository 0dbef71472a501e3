package io.github.dmabuf4j.device;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Lockdep;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.device.linux.Descriptor;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * How files are found for an allocation: what each {@link AllocPolicy} does (design rule AL2).
 *
 * <p><b>Invariant: nobody waits for memory while it has some.</b> What is there is taken out in one
 * step under the pool's lock, files that have to be made are charged in the same step, and made
 * without it. Policies that don't wait take what they find, before those who wait; who waits takes
 * all or nothing, in its {@linkplain Turns turn} (design rule AL3).
 *
 * <p><b>Failures.</b> Where the kernel refuses a file, everything idle is closed once, which also
 * gives descriptors back, and it is asked again. What was taken out goes back, and what was charged
 * is refunded, whatever fails.
 *
 * <p><b>Threads.</b> Any. Nothing here waits with the lock but by its conditions.
 */
final class FileSupply {
  private static final System.Logger LOG = System.getLogger(FileSupply.class.getName());

  /** How long TRY_HARD waits for others, in nanoseconds. */
  static final long TRY_HARD_NANOS = 50_000_000;

  /**
   * How often somebody who waits looks again, in nanoseconds: nobody wakes it when content can be
   * dropped, or when nothing is released at all.
   */
  private static final long LOOK_NANOS = 20_000_000;

  /** How often is reclaimed again when others were faster. */
  private static final int RACES = 10;

  final Turns turns;
  private final FilePool pool;
  private final String operation;

  /** As far as it is known; looked at again by who wants more. */
  private volatile BufferFiles.Largest largest;

  FileSupply(FilePool pool) {
    this.pool = pool;
    this.turns = new Turns(pool.lock);
    this.operation = "allocating from " + pool.name;
    this.largest = pool.files.largest();
  }

  /**
   * Allocates one buffer. From an idle file, which most come from: by one step under the pool's
   * lock, and without lists.
   *
   * @param request what
   * @param interruptibly whether waiting ends at an interrupt
   */
  DmaBuf allocate(AllocationRequest request, boolean interruptibly) throws InterruptedException {
    AllocPolicy policy = request.policy();
    checkMayReclaim(policy);
    long bytes = Wanted.fileBytes(request, pool.pageSize);
    DeviceBuffer idle = pool.reuse(bytes, policy == AllocPolicy.NO_FAIL);
    if (idle != null) {
      return begin(request, idle);
    }
    Wanted wanted = new Wanted(request, bytes, 1, policy);
    List<DmaBuf> buffers = allocate(wanted, interruptibly);
    if (buffers.isEmpty()) {
      throw inUse(wanted);
    }
    return buffers.getFirst();
  }

  /** Exports a buffer in a file that was reused for it. */
  private DmaBuf begin(AllocationRequest request, DeviceBuffer file) {
    DmaBuf buffer = null;
    try {
      if (request.content() == AllocationRequest.Content.ZEROED) {
        file.zero();
      }
      buffer = file.export(request);
      return buffer;
    } catch (DmaBufException e) { // it can't be mapped
      throw refused(Wanted.of(request, 1, request.policy(), pool.pageSize), e);
    } finally {
      if (buffer == null) {
        pool.undoReuse(file);
      } else {
        pool.begun();
      }
    }
  }

  private OutOfBuffersException refused(Wanted wanted, DmaBufException cause) {
    return Shortage.refused(wanted, pool.statistics(), pool.name, cause);
  }

  private void checkMayReclaim(AllocPolicy policy) {
    if (policy != AllocPolicy.NOWAIT) {
      Lockdep.mayReclaim(operation);
    }
  }

  /**
   * Allocates one or several.
   *
   * @param wanted what, and how many
   * @param interruptibly whether waiting ends at an interrupt
   * @return as many as the policy says, or as there are
   */
  List<DmaBuf> allocate(Wanted wanted, boolean interruptibly) throws InterruptedException {
    begin(wanted);
    Grant grant =
        switch (wanted.policy()) {
          case NOWAIT, FAIL_FAST, NORMAL -> take(wanted, true, null, false);
          case TRY_HARD -> tryHard(wanted, interruptibly);
          case NO_FAIL -> await(wanted, Long.MAX_VALUE, interruptibly);
        };
    return grant == null ? List.of() : provide(wanted, grant);
  }

  /** What every allocation is checked for. */
  void begin(Wanted wanted) {
    checkMayReclaim(wanted.policy());
    boolean all = wanted.policy() == AllocPolicy.NO_FAIL;
    long bytes = all ? wanted.allBytes() : wanted.bytes();
    requireOpen();
    if (bytes <= 0 || bytes > pool.options.limit()) {
      throw Shortage.neverFits(wanted, pool.statistics(), pool.name);
    }
    if (wanted.bytes() > largest.bytes()) {
      largest = pool.files.largest(); // somebody may have raised it
      if (wanted.bytes() > largest.bytes()) {
        throw Shortage.tooLarge(wanted, pool.statistics(), pool.name, largest);
      }
    }
  }

  private void requireOpen() {
    pool.lock.lock();
    try {
      pool.requireOpen();
    } finally {
      pool.lock.unlock();
    }
  }

  /** The exception for a single buffer that wasn't there. */
  private OutOfBuffersException inUse(Wanted wanted) {
    return Shortage.inUse(
        wanted, pool.statistics(), wanted.request().isQuiet() ? null : pool.info());
  }

  private @Nullable Grant tryHard(Wanted wanted, boolean interruptibly)
      throws InterruptedException {
    Grant now = take(wanted, false, null, false);
    if (now == null && wanted.allBytes() <= pool.options.limit()) {
      now = await(wanted, TRY_HARD_NANOS, interruptibly);
    }
    return now != null ? now : take(wanted, true, null, false);
  }

  // ---- one try ----

  /**
   * Takes out what is wanted, after closing what is idle and reclaiming, as the policy allows.
   *
   * @param partly whether fewer will do
   * @param turn the place of somebody who waits, else null
   * @param stalled whether nothing was released for a while, so that those behind may try
   * @return what was taken out; null if that is nothing
   */
  private @Nullable Grant take(
      Wanted wanted, boolean partly, Turns.@Nullable Turn turn, boolean stalled) {
    boolean mayClose = wanted.policy() != AllocPolicy.NOWAIT;
    boolean exhausted = !mayClose;
    for (int tries = 0; ; tries++) {
      FileList toClose = new FileList();
      long lacking;
      pool.lock.lock();
      try {
        pool.requireOpen();
        if (turn != null && !mayTake(turn, stalled)) {
          return null;
        }
        int reach = reach(wanted, mayClose);
        if (reach >= wanted.count() || (exhausted && partly && reach > 0)) {
          Grant grant = takeOut(wanted, Math.min(reach, wanted.count()), toClose);
          if (grant != null) {
            return grant;
          }
        } else if (mayClose && pool.account.closing() > 0) {
          pool.changed.awaitUninterruptibly();
          continue;
        } else if (exhausted) {
          return null;
        }
        lacking = wanted.allBytes() - reach * wanted.bytes();
      } finally {
        pool.lock.unlock();
      }
      if (toClose.isEmpty()) {
        exhausted = pool.shrinker.scan(lacking, wanted.policy()) == 0 || tries > RACES;
      } else {
        long _ = pool.close(toClose);
      }
    }
  }

  private boolean mayTake(Turns.Turn turn, boolean stalled) {
    return turns.isFirst(turn) || (stalled && !turns.areOthersDue(turn, this::isThere));
  }

  /** How many could be had without waiting for others. Lock held. */
  private int reach(Wanted wanted, boolean mayClose) {
    long room = mayClose ? pool.account.roomBut(wanted.bytes()) : pool.account.room();
    return (int)
        Math.min(wanted.count(), pool.account.idle.count(wanted.bytes()) + room / wanted.bytes());
  }

  private boolean isThere(Wanted wanted) {
    return reach(wanted, true) >= wanted.count();
  }

  /**
   * Takes files out and charges the rest; or, where there isn't room for that yet, takes out what
   * is to be closed first, and returns null. Lock held.
   */
  private @Nullable Grant takeOut(Wanted wanted, int count, FileList toClose) {
    int reused = Math.min(count, pool.account.idle.count(wanted.bytes()));
    int fresh = count - reused;
    long lacking = fresh * wanted.bytes() - pool.account.room();
    if (lacking > 0) {
      pool.account.takeToClose(lacking, wanted.bytes(), toClose);
      return null;
    }
    Grant grant = new Grant(wanted.bytes()); // before anything is taken out
    pool.account.fill(grant, reused, fresh);
    return grant;
  }

  // ---- waiting ----

  private @Nullable Grant await(Wanted wanted, long nanos, boolean interruptibly)
      throws InterruptedException {
    Turns.Turn turn = turns.join(wanted);
    try {
      return await(turn, nanos, interruptibly);
    } finally {
      turns.leave(turn);
    }
  }

  /** All that was wanted, or null when the time is up. */
  private @Nullable Grant await(Turns.Turn turn, long nanos, boolean interruptibly)
      throws InterruptedException {
    boolean interrupted = false;
    boolean stalled = false;
    try {
      while (true) {
        long left = nanos - (System.nanoTime() - turn.since);
        long seen = wakeUps(turn);
        Grant grant = left > 0 ? take(turn.wanted, false, turn, stalled) : null;
        if (grant != null || left <= 0) {
          return grant;
        }
        try {
          stalled = sleep(turn, seen, Math.min(left, LOOK_NANOS));
        } catch (InterruptedException e) {
          if (interruptibly) {
            throw e;
          }
          interrupted = true;
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** The number of releases before a look; and says that somebody waits, if that is due. */
  private long wakeUps(Turns.Turn turn) {
    boolean report;
    int behind;
    long seen;
    pool.lock.lock();
    try {
      report = turns.beginReport(turn);
      behind = turns.behind();
      seen = turns.wakeUps();
    } finally {
      pool.lock.unlock();
    }
    if (report) {
      LOG.log(
          Level.WARNING,
          "%s has waited %d s for memory of %s%s: %s"
              .formatted(
                  Thread.currentThread(),
                  TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - turn.since),
                  pool.name,
                  behind > 0 ? ", " + behind + " more behind it" : "",
                  Shortage.describe(turn.wanted, pool.statistics(), pool.info())));
    }
    return seen;
  }

  /** True if nothing was released since the look. */
  private boolean sleep(Turns.Turn turn, long seen, long nanos) throws InterruptedException {
    long left = nanos;
    pool.lock.lockInterruptibly();
    try {
      while (turns.wakeUps() == seen && left > 0) {
        left = turn.condition.awaitNanos(left);
      }
      return turns.wakeUps() == seen;
    } finally {
      pool.lock.unlock();
    }
  }

  /** Allocates one when it is the turn of somebody who is in line, and takes it off the line. */
  DmaBuf allocateInTurn(Turns.Turn turn) throws InterruptedException {
    Grant grant;
    try {
      grant = await(turn, Long.MAX_VALUE, true);
    } finally {
      turns.leave(turn);
    }
    if (grant == null) {
      throw new AssertionError("a patient wait ended while " + pool.name + " is open");
    }
    return provide(turn.wanted, grant).getFirst();
  }

  // ---- what was taken out becomes buffers ----

  private List<DmaBuf> provide(Wanted wanted, Grant grant) {
    try {
      complete(wanted, grant);
      return export(wanted.request(), grant);
    } finally {
      pool.putBack(grant); // what is left: nothing, if all went well
    }
  }

  /** Zeroes what has to be, and makes what is missing, or a part of it where that will do. */
  private void complete(Wanted wanted, Grant grant) {
    boolean clean = false;
    try {
      if (wanted.request().content() == AllocationRequest.Content.ZEROED) {
        for (DeviceBuffer file = grant.files.first(); file != null; file = file.next) {
          file.zero();
        }
      }
      clean = true;
      while (grant.missing > 0) {
        grant.made(make(wanted));
      }
    } catch (DmaBufException e) { // the system refused
      if (!clean || grant.files.isEmpty() || wanted.policy() == AllocPolicy.NO_FAIL) {
        throw refused(wanted, e);
      }
    }
  }

  private DeviceBuffer make(Wanted wanted) {
    Descriptor file = create(wanted);
    DeviceBuffer buffer = null;
    try {
      buffer = new DeviceBuffer(pool, file, wanted.bytes());
      return buffer;
    } finally {
      if (buffer == null) {
        file.close();
      }
    }
  }

  private Descriptor create(Wanted wanted) {
    try {
      return pool.files.create(wanted.bytes());
    } catch (DmaBufException e) {
      if (wanted.policy() == AllocPolicy.NOWAIT || pool.trim() == 0) {
        throw e;
      }
      return pool.files.create(wanted.bytes());
    }
  }

  private List<DmaBuf> export(AllocationRequest request, Grant grant) {
    List<DmaBuf> buffers = new ArrayList<>(grant.files.count()); // adding won't fail
    boolean done = false;
    try {
      for (DeviceBuffer next = grant.files.first(); next != null; next = grant.files.first()) {
        pool.beginLife(grant);
        buffers.add(export(request, next));
      }
      done = true;
      return buffers;
    } finally {
      if (!done) {
        closeAll(buffers);
      }
    }
  }

  /** Each, whatever is thrown for another: nobody else has them. Needs no Java heap. */
  private static void closeAll(List<DmaBuf> buffers) {
    for (int i = 0; i < buffers.size(); i++) {
      DmaBuf buffer = buffers.get(i);
      try {
        buffer.close();
      } catch (RuntimeException | Error e) {
        Failures.log(LOG, "closing", buffer, e);
      }
    }
  }

  private DmaBuf export(AllocationRequest request, DeviceBuffer file) {
    DmaBuf buffer = null;
    try {
      buffer = file.export(request);
      return buffer;
    } finally {
      if (buffer == null) {
        pool.release(file);
      } else {
        pool.begun();
      }
    }
  }
}

package io.github.dmabuf4j.device;

import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.BufferLru;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.HeapStatistics;
import io.github.dmabuf4j.spi.Exporter;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The files of a heap. How they are found for an allocation is with {@link FileSupply}, how many
 * bytes they have with {@link FileAccount}.
 *
 * <p><b>The end</b> (design rule AL11).
 *
 * <pre>
 *   OPEN ──close, nothing live──▶ DRAINING ──nothing live, nothing committed──▶ ENDING ──▶ CLOSED
 *     └──drain─────────────────────▲
 * </pre>
 *
 * No allocation begins unless it is OPEN. While it is DRAINING, nothing becomes idle, and who
 * releases a buffer closes its file itself. ENDING is for the one thread that closes where the
 * files came from.
 *
 * <p><b>Failures.</b> What is taken out of the account goes back to it, or leaves it, whatever
 * fails meanwhile: a file that can't be closed counts as closed, and is logged. So who waits for
 * others who close isn't left waiting, and an ended pool gets CLOSED. Releasing a buffer, and
 * ending the pool after it, need no Java heap.
 *
 * <p><b>Locks.</b> {@code lock} guards the account and the turns, and is held for a short time: no
 * system call is made with it, no method of a buffer called, nobody waited for but by its
 * conditions. It is taken inside of reservations, and nothing inside of it. {@code changed} is
 * signaled to all whenever something leaves the account, or a grant.
 *
 * <p><b>Threads.</b> Any.
 */
final class FilePool {
  private static final System.Logger LOG = System.getLogger(FilePool.class.getName());

  private enum State {
    OPEN,
    DRAINING,
    ENDING,
    CLOSED
  }

  final String name;
  final BufferFiles files;
  final DeviceOptions options;
  final long pageSize;
  final IdleMappings mappings;
  final BufferLru lru = new BufferLru();
  final DeviceShrinker shrinker = new DeviceShrinker(this);
  final FileSupply supply;

  /** Put around each exporter: by tests, before the first allocation. */
  UnaryOperator<Exporter> around = UnaryOperator.identity();

  final ReentrantLock lock = new ReentrantLock();
  final Condition changed = lock.newCondition();
  final FileAccount account;
  private volatile State state = State.OPEN;

  /** How many threads wait to learn what becomes of files that are in nobody's hands. */
  private final AtomicInteger onlookers = new AtomicInteger();

  /**
   * Begins with no file.
   *
   * @param files where they come from; closed with the pool
   * @param options limits
   */
  FilePool(BufferFiles files, DeviceOptions options) {
    this.name = files.heapName();
    this.files = files;
    this.options = options;
    this.pageSize = files.pageSize();
    this.mappings = new IdleMappings(options.mappings());
    this.account = new FileAccount(options);
    this.supply = new FileSupply(this); // looks at what is above
  }

  // ---- allocation ----

  /** Refuses what comes too late. Lock held. */
  void requireOpen() {
    if (state != State.OPEN) {
      throw new IllegalStateException(name + " is closed: it gives no more buffers");
    }
  }

  /**
   * An idle file for a buffer, which is live from now on.
   *
   * @param wanted how many bytes it has at least
   * @param inTurn whether those who wait come first
   * @return null if there is none, or somebody comes first
   * @throws IllegalStateException if the pool has ended
   */
  @Nullable DeviceBuffer reuse(long wanted, boolean inTurn) {
    lock.lock();
    try {
      requireOpen();
      return inTurn && !supply.turns.isEmpty() ? null : account.reuse(wanted);
    } finally {
      lock.unlock();
    }
  }

  /** A file that was reused gets no buffer after all. */
  void undoReuse(DeviceBuffer file) {
    boolean isLeft;
    lock.lock();
    try {
      account.undoReuse(file, state == State.OPEN);
      isLeft = account.hasRetired();
      giveWay();
    } finally {
      lock.unlock();
    }
    closeWhatIsLeft(isLeft);
  }

  /** The first file of a grant has an owner from now on. */
  void beginLife(Grant grant) {
    lock.lock();
    try {
      account.beginLife(grant);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** What is left in a grant isn't used after all. */
  void putBack(Grant grant) {
    if (grant.isEmpty()) {
      return;
    }
    boolean isLeft;
    lock.lock();
    try {
      account.putBack(grant, state == State.OPEN);
      isLeft = account.hasRetired();
      giveWay();
    } finally {
      lock.unlock();
    }
    closeWhatIsLeft(isLeft);
  }

  /** The buffer of a live file is in use from now on. Without the lock, unless somebody waits. */
  void begun() {
    VarHandle.fullFence(); // partner: tryEnd counts itself in, then looks at the buffers
    if (onlookers.get() == 0) {
      return;
    }
    lock.lock();
    try {
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  // ---- giving back ----

  /**
   * A buffer has ended.
   *
   * @throws IllegalStateException if it has ended before
   */
  void release(DeviceBuffer buffer) {
    boolean isLeft;
    lock.lock();
    try {
      account.endLife(buffer, state == State.OPEN);
      isLeft = account.hasRetired();
      giveWay();
    } finally {
      lock.unlock();
    }
    closeWhatIsLeft(isLeft);
  }

  /** A buffer lives on without memory. */
  void giveUp(DeviceBuffer buffer) {
    tryClose(buffer);
    lock.lock();
    try {
      account.giveUp(buffer);
      giveWay();
    } finally {
      lock.unlock();
    }
  }

  /** Somebody else may go on. Lock held. */
  private void giveWay() {
    changed.signalAll();
    supply.turns.wakeFirst();
  }

  /** Sees to it that what was retired is closed: by the timer, or here if the pool ends. */
  private void closeWhatIsLeft(boolean isLeft) {
    if (state != State.OPEN) {
      long _ = closeRetired();
    } else if (isLeft) {
      DeviceTimer.soon(this);
    }
  }

  /** Closes what was retired. */
  long closeRetired() {
    long bytes = 0;
    for (DeviceBuffer file = takeRetired(); file != null; file = takeRetired()) {
      bytes += close(file);
    }
    endIfDrained();
    return bytes;
  }

  private @Nullable DeviceBuffer takeRetired() {
    lock.lock();
    try {
      return account.takeRetired();
    } finally {
      lock.unlock();
    }
  }

  /** Closes files that were taken out to be closed. */
  long close(FileList taken) {
    long bytes = 0;
    for (DeviceBuffer file = taken.takeFirst(); file != null; file = taken.takeFirst()) {
      bytes += close(file);
    }
    endIfDrained();
    return bytes;
  }

  /** Closes a file that was taken out for that; it has left the account then, whatever fails. */
  private long close(DeviceBuffer file) {
    tryClose(file);
    lock.lock();
    try {
      account.closed(file);
      giveWay();
    } finally {
      lock.unlock();
    }
    return file.bytes;
  }

  private static void tryClose(DeviceBuffer file) {
    try {
      file.close();
    } catch (RuntimeException | Error e) {
      Failures.log(LOG, "closing", file, e);
    }
  }

  /** Closes all that is idle, and waits for others who are closing some. */
  long trim() {
    FileList taken = new FileList();
    lock.lock();
    try {
      account.takeToClose(Long.MAX_VALUE, 0, taken);
    } finally {
      lock.unlock();
    }
    long bytes = close(taken);
    lock.lock();
    try {
      while (account.closing() > 0) {
        changed.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
    return bytes;
  }

  /** Closes what has lain idle since the last tick. */
  void tick() {
    FileList old = new FileList();
    lock.lock();
    try {
      account.tick(old);
    } finally {
      lock.unlock();
    }
    long _ = close(old);
    long _ = closeRetired();
  }

  // ---- pins ----

  /**
   * A buffer is pinned for the first term. Its reservation is held.
   *
   * @throws io.github.dmabuf4j.DmaBufException if the limit is in the way
   */
  void pin(DeviceBuffer buffer) {
    boolean fits;
    lock.lock();
    try {
      fits = account.tryPin(buffer);
    } finally {
      lock.unlock();
    }
    if (!fits) {
      throw Shortage.pinned(buffer, statistics(), info());
    }
  }

  /** A buffer isn't pinned any more. */
  void unpin(DeviceBuffer buffer) {
    lock.lock();
    try {
      account.unpin(buffer);
    } finally {
      lock.unlock();
    }
  }

  // ---- figures ----

  /** The figures now, all of the same instant. */
  HeapStatistics statistics() {
    lock.lock();
    try {
      return account.statistics();
    } finally {
      lock.unlock();
    }
  }

  /** The files of buffers that live or are in quarantine, in the order of allocation. */
  List<DeviceBuffer> live() {
    lock.lock();
    try {
      List<DeviceBuffer> live = new ArrayList<>(account.live.count());
      for (DeviceBuffer file = account.live.first(); file != null; file = file.next) {
        live.add(file);
      }
      return live;
    } finally {
      lock.unlock();
    }
  }

  /** The buffers that live or are in quarantine. */
  BufInfo info() {
    return new BufInfo(
        name,
        live().stream()
            .map(buffer -> buffer.object)
            .filter(BufferObject::isReferenced)
            .map(BufferObject::info)
            .toList());
  }

  // ---- the end ----

  /** Whether no allocation will succeed any more. */
  boolean hasEnded() {
    return state != State.OPEN;
  }

  /** Whether all has gone back. */
  boolean hasClosed() {
    return state == State.CLOSED;
  }

  /** Closes, if nothing is live. */
  void close() {
    FileList taken = new FileList();
    while (!tryEnd(taken)) {
      BufInfo holders = info();
      if (!holders.buffers().isEmpty()) { // else the last one has gone meanwhile
        throw new IllegalStateException(
            "%s has %d live buffers: close them first, or call drain; %s"
                .formatted(name, holders.buffers().size(), holders.holders()));
      }
    }
    long _ = close(taken);
    awaitClosing();
  }

  /**
   * Ends it; false if somebody has a buffer. What is being made, zeroed for an allocation, or given
   * back just now is waited for: until it is in somebody's hands, or isn't live.
   */
  private boolean tryEnd(FileList taken) {
    lock.lock();
    onlookers.incrementAndGet();
    try {
      while (!account.isUnused() && !account.isAnyReferenced()) {
        changed.awaitUninterruptibly();
      }
      if (!account.isUnused()) {
        return false;
      }
      endAllocations();
      account.takeToClose(Long.MAX_VALUE, 0, taken);
      return true;
    } finally {
      onlookers.decrementAndGet();
      lock.unlock();
    }
  }

  /** None begins from now on. Lock held. */
  private void endAllocations() {
    if (state == State.OPEN) {
      state = State.DRAINING;
      supply.turns.wakeAll();
    }
  }

  private void awaitClosing() {
    lock.lock();
    try {
      while (state != State.CLOSED) {
        changed.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Refuses allocations from now on; the last release gives the memory back. */
  void beginDraining() {
    lock.lock();
    try {
      endAllocations();
    } finally {
      lock.unlock();
    }
    long _ = trim();
  }

  /** Refuses allocations and waits for the users; false if some were left. */
  boolean drain(long nanos) throws InterruptedException {
    beginDraining();
    long left = nanos;
    lock.lockInterruptibly();
    try {
      while (state != State.CLOSED && left > 0) {
        left = changed.awaitNanos(left);
      }
      return state == State.CLOSED;
    } finally {
      lock.unlock();
    }
  }

  private void endIfDrained() {
    if (state != State.DRAINING) {
      return;
    }
    lock.lock();
    try {
      if (state != State.DRAINING || !account.isEmpty()) {
        return;
      }
      state = State.ENDING;
    } finally {
      lock.unlock();
    }
    try {
      files.close(); // before anybody is told
    } catch (RuntimeException | Error e) {
      Failures.log(LOG, "closing", name, e);
    } finally {
      end();
    }
  }

  private void end() {
    lock.lock();
    try {
      state = State.CLOSED;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }
}

package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.KIB;
import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.FragmentationMap;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.Job;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.Pin;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * One thread of the {@link SoakTest}. It keeps some buffers, each with a stamp in every page that
 * no other buffer has; whoever closes a buffer looks first whether the stamps are still there.
 *
 * <p><b>Threads.</b> {@link #run} by one; {@link #closeAll} after it has ended.
 */
final class SoakWorker implements Runnable {
  /** What a worker has at most, before it allocates once more. */
  private static final long MOST_BYTES = 96 * MIB;

  private static final int MOST_BUFFERS = 200;
  private static final int MOST_PENDING = 4;

  /** The largest buffer that is given to the other thread, or allocated with NO_FAIL. */
  private static final long SMALL = 64 * KIB;

  /** A little more than the largest size class. */
  private static final long LARGEST = 65 * MIB;

  private static final AtomicLong STAMPS = new AtomicLong(1);
  private static final List<AllocPolicy> POLICIES = List.of(AllocPolicy.values());

  /** What is done, each as often as its weight says. */
  private enum Step {
    ALLOCATE(30),
    LATER(5),
    BULK(2),
    CONTIGUOUS(3),
    CLOSE(25),
    DUPLICATE(6),
    GIVE(10),
    TAKE(10),
    PIN(5),
    FENCE(3),
    SIGNAL(3),
    INTERRUPT(2),
    COMPACT(1),
    TRIM(1),
    LOOK(1);

    private final int weight;

    Step(int weight) {
      this.weight = weight;
    }

    static Step next(Random dice) {
      int left = dice.nextInt(107);
      for (Step step : values()) {
        left -= step.weight;
        if (left < 0) {
          return step;
        }
      }
      throw new AssertionError("the weights' sum is 107");
    }
  }

  /** How often each step came to its end, by all workers. */
  static final class Account {
    private final Map<Step, AtomicLong> steps = new EnumMap<>(Step.class);

    Account() {
      for (Step step : Step.values()) {
        steps.put(step, new AtomicLong());
      }
    }

    private void count(Step step) {
      steps.get(step).incrementAndGet();
    }

    void assertEverythingHappened() {
      assertThat(steps).allSatisfy((step, count) -> assertThat(count).hasPositiveValue());
    }
  }

  /** A buffer with its stamp. */
  static final class Owned {
    private final DmaBuf buffer;
    private final long stamp = STAMPS.incrementAndGet();
    private @Nullable Pin pin;

    /** Stamps a buffer whose content isn't known. */
    Owned(DmaBuf buffer) {
      this.buffer = buffer;
      try (Hold hold = buffer.hold()) {
        forEachPlace(hold.segment(), (bytes, at) -> bytes.set(LONG, at, stamp));
      }
    }

    long bytes() {
      return buffer.size();
    }

    private void check() {
      try (Hold hold = buffer.hold()) {
        forEachPlace(hold.segment(), (bytes, at) -> expect(stamp, bytes.get(LONG, at), at));
      }
    }

    private void unpin() {
      if (pin != null) {
        RegionFixture.unpin(buffer, pin);
        pin = null;
      }
    }

    void checkAndClose() {
      unpin();
      check();
      buffer.close();
    }
  }

  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;

  private interface Place {
    void at(MemorySegment bytes, long offset);
  }

  private static void forEachPlace(MemorySegment bytes, Place place) {
    for (long at = 0; at + 8 <= bytes.byteSize(); at += SizeClasses.PAGE) {
      place.at(bytes, at);
    }
  }

  private static void expect(long wanted, long found, long offset) {
    if (wanted != found) {
      throw new AssertionError(
          "wanted the stamp %d at %d, found %d: somebody else writes there"
              .formatted(wanted, offset, found));
    }
  }

  /** A buffer that is closed, and the job that keeps its memory from being used again. */
  private record Pending(Job job, long bytes) {}

  /** Set before the threads start. */
  @Nullable Thread other;

  private final PooledHeap heap;
  private final Random dice;
  private final long end;
  private final Queue<Owned> between;
  private final AtomicReference<Throwable> failure;
  private final Account done;
  private final List<Owned> own = new ArrayList<>();
  private final Deque<Pending> pending = new ArrayDeque<>();
  private long bytes;

  /**
   * Prepares.
   *
   * @param end when to stop, as {@link System#nanoTime} has it
   * @param between what one worker gives to the other; of bounded capacity
   * @param failure where the first failure goes, which ends all
   */
  SoakWorker(
      PooledHeap heap,
      long seed,
      long end,
      Queue<Owned> between,
      AtomicReference<Throwable> failure,
      Account done) {
    this.heap = heap;
    this.dice = new Random(seed);
    this.end = end;
    this.between = between;
    this.failure = failure;
    this.done = done;
  }

  @Override
  public void run() {
    try {
      while (System.nanoTime() - end < 0 && failure.get() == null) {
        attempt(Step.next(dice));
      }
    } catch (Throwable e) {
      failure.compareAndSet(null, e);
    }
  }

  /** Checks and closes everything. */
  void closeAll() {
    while (!own.isEmpty()) {
      remove().checkAndClose();
    }
    pending.forEach(one -> one.job.signal());
  }

  private void attempt(Step step) {
    try {
      if (perform(step)) {
        done.count(step);
      }
    } catch (OutOfBuffersException e) {
      assertThat(e.committedBytes()).isLessThanOrEqualTo(heap.limitBytes());
    } catch (InterruptedException e) {
      // As wanted: nothing was allocated.
    }
    if (dice.nextBoolean()) {
      boolean _ = Thread.interrupted();
    }
  }

  private boolean perform(Step step) throws InterruptedException {
    return switch (step) {
      case ALLOCATE -> allocate();
      case LATER -> allocateLater();
      case BULK -> allocateBulk();
      case CONTIGUOUS -> allocateContiguous();
      case CLOSE -> close();
      case DUPLICATE -> duplicate();
      case GIVE -> give();
      case TAKE -> take();
      case PIN -> pin();
      case FENCE -> fence();
      case SIGNAL -> signal();
      case INTERRUPT -> interrupt();
      case COMPACT -> heap.contiguousRegion().orElseThrow().compact() >= 0;
      case TRIM -> heap.trim() >= 0;
      case LOOK -> look();
    };
  }

  // ---- allocation ----

  /** All powers of two are as likely: most buffers are small, most bytes are in large ones. */
  private long size(long most) {
    long bound = Math.min(most, 32L << dice.nextInt(23));
    return 8 + dice.nextLong(bound);
  }

  private AllocationRequest request(long most) {
    AllocPolicy policy = POLICIES.get(dice.nextInt(POLICIES.size()));
    long size = size(policy == AllocPolicy.NO_FAIL ? Math.min(SMALL, most) : most);
    AllocationRequest.Builder request = AllocationRequest.of(size).policy(policy);
    if (dice.nextInt(8) == 0) {
      request.alignment(SizeClasses.PAGE << dice.nextInt(10));
    }
    if (dice.nextBoolean()) {
      request.uninitialized();
    }
    if (size <= MIB && dice.nextInt(3) == 0) {
      request.movable();
    }
    return request.build();
  }

  /** Closes what is too much, and ends jobs where these have all of it. */
  private void makeRoom() {
    while (bytes > MOST_BYTES || own.size() > MOST_BUFFERS) {
      boolean _ = close() || signal();
    }
  }

  private boolean allocate() throws InterruptedException {
    makeRoom();
    AllocationRequest request = request(LARGEST);
    keep(heap.allocate(request), request);
    return true;
  }

  private boolean allocateLater() {
    makeRoom();
    AllocationRequest request = request(SMALL);
    CompletableFuture<DmaBuf> later = heap.allocateAsync(request);
    if (!later.cancel(false) && !later.isCompletedExceptionally()) {
      keep(later.join(), request);
      return true;
    }
    return false;
  }

  private boolean allocateBulk() throws InterruptedException {
    makeRoom();
    AllocationRequest request = request(SMALL);
    for (DmaBuf buffer : heap.allocateBulk(request, 1 + dice.nextInt(32))) {
      keep(buffer, request);
    }
    return true;
  }

  private boolean allocateContiguous() throws InterruptedException {
    makeRoom();
    AllocationRequest request = request(4 * MIB);
    keep(heap.contiguousRegion().orElseThrow().allocateContiguous(request), request);
    return true;
  }

  private void keep(DmaBuf buffer, AllocationRequest request) {
    assertThat(buffer.size()).isEqualTo(request.size());
    try (Hold hold = buffer.hold()) {
      assertThat(hold.address() % request.alignment()).isZero();
      if (request.content() == AllocationRequest.Content.ZEROED) {
        forEachPlace(hold.segment(), (bytes, at) -> expect(0, bytes.get(LONG, at), at));
      }
    }
    add(new Owned(buffer));
  }

  private void add(Owned owned) {
    own.add(owned);
    bytes += owned.bytes();
  }

  private Owned remove() {
    int which = dice.nextInt(own.size());
    Owned owned = own.get(which);
    own.set(which, own.getLast());
    own.removeLast();
    bytes -= owned.bytes();
    return owned;
  }

  // ---- use ----

  private boolean close() {
    if (own.isEmpty()) {
      return false;
    }
    remove().checkAndClose();
    return true;
  }

  /** The last of two handles keeps the bytes. */
  private boolean duplicate() {
    if (own.isEmpty()) {
      return false;
    }
    Owned owned = own.get(dice.nextInt(own.size()));
    try (DmaBuf twin = owned.buffer.dup();
        Hold hold = twin.hold()) {
      forEachPlace(hold.segment(), (bytes, at) -> expect(owned.stamp, bytes.get(LONG, at), at));
    }
    return true;
  }

  private boolean give() {
    if (own.isEmpty()) {
      return false;
    }
    Owned owned = remove();
    owned.unpin();
    if (owned.bytes() <= SMALL && between.offer(owned)) {
      return true;
    }
    add(owned);
    return false;
  }

  private boolean take() {
    Owned given = between.poll();
    if (given != null) {
      given.checkAndClose();
    }
    return given != null;
  }

  /** Pins, or unpins. */
  private boolean pin() {
    if (own.isEmpty()) {
      return false;
    }
    Owned owned = own.get(dice.nextInt(own.size()));
    if (owned.pin != null) {
      owned.unpin();
      return true;
    }
    try {
      owned.pin =
          RegionFixture.pin(owned.buffer, dice.nextInt(4) == 0 ? Pin.Term.LONG : Pin.Term.SHORT);
      return true;
    } catch (DmaBufException e) { // a long-term pin moves it out of the region first
      assertThat(e.errno().orElseThrow()).isIn(Errno.EBUSY, Errno.ENOMEM); // or finds no room
      return false;
    }
  }

  /** Closes a buffer that a job still uses. */
  private boolean fence() throws InterruptedException {
    if (own.isEmpty() || pending.size() == MOST_PENDING) {
      return false;
    }
    Owned owned = remove();
    owned.unpin();
    owned.check();
    try {
      pending.add(
          new Pending(Job.named("soak").writes(owned.buffer).publish(), owned.buffer.size()));
      bytes += owned.bytes();
    } finally {
      owned.buffer.close();
    }
    return true;
  }

  private boolean signal() {
    Pending first = pending.poll();
    if (first == null) {
      return false;
    }
    bytes -= first.bytes;
    first.job.signal();
    return true;
  }

  private boolean interrupt() {
    if (other != null) {
      other.interrupt();
    }
    return true;
  }

  /** Reads the figures, which must make sense at any time. */
  private boolean look() {
    assertThat(heap.statistics().committedBytes()).isLessThanOrEqualTo(heap.limitBytes());
    FragmentationMap map = heap.contiguousRegion().orElseThrow().map();
    assertThat(map.runs().stream().mapToLong(FragmentationMap.Run::byteSize).sum())
        .isEqualTo(map.byteSize());
    assertThat(heap.info().buffers()).hasSizeLessThan(1000);
    return true;
  }
}

package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.RegionFixture.inRegion;
import static io.github.dmabuf4j.offheap.RegionFixture.pin;
import static io.github.dmabuf4j.offheap.RegionFixture.regionOf;
import static io.github.dmabuf4j.offheap.RegionFixture.unpin;
import static io.github.dmabuf4j.offheap.TestMemory.KIB;
import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.RegionStatistics;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Many contiguous requests, one after the other, against a region that is 70 % full of movable
 * buffers of which others pin and unpin one in a hundred: none fails under TRY_HARD, and nobody
 * loses a byte.
 */
final class ContiguousScenarioTest {
  private static final System.Logger LOG = System.getLogger(ContiguousScenarioTest.class.getName());
  private static final int REQUESTS = 500;
  private static final int PINNERS = 2;
  private static final long REGION = 64 * MIB;

  @RegisterExtension final HeapGuard heaps = new HeapGuard();

  private final ConcurrentLinkedQueue<Throwable> mistakes = new ConcurrentLinkedQueue<>();
  private volatile boolean over;

  /** One thread, which has some buffers pinned at each moment, each for a short time. */
  private final class Pinner implements Runnable {
    private record Pinned(DmaBuf buffer, Pin pin) {}

    private final List<DmaBuf> own;
    private final int pinnedAtOnce;
    private final Random dice;

    Pinner(List<DmaBuf> own, int pinnedAtOnce, int number) {
      this.own = own;
      this.pinnedAtOnce = pinnedAtOnce;
      this.dice = new Random(number);
    }

    @Override
    public void run() {
      Deque<Pinned> pinned = new ArrayDeque<>();
      try {
        while (!over) {
          DmaBuf buffer = own.get(dice.nextInt(own.size()));
          pinned.add(new Pinned(buffer, pin(buffer, Pin.Term.SHORT)));
          if (pinned.size() > pinnedAtOnce) {
            Pinned oldest = pinned.remove();
            unpin(oldest.buffer, oldest.pin);
          }
          LockSupport.parkNanos(100_000); // its pace
        }
      } catch (Throwable e) {
        mistakes.add(e);
      } finally {
        pinned.forEach(one -> unpin(one.buffer, one.pin));
      }
    }
  }

  private static void stamp(DmaBuf buffer, int value) {
    try (Hold hold = buffer.hold()) {
      for (long at = 0; at < buffer.size(); at += 8) {
        hold.segment().set(ValueLayout.JAVA_LONG, at, value + at);
      }
    }
  }

  private static void check(DmaBuf buffer, int value) {
    try (Hold hold = buffer.hold()) {
      for (long at = 0; at < buffer.size(); at += 8) {
        if (hold.segment().get(ValueLayout.JAVA_LONG, at) != value + at) {
          throw new AssertionError("buffer " + value + " was changed at " + at);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void al2_tryHard_servesEachRequest_beside70PercentMovable_and1PercentPinned(TestMemory memory)
      throws Exception {
    PooledHeap heap = heaps.openContiguous(memory, REGION + 8 * MIB, REGION);
    Random dice = new Random(1);
    List<DmaBuf> movables = scatter(heap, dice);
    List<DmaBuf> lasting = movables.subList(0, movables.size() / 2);
    List<DmaBuf> changing = movables.subList(movables.size() / 2, movables.size());
    List<Thread> pinners = new ArrayList<>();
    for (int i = 0; i < PINNERS; i++) {
      int pinnedAtOnce = Math.max(1, movables.size() / 100 / PINNERS);
      pinners.add(Thread.ofPlatform().start(new Pinner(lasting, pinnedAtOnce, i)));
    }
    int failures = request(heap, lasting.size(), changing, dice);
    over = true;
    for (Thread pinner : pinners) {
      pinner.join();
    }
    assertThat(mistakes).isEmpty();
    assertThat(failures).isZero();
    for (int i = 0; i < movables.size(); i++) {
      check(movables.get(i), i);
      movables.get(i).close();
    }
    RegionStatistics now = regionOf(heap).statistics();
    assertThat(now.moves()).isPositive();
    assertThat(now.freeBytes()).isEqualTo(REGION);
  }

  /** Movable buffers all over the region, with holes between them. */
  private static List<DmaBuf> scatter(PooledHeap heap, Random dice) {
    List<DmaBuf> all = new ArrayList<>();
    while (regionOf(heap).statistics().freeBytes() >= 128 * KIB) {
      all.add(inRegion(heap, sizeOfMovable(dice)));
    }
    Collections.shuffle(all, dice);
    while (regionOf(heap).statistics().movableBytes() > REGION * 7 / 10) {
      all.removeLast().close();
    }
    for (int i = 0; i < all.size(); i++) {
      stamp(all.get(i), i);
    }
    return all;
  }

  private static long sizeOfMovable(Random dice) {
    return 4 * KIB * (1 + dice.nextInt(32));
  }

  /** Closes some movable buffers, and makes others that lie elsewhere. */
  private static void change(PooledHeap heap, List<DmaBuf> changing, int first, Random dice) {
    for (int i = 0; i < 20; i++) {
      int which = dice.nextInt(changing.size());
      long size = changing.get(which).size();
      changing.get(which).close();
      changing.set(which, inRegion(heap, size));
      stamp(changing.get(which), first + which);
    }
  }

  /** Makes the requests, and keeps some buffers at a time. Returns how many failed. */
  private static int request(PooledHeap heap, int lastingCount, List<DmaBuf> changing, Random dice)
      throws InterruptedException {
    int failures = 0;
    long[] nanos = new long[REQUESTS];
    Deque<DmaBuf> kept = new ArrayDeque<>();
    for (int i = 0; i < REQUESTS; i++) {
      long size = 256 * KIB * (1 + dice.nextInt(16));
      AllocationRequest request =
          AllocationRequest.of(size).policy(AllocPolicy.TRY_HARD).uninitialized().build();
      long start = System.nanoTime();
      try {
        DmaBuf buffer = regionOf(heap).allocateContiguous(request);
        nanos[i] = System.nanoTime() - start;
        stamp(buffer, -i);
        kept.add(buffer);
      } catch (OutOfBuffersException e) {
        LOG.log(System.Logger.Level.ERROR, "request " + i, e);
        failures++;
      }
      while (regionOf(heap).statistics().contiguousBytes() > REGION * 2 / 10) {
        kept.remove().close();
      }
      change(heap, changing, lastingCount, dice);
    }
    kept.forEach(DmaBuf::close);
    Arrays.sort(nanos);
    LOG.log(
        System.Logger.Level.INFO,
        "%d requests, %d failed, median %d us, 99 in 100 %d us, longest %d us; %s"
            .formatted(
                REQUESTS,
                failures,
                nanos[REQUESTS / 2] / 1000,
                nanos[REQUESTS * 99 / 100] / 1000,
                nanos[REQUESTS - 1] / 1000,
                regionOf(heap).statistics()));
    return failures;
  }
}

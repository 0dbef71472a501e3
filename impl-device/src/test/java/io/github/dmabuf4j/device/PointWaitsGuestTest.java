package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.github.dmabuf4j.device.linux.FreshPoller;
import io.github.dmabuf4j.device.linux.KernelSyncObject;
import io.github.dmabuf4j.device.linux.Poller;
import io.github.dmabuf4j.device.linux.RenderNode;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Waiters for points of the kernel, where the poller fails. */
@Tag("guest")
@Timeout(120)
final class PointWaitsGuestTest {
  private static final String TIMER = "dmabuf4j-device-timer";

  private final KernelSyncObject points =
      KernelSyncObject.create(RenderNode.present().orElseThrow(), "points");

  /** Notes the thread that tells it, and whether the point is reached. */
  private static final class Noted implements PointWaits.Waiter {
    final CompletableFuture<String> told = new CompletableFuture<>();

    @Override
    public void reached() {
      told.complete("reached on " + Thread.currentThread().getName());
    }

    @Override
    public void lost() {
      told.complete("lost on " + Thread.currentThread().getName());
    }

    String await() throws Exception {
      return told.get(60, TimeUnit.SECONDS);
    }
  }

  @AfterEach
  void close() {
    points.close();
  }

  @Test
  void point_thatIsLookedAtLate_isToldOnThePollersThread() throws Exception {
    AtomicBoolean isFull = new AtomicBoolean();
    Noted first = new Noted();
    Noted second = new Noted();
    try (Poller poller =
            FreshPoller.thatTakesNoMore(
                "late-poller",
                () -> isFull.get() && !Thread.currentThread().getName().equals(TIMER));
        PointWaits waits = new PointWaits(points, "a test", poller)) {
      waits.add(1, first);
      waits.add(2, second);
      isFull.set(true); // until the timer has it look again
      points.signal(1);
      assertThat(first.await()).isEqualTo("reached on late-poller");
      points.signal(2);
      assertThat(second.await()).isEqualTo("reached on late-poller");
      isFull.set(false);
    }
  }

  @Test
  void closing_tellsEachWaiter_whateverIsThrownMeanwhile() throws Exception {
    Noted first = new Noted();
    Noted second = new Noted();
    try (Poller keeping = FreshPoller.thatKeepsAll()) {
      PointWaits waits = new PointWaits(points, "a test", keeping);
      waits.add(1, first);
      waits.add(2, second);
      assertThatExceptionOfType(StackOverflowError.class).isThrownBy(waits::close);
      String lostHere = "lost on " + Thread.currentThread().getName();
      assertThat(first.await()).isEqualTo(lostHere);
      assertThat(second.await()).isEqualTo(lostHere);
      waits.close();
    }
  }

  @Test
  void closing_tellsOfPointsThatAreReached_beforeThePollerCould() throws Exception {
    CountDownLatch isBusy = new CountDownLatch(1);
    CountDownLatch goesOn = new CountDownLatch(1);
    Noted reached = new Noted();
    Noted silent = new Noted();
    try (Poller poller = FreshPoller.thatTakesNoMore("busy-poller", () -> false);
        PointWaits busy = new PointWaits(points, "busy", poller)) {
      busy.add(1, new Busy(isBusy, goesOn));
      points.signal(1);
      isBusy.await();
      PointWaits waits = new PointWaits(points, "a test", poller);
      waits.add(2, reached);
      waits.add(3, silent);
      points.signal(2);
      waits.close();
      String here = Thread.currentThread().getName();
      assertThat(reached.await()).isEqualTo("reached on " + here);
      assertThat(silent.await()).isEqualTo("lost on " + here);
    } finally {
      goesOn.countDown();
    }
  }

  /** Keeps the poller's thread. */
  private record Busy(CountDownLatch isBusy, CountDownLatch goesOn) implements PointWaits.Waiter {
    @Override
    public void reached() {
      isBusy.countDown();
      try {
        goesOn.await();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }

    @Override
    public void lost() {}
  }

  @Test
  void farPoint_isAskedForOnce_howeverManyComeBeforeIt() throws Exception {
    Noted far = new Noted();
    try (PointWaits waits = new PointWaits(points, "a test")) {
      waits.add(1_000_000, far);
      for (int i = 1; i <= 50; i++) {
        Noted near = new Noted();
        waits.add(i, near);
        points.signal(i);
        assertThat(near.await()).startsWith("reached");
      }
      assertThat(waits.asked()).isBetween(1L, 2L); // the last ring may be on its way
      points.signal(1_000_000);
      assertThat(far.await()).startsWith("reached");
    }
  }

  @Test
  void morePointsThanAreToldAtOnce_areAllTold() throws Exception {
    List<Noted> all = new ArrayList<>();
    try (PointWaits waits = new PointWaits(points, "a test")) {
      for (int i = 0; i < 5 * PointWaits.MOST_AT_ONCE; i++) {
        Noted one = new Noted();
        all.add(one);
        waits.add(1 + i / 2, one);
      }
      points.signal(1_000_000);
      for (Noted one : all) {
        assertThat(one.await()).startsWith("reached");
      }
      assertThat(waits.waiters()).isZero();
    }
  }
}

package io.github.dmabuf4j.offheap.pressure;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.ref.WeakReference;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Who is told of pressure, and for how long somebody watches. */
@Timeout(60)
final class PressureWatchTest {
  @TempDir Path root;
  private long stalled;

  /** Notes the thread that told it. */
  private static final class Listener implements PressureListener {
    final BlockingQueue<Thread> told = new LinkedBlockingQueue<>();
    final AtomicBoolean needed = new AtomicBoolean(true);

    @Override
    public boolean isNeeded() {
      return needed.get();
    }

    @Override
    public void pressure(PressureSource source) {
      told.add(Thread.currentThread());
    }
  }

  /** Writes that there is pressure, and more of it, until somebody is told. */
  private Thread awaitTold(PressureFixture fixture, Listener listener) throws InterruptedException {
    listener.told.clear();
    Thread thread = null;
    while (thread == null) {
      stalled += TimeUnit.HOURS.toMicros(1);
      fixture.stalls(stalled);
      thread = listener.told.poll(50, TimeUnit.MILLISECONDS);
    }
    return thread;
  }

  private static void assertEnds(Thread thread) throws InterruptedException {
    thread.join(20_000);
    assertThat(thread.isAlive()).isFalse();
  }

  @Test
  void everybodyIsTold_byOneDaemon_untilNobodyNeedsIt() throws InterruptedException {
    PressureFixture fixture = new PressureFixture(root).stalls(0);
    PressureWatch watch = fixture.watch();
    Listener first = new Listener();
    Listener second = new Listener();
    watch.add(first);
    watch.add(second);
    Thread thread = awaitTold(fixture, first);
    assertThat(awaitTold(fixture, second)).isSameAs(thread);
    assertThat(thread.isDaemon()).isTrue();
    assertThat(thread.getName()).isEqualTo("dmabuf4j-pressure");
    first.needed.set(false);
    second.needed.set(false);
    assertEnds(thread);

    Listener third = new Listener();
    watch.add(third);
    assertThat(awaitTold(fixture, third)).isNotSameAs(thread);
    third.needed.set(false);
  }

  @Test
  void oneThatFails_isInNobodysWay() throws InterruptedException {
    PressureFixture fixture = new PressureFixture(root).stalls(0);
    PressureWatch watch = fixture.watch();
    Listener after = new Listener();
    watch.add(
        new PressureListener() {
          @Override
          public boolean isNeeded() {
            return after.needed.get();
          }

          @Override
          public void pressure(PressureSource source) {
            throw new IllegalStateException("broken on purpose");
          }
        });
    watch.add(after);
    awaitTold(fixture, after);
    assertEnds(endAfter(awaitTold(fixture, after), after));
  }

  private static Thread endAfter(Thread thread, Listener listener) {
    listener.needed.set(false);
    return thread;
  }

  @Test
  void interruptOfTheThread_isSurvived() throws InterruptedException {
    PressureFixture fixture = new PressureFixture(root).stalls(0);
    PressureWatch watch = fixture.watch();
    Listener listener = new Listener();
    watch.add(listener);
    Thread thread = awaitTold(fixture, listener);
    thread.interrupt();
    assertThat(awaitTold(fixture, listener)).isSameAs(thread);
    assertEnds(endAfter(thread, listener));
  }

  @Test
  void sourcesThatCannotBeOpened_areTriedAgainWithTheNextListener() throws InterruptedException {
    PressureFixture fixture = new PressureFixture(root).stalls(0);
    AtomicInteger opened = new AtomicInteger();
    CountDownLatch failed = new CountDownLatch(1);
    Thread[] first = new Thread[1];
    PressureWatch watch =
        new PressureWatch(
            () -> {
              if (opened.getAndIncrement() == 0) {
                first[0] = Thread.currentThread();
                failed.countDown();
                throw new IllegalStateException("broken on purpose");
              }
              return PressureSources.open(root, System::nanoTime);
            },
            TimeUnit.MILLISECONDS.toNanos(1));
    Listener early = new Listener();
    watch.add(early);
    failed.await();
    assertEnds(first[0]);
    Listener late = new Listener();
    watch.add(late);
    Thread thread = awaitTold(fixture, early);
    early.needed.set(false);
    late.needed.set(false);
    assertEnds(thread);
  }

  @Test
  void listenersThatComeWhileTheThreadEnds_areToldAllTheSame() throws InterruptedException {
    PressureFixture fixture = new PressureFixture(root).stalls(0);
    PressureWatch watch = fixture.watch();
    Set<Thread> threads = new HashSet<>();
    for (int round = 0; round < 200; round++) {
      Listener listener = new Listener();
      watch.add(listener);
      threads.add(awaitTold(fixture, listener));
      listener.needed.set(false);
      LockSupport.parkNanos(round * 20_000L); // from before its next look to long after it
    }
    assertThat(threads).as("some have ended").hasSizeGreaterThan(1);
    for (Thread thread : threads) {
      assertEnds(thread);
    }
  }

  @Test
  void listenersThatEnded_areNotHeld() throws InterruptedException {
    PressureFixture fixture = new PressureFixture(root).stalls(0);
    PressureWatch watch = fixture.watch();
    Listener staying = new Listener();
    watch.add(staying);
    WeakReference<Listener> ended = addOneThatEnded(watch);
    while (ended.get() != null) {
      System.gc();
      Thread.onSpinWait();
    }
    staying.needed.set(false);
  }

  private static WeakReference<Listener> addOneThatEnded(PressureWatch watch) {
    Listener listener = new Listener();
    listener.needed.set(false);
    watch.add(listener);
    return new WeakReference<>(listener);
  }

  @Test
  void summary_saysWhatIsHeeded_andWhatIsNotAndWhy() {
    try (PressureSources sources = new PressureFixture(root).open()) {
      assertThat(sources.summary())
          .startsWith("memory pressure: direct memory of the JVM")
          .contains("not PSI (" + root.resolve("proc/pressure/memory") + ": no such file)")
          .contains("not cgroup v2 (no such mount at " + root.resolve("sys/fs/cgroup") + ")")
          .contains(
              "not cgroup v1 (no such mount at " + root.resolve("sys/fs/cgroup/memory") + ")");
    }
    PressureFixture fixture = new PressureFixture(root).stalls(0).group2("g", "1", "max", "1000");
    fixture.write("sys/fs/cgroup/g/memory.pressure", PressureFixture.stallText(0));
    try (PressureSources sources = fixture.open()) {
      assertThat(sources.summary())
          .startsWith(
              "memory pressure: PSI polled at " + root.resolve("sys/fs/cgroup/g/memory.pressure"))
          .contains(", cgroup v2 " + root.resolve("sys/fs/cgroup/g"));
    }
  }
}

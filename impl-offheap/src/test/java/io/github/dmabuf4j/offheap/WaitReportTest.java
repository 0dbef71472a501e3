package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.KIB;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fences;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Who waits for long says so, and goes on. */
@Timeout(60)
final class WaitReportTest {
  @Test
  void noFail_deadlinePasses_reportsWhoHoldsTheMemoryAndGoesOn() throws Exception {
    String output =
        ChildJvm.run(
            Child.class,
            "-D" + Fences.TIMEOUT_PROPERTY + "=20",
            "--enable-native-access=ALL-UNNAMED");
    assertThat(output)
        .contains("waited 0 s for memory of offheap:system")
        .contains("wanted 100 B (a block of 4096 B (4 KiB)), limit 65536 B (64 KiB)")
        .contains("1 × hoarder: 65536 B (64 KiB), references 1")
        .contains("reports 3, then allocated 100 B");
  }

  @Test
  void noFail_manyWait_onlyTheFirstOneReports() throws Exception {
    String output =
        ChildJvm.run(
            Crowd.class,
            "-D" + Fences.TIMEOUT_PROPERTY + "=20",
            "--enable-native-access=ALL-UNNAMED");
    assertThat(output)
        .contains("5 reports by [waiter 0]")
        .contains("has waited 0 s for memory of offheap:system, 7 more behind it: wanted 100 B");
  }

  @Test
  void reports_anIntervalPassesBetweenTwo_whoeverIsTheFirst() {
    WaitReports reports = new WaitReports(100);
    assertThat(reports.untilDue(1000, 1000)).isEqualTo(100);
    assertThat(reports.begin(1000, 1099)).as("it hasn't waited for long").isFalse();
    assertThat(reports.begin(1000, 1100)).isTrue();
    assertThat(reports.begin(1000, 1100)).as("twice at once").isFalse();
    assertThat(reports.begin(1010, 1199)).as("the next in line, right after").isFalse();
    assertThat(reports.untilDue(1010, 1150)).isEqualTo(50);
    assertThat(reports.begin(1010, 1200)).isTrue();
    assertThat(reports.untilDue(1250, 1250)).as("one who has just come").isEqualTo(100);
  }

  /** Eight wait until the fifth report. */
  static final class Crowd {
    private Crowd() {}

    /** Runs in a JVM of its own. */
    public static void main(String[] args) throws InterruptedException {
      try (Heap heap = Heaps.open("offheap:system?limit=64KiB")) {
        DmaBuf all = heap.allocate(AllocationRequest.of(64 * KIB).name("hoarder").build());
        Queue<String> reporters = new ConcurrentLinkedQueue<>();
        CountDownLatch five = new CountDownLatch(5);
        CountDownLatch allWait = new CountDownLatch(1);
        Logger logger = Logger.getLogger(Supply.class.getName());
        logger.setFilter(
            report -> {
              await(allWait); // whoever is the first is kept here until all are there
              reporters.add(Thread.currentThread().getName());
              five.countDown();
              return true;
            });
        AllocationRequest request = AllocationRequest.of(100).policy(AllocPolicy.NO_FAIL).build();
        List<Thread> waiters = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
          Thread waiter =
              Thread.ofPlatform()
                  .name("waiter " + i)
                  .start(() -> heap.allocateUninterruptibly(request).close());
          waiters.add(waiter);
          Await.until("it waits", () -> ((PooledHeap) heap).pool.waiters.count() == waiters.size());
        }
        allWait.countDown();
        await(five);
        System.out.println("5 reports by " + new TreeSet<>(reporters)); // in one write
        all.close();
        for (Thread waiter : waiters) {
          waiter.join();
        }
      }
    }

    private static void await(CountDownLatch latch) {
      try {
        latch.await();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }
  }

  /** Lets go of the memory when the third report comes. */
  static final class Child {
    private Child() {}

    /** Runs in a JVM of its own. */
    public static void main(String[] args) throws InterruptedException {
      try (Heap heap = Heaps.open("offheap:system?limit=64KiB")) {
        DmaBuf all = heap.allocate(AllocationRequest.of(64 * KIB).name("hoarder").build());
        int[] reports = {0};
        Logger logger = Logger.getLogger(Supply.class.getName());
        logger.addHandler(
            new Handler() {
              @Override
              public void publish(LogRecord report) {
                if (++reports[0] == 3) {
                  all.close();
                }
              }

              @Override
              public void flush() {}

              @Override
              public void close() {}
            });
        AllocationRequest request = AllocationRequest.of(100).policy(AllocPolicy.NO_FAIL).build();
        try (DmaBuf buffer = heap.allocate(request)) {
          System.out.printf("reports %d, then allocated %d B%n", reports[0], buffer.size());
        }
      }
    }
  }
}

package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.KIB;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fences;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
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

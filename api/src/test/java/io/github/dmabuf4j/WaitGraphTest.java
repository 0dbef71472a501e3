package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

@ValidatorOn
final class WaitGraphTest {
  private static final Duration LONG = Duration.ofSeconds(Threads.LIMIT_SECONDS);

  private final FenceContext device = FenceContext.create("camera");
  private final Fence fence = device.newFence();

  @Test
  void dump_namesWhoWaits_forWhat_andWhoHasIt() throws Exception {
    Threads.Started waiter = Threads.virtual(() -> fence.await(LONG));
    try (var _ = Signalling.begin(fence)) {
      Threads.until(() -> WaitGraph.now().toString().contains("waits for " + fence));
      assertThat(WaitGraph.now().lines())
          .singleElement()
          .asString()
          .contains("[#" + waiter.thread().threadId() + "]") // its state changes at any time
          .contains("to be signaled by [" + Thread.currentThread());
    }
    device.signal(fence);
    waiter.join();
    assertThat(WaitGraph.now()).hasToString("nobody waits");
  }

  @Test
  void asynchronousJob_isInTheDumpUntilItRuns() throws Exception {
    try (DmaBuf buffer = TestExporter.buffer()) {
      Job job = Job.named("later").writes(buffer).after(fence).publish();
      var ended = job.runAsync(Runnable::run, access -> {}).toCompletableFuture();
      assertThat(WaitGraph.now().lines())
          .singleElement()
          .asString()
          .contains("later")
          .contains("camera");
      device.signal(fence);
      ended.join();
    }
    assertThat(WaitGraph.now().lines()).isEmpty();
  }

  @Test
  void waitsThatFormNoCycle_areLeftAlone_underStress() throws Exception {
    // A ladder: each thread signals its own fence and waits for the next one's, the last for none.
    int rungs = 4;
    FenceContext[] contexts = new FenceContext[rungs];
    var going = Threads.stressTime();
    while (going.getAsBoolean()) {
      Fence[] fences = new Fence[rungs];
      for (int i = 0; i < rungs; i++) {
        contexts[i] = FenceContext.create("rung " + i);
        fences[i] = contexts[i].newFence();
      }
      Threads.together(
          List.of(0, 1, 2, 3).stream()
              .<Threads.Body>map(
                  i ->
                      () -> {
                        try (var _ = Signalling.begin(fences[i])) {
                          if (i + 1 < rungs) {
                            fences[i + 1].await(LONG);
                          }
                          contexts[i].signal(fences[i]);
                        }
                      })
              .toList());
    }
    device.close();
  }
}

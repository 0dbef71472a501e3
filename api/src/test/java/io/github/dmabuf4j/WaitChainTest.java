package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a timeout report says (design rule FN5), and the waits of jobs. */
final class WaitChainTest {
  private final FenceContext camera = FenceContext.builder("frames").driverName("camera").build();

  @AfterEach
  void closeCamera() {
    camera.close();
  }

  @Test
  void fn5_report_followsJobsToTheFenceThatHoldsThemUp() throws Exception {
    Fence frame = camera.newFence();
    Job decode = Job.named("decode").after(frame).publish();
    Job filter = Job.named("filter").after(decode.fence()).publish();
    Fence both = FenceArray.all(List.of(filter.fence(), decode.fence()));
    assertThat(WaitChain.of(both))
        .containsSubsequence("container", "filter", "decode", "camera/frames");
    assertThat(FenceTimeoutException.afterDeadline(filter.fence(), Duration.ofSeconds(1), "me"))
        .hasMessageContaining("camera/frames")
        .hasMessageContaining("waiter: me");
    camera.signal(frame);
    decode.signal();
    filter.signal();
    assertThat(WaitChain.of(filter.fence())).doesNotContain("camera");
  }

  @Test
  void fn5_report_ofVeryMuch_isShort() throws Exception {
    List<Job> jobs = new ArrayList<>();
    Fence last = camera.newFence();
    for (int i = 0; i < 1000; i++) {
      jobs.add(Job.named("job " + i).after(last).after(camera.newFence()).publish());
      last = jobs.getLast().fence();
    }
    assertThat(WaitChain.of(last)).hasSizeLessThan(4000).contains("job 999", "job 998", "camera");
    assertThat(WaitChain.of(FenceArray.all(jobs.stream().map(Job::fence).toList())))
        .hasSizeLessThan(4000)
        .contains("waiting for 1000 fences", "and others");
    jobs.forEach(Job::close);
  }

  @Test
  void fn5_awaitDependenciesUninterruptibly_keepsTheInterruptForLater() throws Exception {
    Fence frame = camera.newFence();
    try (Job job = Job.named("filter").after(frame).publish()) {
      Threads.Started waiter =
          Threads.platform(
              () -> {
                job.awaitDependenciesUninterruptibly();
                assertThat(Thread.interrupted()).isTrue();
              });
      waiter.awaitBlocked().thread().interrupt();
      waiter.awaitBlocked();
      camera.signal(frame);
      waiter.join();
    }
  }

  @Test
  void fn5_deadlineOfSomebody_namesTheThreadAndTheJob() throws Exception {
    Fence frame = camera.newFence();
    try (Job job = Job.named("filter").after(frame).publish()) {
      Deadline deadline = Deadline.after(Duration.ofMillis(1), job);
      assertThatExceptionOfType(FenceTimeoutException.class)
          .isThrownBy(() -> deadline.awaitAll(job.dependencies()))
          .withMessageContaining("camera")
          .withMessageContaining(Thread.currentThread().toString())
          .withMessageContaining("job filter");
      assertThatExceptionOfType(FenceTimeoutException.class)
          .isThrownBy(() -> deadline.awaitUninterruptibly(frame));
    }
  }
}

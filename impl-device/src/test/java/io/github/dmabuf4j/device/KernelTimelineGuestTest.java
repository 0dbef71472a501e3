package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceAbandonedException;
import io.github.dmabuf4j.FenceArray;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceTimeoutException;
import io.github.dmabuf4j.Fences;
import io.github.dmabuf4j.SyncObject;
import io.github.dmabuf4j.SyncPoint;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.EventCounter;
import io.github.dmabuf4j.device.linux.HostileSyncObject;
import io.github.dmabuf4j.device.linux.RenderNode;
import io.github.dmabuf4j.device.linux.SyncFile;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Design rule FN6 and rules CS5 to CS9, with timelines of virtio_gpu and fences of vgem. */
@Tag("guest")
@Timeout(120)
final class KernelTimelineGuestTest {
  private static final Duration LONG = Duration.ofSeconds(60);

  private final RenderNode node = RenderNode.present().orElseThrow();
  private final int handles = node.handles();
  private final int before = fences();
  private final FenceContext stage = FenceContext.create("stage");
  private final KernelTimeline ours = KernelTimeline.create("ours");
  private final KernelTimeline theirs = KernelTimeline.importFd(ours.exportFd().detach(), "theirs");

  /** How many are open; tests before this one may still have some that are being closed. */
  private static int fences() {
    return DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.FENCE);
  }

  @AfterEach
  void nothingIsLeft() {
    stage.close();
    ours.close();
    theirs.close();
    assertThat(node.handles()).isEqualTo(handles);
    while (fences() > before + 1) { // a signaled sync_file may be kept
      Thread.onSpinWait(); // the poller may have one in its hands
    }
  }

  // ---- fences of this process ----

  @Test
  void fn6_fence_signalsWithTheFenceAtItsPoint_whichWasWaitedForBeforeItWasSubmitted()
      throws Exception {
    Fence waiting = theirs.fence(1);
    Fence work = stage.newFence();
    ours.submit(1, work);
    assertThat(waiting.isSignaled()).isFalse();
    assertThat(ours.lastSubmitted()).isZero();
    stage.signal(work);
    assertThat(waiting.await(LONG)).isTrue();
    assertThat(waiting.error()).isEmpty();
    assertThat(waiting.kind()).isEqualTo(Fence.Kind.HOST);
    assertThat(theirs.lastSignaled()).isEqualTo(1);
  }

  @Test
  void fence_ofAPointThatIsReached_isSignaledAtOnce() {
    ours.signal(5);
    assertThat(theirs.fence(4).isSignaled()).isTrue();
    assertThat(theirs.fence(5).isSignaled()).isTrue();
    assertThat(theirs.fence(6).isSignaled()).isFalse();
  }

  @Test
  void cs9_fenceThatSignalsEarly_waitsForThoseBeforeIt() throws Exception {
    FenceContext other = FenceContext.create("other");
    Fence late = stage.newFence();
    Fence early = other.newFence();
    ours.submit(1, late);
    ours.submit(2, early);
    Fence second = theirs.fence(2);
    other.signal(early);
    assertThat(ours.lastSubmitted()).isZero();
    assertThat(second.isSignaled()).isFalse();
    stage.signal(late);
    assertThat(second.await(LONG)).isTrue();
    assertThat(ours.lastSignaled()).isEqualTo(2);
    other.close();
  }

  @Test
  void manyPoints_inAnyOrder_areWaitedForWithOneDescriptor_andSignalInTheirOrder()
      throws Exception {
    int count = 300;
    List<Long> numbers = new ArrayList<>(LongStream.rangeClosed(1, count).boxed().toList());
    Collections.shuffle(numbers);
    int open = fences();
    List<Long> order = Collections.synchronizedList(new ArrayList<>());
    List<Fence> waiting = new ArrayList<>();
    for (long number : numbers) {
      Fence fence = theirs.fence(number);
      fence.addCallback(signaled -> order.add(number));
      waiting.add(fence);
    }
    assertThat(fences()).isLessThanOrEqualTo(open + 1);
    for (long number = 1; number <= count; number++) {
      ours.signal(number);
    }
    assertThat(Fences.awaitAll(waiting, LONG)).isTrue();
    while (order.size() < count) {
      Thread.onSpinWait(); // the last callback runs after its waiter is woken
    }
    assertThat(order).isSorted().hasSize(count);
  }

  @Test
  void waitersThatComeWhilePointsAreSignaled_areAllWoken() throws Exception {
    int count = 1000;
    int waiters = 3;
    CountDownLatch woken = new CountDownLatch(waiters * count);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < waiters; i++) {
        boolean isFalling = i == 1;
        threads.execute(
            () -> {
              for (int j = 1; j <= count; j++) {
                Fence fence = theirs.fence(isFalling ? count + 1 - j : j);
                if (!fence.addCallback(signaled -> woken.countDown())) {
                  woken.countDown();
                }
              }
            });
      }
      threads.execute(() -> LongStream.rangeClosed(1, count).forEach(ours::signal));
    }
    woken.await(); // or the test takes too long
    assertThat(ours.lastSignaled()).isEqualTo(count);
  }

  @Test
  void apisPoint_isBridged_byWhatItStandsFor() throws Exception {
    try (SyncObject timeline = SyncObject.create("in this process")) {
      Fence work = stage.newFence();
      timeline.at(1).submit(work);
      ours.submit(1, timeline.at(1).fence().orElseThrow());
      timeline.at(2).submit(theirs.fence(1));
      stage.signal(work);
      assertThat(timeline.at(2).await(SyncPoint.WaitFor.SIGNALED, LONG)).isTrue();
    }
  }

  @Test
  void failedWork_reachesItsPoint_forAPointTellsNoErrors() throws Exception {
    Fence work = stage.newFence();
    ours.submit(1, work);
    Fence waiting = theirs.fence(1);
    stage.fail(work, new DmaBufException("work", Errno.EIO, "failed on purpose", null));
    assertThat(waiting.await(LONG)).isTrue();
    assertThat(waiting.error()).isEmpty();
  }

  @Test
  void points_notAboveTheLast_areRefused() {
    ours.signal(5);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ours.signal(5))
        .withMessageContaining("above 5");
    assertThatIllegalArgumentException().isThrownBy(() -> ours.submit(0, Fence.stub()));
    KernelTimeline late = KernelTimeline.importFd(ours.exportFd().detach(), "late");
    assertThatIllegalArgumentException().isThrownBy(() -> late.signal(5));
    late.close();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> theirs.fence(0))
        .withMessageContaining("from 1 on");
  }

  // ---- fences of the kernel ----

  @Test
  void fn6_fenceOfADevice_isAtItsPointAtOnce_andReachesItWithoutThisProcess() throws Exception {
    try (Vgem device = new Vgem();
        Vgem.Buffer buffer = device.allocate()) {
      int work = device.begin(buffer, true);
      ours.submit(1, new ImplicitFences(buffer.file()).snapshot(Access.READ));
      assertThat(theirs.lastSubmitted()).isEqualTo(1);
      assertThat(theirs.lastSignaled()).isZero();
      ours.close(); // as if this process had died
      Fence waiting = theirs.fence(1);
      assertThat(waiting.isSignaled()).isFalse();
      device.end(work);
      assertThat(waiting.await(LONG)).isTrue();
    }
  }

  @Test
  void cs9_fenceOfADevice_behindOneOfThisProcess_isSubmittedAfterIt() throws Exception {
    try (Vgem device = new Vgem();
        Vgem.Buffer buffer = device.allocate()) {
      Fence host = stage.newFence();
      int work = device.begin(buffer, true);
      Fence kernel = new ImplicitFences(buffer.file()).snapshot(Access.READ);
      ours.submit(1, host);
      ours.submit(2, FenceArray.all(List.of(kernel, Fence.stub())));
      assertThat(ours.lastSubmitted()).isZero();
      stage.signal(host);
      assertThat(ours.lastSignaled()).isEqualTo(1);
      assertThat(ours.lastSubmitted()).isEqualTo(2);
      device.end(work);
      assertThat(theirs.fence(2).await(LONG)).isTrue();
    }
  }

  @Test
  void cs9_syncFileOfAPoint_isAFenceOfTheKernel() throws Exception {
    try (Vgem device = new Vgem();
        Vgem.Buffer buffer = device.allocate()) {
      int work = device.begin(buffer, true);
      ours.submit(1, new ImplicitFences(buffer.file()).snapshot(Access.READ));
      int file = theirs.exportSyncFile(1).detach();
      Fence fence = KernelFences.ofThisProcess().importFence(file);
      assertThat(fence.kind()).isEqualTo(Fence.Kind.KERNEL);
      assertThat(fence.isSignaled()).isFalse();
      device.end(work);
      assertThat(fence.await(LONG)).isTrue();
    }
  }

  // ---- others, who may do what they like ----

  @Test
  void fn1_pointThatNeverComes_makesWaitersGiveUp_andFailsAtTheClose() {
    Fence silent = theirs.fence(9, Duration.ofMillis(10));
    assertThatExceptionOfType(FenceTimeoutException.class)
        .isThrownBy(() -> silent.await(LONG))
        .withMessageContaining("theirs, point 9");
    assertThat(silent.isSignaled()).isFalse();
    theirs.close();
    assertThat(silent.error()).containsInstanceOf(FenceAbandonedException.class);
    assertThatIllegalStateException().isThrownBy(() -> theirs.fence(1));
    assertThatIllegalStateException().isThrownBy(() -> theirs.signal(1));
  }

  @Test
  void close_ofTheSubmitter_neverSignalsSuccess() {
    Fence work = stage.newFence();
    ours.submit(1, work);
    Fence waiting = theirs.fence(1);
    ours.close();
    stage.signal(work);
    assertThat(theirs.lastSubmitted()).isZero();
    assertThat(waiting.isSignaled()).isFalse();
  }

  @Test
  void resetByAnother_isSurvived_andTheFenceSignalsWithTheNextPoint() throws Exception {
    Fence waiting = theirs.fence(3);
    for (int i = 0; i < 100; i++) {
      try (Descriptor file = (Descriptor) ours.exportFd()) {
        HostileSyncObject.signalAndReset(node, file, 3);
      }
    }
    try (Descriptor file = (Descriptor) ours.exportFd()) {
      HostileSyncObject.signal(node, file, 4);
    }
    assertThat(waiting.await(LONG)).isTrue();
  }

  @Test
  void otherFiles_areRefused_andClosed() {
    int open = fences();
    Descriptor counter = EventCounter.create(Descriptor.Kind.FENCE, "test");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> KernelTimeline.importFd(counter.detach(), "no timeline"))
        .withMessageContaining("drm_syncobj");
    assertThat(fences()).isLessThanOrEqualTo(open);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> KernelTimeline.importFd(-1, "no timeline"));
  }

  @Test
  void syncFile_ofWhatIsReached_hasSignaled() {
    ours.signal(1);
    try (Descriptor file = (Descriptor) theirs.exportSyncFile(1)) {
      assertThat(SyncFile.status(file)).isEqualTo(SyncFile.SIGNALED);
    }
    assertThatIllegalArgumentException().isThrownBy(() -> theirs.exportSyncFile(2));
  }
}

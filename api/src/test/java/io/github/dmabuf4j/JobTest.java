package io.github.dmabuf4j;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.TestExporter.Call;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class JobTest {
  private final TestExporter sourceMemory = new TestExporter();
  private final TestExporter targetMemory = new TestExporter();
  private final DmaBuf source = sourceMemory.export();
  private final DmaBuf target = targetMemory.export();
  private final ExecutorService pool = Executors.newFixedThreadPool(4);

  @AfterEach
  void everythingIsGivenBack() {
    source.close();
    target.close();
    Threads.until(sourceMemory::isReleased);
    Threads.until(targetMemory::isReleased);
    assertThat(sourceMemory.count(Call.RELEASE)).isEqualTo(1);
    assertThat(targetMemory.count(Call.RELEASE)).isEqualTo(1);
    assertThat(sourceMemory.count(Call.BEGIN)).isEqualTo(sourceMemory.count(Call.END));
    assertThat(targetMemory.count(Call.BEGIN)).isEqualTo(targetMemory.count(Call.END));
    assertThat(sourceMemory.object.info().holds()).isZero();
    assertThat(targetMemory.object.info().holds()).isZero();
    pool.shutdownNow();
  }

  private static <T> CompletableFuture<T> future(java.util.concurrent.CompletionStage<T> stage) {
    return stage.toCompletableFuture().orTimeout(Threads.LIMIT_SECONDS, TimeUnit.SECONDS);
  }

  // ---- JB1 ----

  @Test
  void jb1_published_othersWaitForIt() throws Exception {
    Job job = Job.named("fill").writes(target).publish();
    Threads.Started reader =
        Threads.platform(
                () ->
                    assertThat(target.<Byte, RuntimeException>read(s -> s.get(JAVA_BYTE, 0)))
                        .isEqualTo((byte) 9))
            .awaitBlocked();
    Job next = Job.named("next").writes(target).publish();
    assertThat(next.dependencies()).contains(job.fence());
    assertThatIllegalStateException().isThrownBy(next::open).withMessageContaining("wait for");
    job.run(access -> access.segment(target).set(JAVA_BYTE, 0, (byte) 9));
    reader.join();
    Threads.until(() -> next.dependencies().stream().allMatch(Fence::isSignaled));
    next.run(access -> assertThat(access.segment(target).get(JAVA_BYTE, 0)).isEqualTo((byte) 9));
    assertThat(next.fence().error()).isEmpty();
  }

  @Test
  void jb1_readersShare_writersWait() throws InterruptedException {
    Job first = Job.named("first").reads(source).publish();
    Job second = Job.named("second").reads(source).publish();
    assertThat(second.dependencies()).isEmpty();
    Job writer = Job.named("writer").writes(source).publish();
    assertThat(writer.dependencies()).containsExactlyInAnyOrder(first.fence(), second.fence());
    Job after = Job.named("after").reads(source).publish();
    assertThat(after.dependencies()).containsExactly(writer.fence());
    for (Job job : List.of(second, first, writer, after)) {
      job.run(access -> access.segment(source).get(JAVA_BYTE, 0));
    }
  }

  @Test
  void jb1_afterPublish_noReservationIsHeld_andHandlesMayBeClosed() throws InterruptedException {
    DmaBuf mine = target.dup();
    Job job = Job.named("fill").writes(mine).publish();
    assertThat(mine.reservation().isLocked()).isFalse();
    mine.close();
    target.close();
    assertThat(targetMemory.isReleased()).isFalse();
    job.run(access -> access.segment(mine).set(JAVA_BYTE, 0, (byte) 1));
    assertThat(targetMemory.count(Call.RELEASE)).isEqualTo(1);
  }

  @Test
  void explicitDependency_isWaitedFor() throws Exception {
    FenceContext other = FenceContext.create("other");
    Fence before = other.newFence();
    Job job = Job.named("after").writes(target).after(before).publish();
    assertThatIllegalStateException().isThrownBy(job::open);
    AtomicBoolean ran = new AtomicBoolean();
    CompletableFuture<Void> ended = future(job.runAsync(pool, access -> ran.set(true)));
    assertThat(ended).isNotDone();
    other.signal(before);
    ended.join();
    assertThat(ran).isTrue();
  }

  @Test
  void dependencyOnTheFirstOfSeveral_isMetByTheFirst() {
    FenceContext slow = FenceContext.create("slow");
    FenceContext fast = FenceContext.create("fast");
    Fence first = fast.newFence();
    Fence any = FenceArray.any(List.of(slow.newFence(), first));
    CompletableFuture<Void> ended =
        future(Job.named("any").writes(target).after(any).publishAsync())
            .thenCompose(job -> job.runAsync(Runnable::run, access -> {}))
            .toCompletableFuture();
    fast.signal(first);
    ended.join();
    slow.close();
  }

  @Test
  void tiles_runInParallelOnTheirOwnAccess() {
    Job job = publish(Job.named("tiles").reads(source).writes(target));
    CountDownLatch allIn = new CountDownLatch(4);
    List<MemorySegment> segments = Collections.synchronizedList(new ArrayList<>());
    future(
            job.runAsync(
                pool,
                4,
                (access, tile) -> {
                  allIn.countDown();
                  allIn.await();
                  MemorySegment mine = access.segment(target);
                  segments.add(mine);
                  mine.set(JAVA_BYTE, tile, (byte) (tile + 1));
                  assertThat(access.segment(source).isReadOnly()).isTrue();
                }))
        .join();
    for (int tile = 0; tile < 4; tile++) {
      assertThat(targetMemory.raw(tile)).isEqualTo((byte) (tile + 1));
    }
    assertThat(segments).hasSize(4).allSatisfy(s -> assertThat(s.scope().isAlive()).isFalse());
    assertThat(job.fence().error()).isEmpty();
    assertThat(targetMemory.count(Call.BEGIN)).isEqualTo(1);
  }

  private static Job publish(Job.Builder builder) {
    try {
      return builder.publish();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  // ---- failures ----

  @Test
  void failingBody_failsTheFenceAndThrows() {
    Job job = publish(Job.named("bad").writes(target));
    IOException thrown = new IOException("thrown on purpose");
    assertThatExceptionOfType(IOException.class)
        .isThrownBy(
            () ->
                job.run(
                    access -> {
                      throw thrown;
                    }))
        .isSameAs(thrown);
    assertThat(job.fence().error()).containsSame(thrown);
    assertThat(job.signal()).isFalse();
    assertThatIllegalStateException().isThrownBy(job::open).withMessageContaining("has ended");
  }

  @Test
  void failingPart_failsTheJobAndLeavesOutTheRest() {
    Job job = publish(Job.named("bad").writes(target));
    IOException thrown = new IOException("thrown on purpose");
    AtomicInteger ran = new AtomicInteger();
    CompletableFuture<Void> ended =
        future(
            job.runAsync(
                Runnable::run,
                5,
                (access, part) -> {
                  ran.incrementAndGet();
                  if (part == 1) {
                    throw thrown;
                  }
                }));
    assertThatThrownBy(ended::join).isInstanceOf(CompletionException.class).hasCause(thrown);
    assertThat(ran).hasValue(2);
    assertThat(job.fence().error()).containsSame(thrown);
  }

  @Test
  void partThatThrowsAnError_endsTheJobToo() {
    Job job = publish(Job.named("bad").writes(target));
    AssertionError thrown = new AssertionError("thrown on purpose");
    assertThatThrownBy(
            () ->
                future(
                        job.runAsync(
                            pool,
                            3,
                            (access, part) -> {
                              throw thrown;
                            }))
                    .join())
        .hasCause(thrown);
    assertThat(job.fence().error()).containsSame(thrown);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void rejectedByTheExecutor_failsTheJob(boolean error) {
    Job job = publish(Job.named("rejected").writes(target));
    Throwable rejection =
        error ? new AssertionError("thrown on purpose") : new RejectedExecutionException();
    AtomicInteger accepted = new AtomicInteger();
    Executor rejecting =
        task -> {
          if (accepted.incrementAndGet() > 2) {
            if (rejection instanceof Error e) {
              throw e;
            }
            throw (RuntimeException) rejection;
          }
          pool.execute(task);
        };
    CompletableFuture<Void> ended = future(job.runAsync(rejecting, 5, (access, part) -> {}));
    assertThatThrownBy(ended::join).hasCause(rejection);
    assertThat(job.fence().error()).containsSame(rejection);
  }

  @Test
  void rejectedOnTheThreadThatSignals_failsTheJob() {
    FenceContext other = FenceContext.create("other");
    Fence before = other.newFence();
    Job job = publish(Job.named("rejected").writes(target).after(before));
    RejectedExecutionException rejection = new RejectedExecutionException();
    CompletableFuture<Void> ended =
        future(
            job.runAsync(
                task -> {
                  throw rejection;
                },
                3,
                (access, part) -> {}));
    assertThat(other.signal(before)).isTrue();
    assertThatThrownBy(ended::join).hasCause(rejection);
  }

  @Test
  void discardedByTheExecutor_endsTheStageOnceTheJobIsLost() {
    CompletableFuture<Void> ended =
        future(
            publish(Job.named("discarded").writes(target))
                .runAsync(task -> {}, 2, (access, part) -> {}));
    Threads.untilCollected(ended::isDone);
    assertThatThrownBy(ended::join).hasCauseInstanceOf(FenceAbandonedException.class);
  }

  @Test
  void noParts_areRefused() throws InterruptedException {
    try (Job job = Job.named("none").writes(target).publish()) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> job.runAsync(pool, 0, (access, part) -> {}));
    }
  }

  @Test
  void silentDependency_failsTheJob_inBothForms() throws Exception {
    FenceContext device =
        FenceContext.builder("ring").driverName("gpu").foreign(Duration.ofMillis(5)).build();
    Fence silent = device.newFence();
    Job sync = publish(Job.named("sync").writes(target).after(silent));
    assertThatExceptionOfType(FenceTimeoutException.class)
        .isThrownBy(() -> sync.run(access -> {}))
        .withMessageContaining("gpu");
    assertThat(sync.fence().error()).containsInstanceOf(FenceTimeoutException.class);

    Job async = publish(Job.named("async").writes(target).after(silent));
    CompletableFuture<Void> ended = future(async.runAsync(pool, access -> {}));
    assertThatThrownBy(ended::join)
        .hasCauseInstanceOf(FenceTimeoutException.class)
        .hasMessageContaining("gpu");
    assertThat(async.fence().error()).containsInstanceOf(FenceTimeoutException.class);
    device.close();
  }

  @Test
  void interruptedRun_failsTheJob() throws Exception {
    FenceContext other = FenceContext.create("other");
    Fence before = other.newFence();
    Job job = publish(Job.named("interrupted").writes(target).after(before));
    Threads.Started runner =
        Threads.platform(
            () ->
                assertThatExceptionOfType(InterruptedException.class)
                    .isThrownBy(() -> job.run(access -> {})));
    runner.awaitBlocked().thread().interrupt();
    runner.join();
    assertThat(job.fence().status()).isEqualTo(Fence.Status.FAILED);
    other.close();
  }

  @Test
  void interruptedPublish_leavesNothing() throws Exception {
    Reservation reservation = target.reservation();
    reservation.lock();
    Threads.Started publisher =
        Threads.platform(
            () ->
                assertThatExceptionOfType(InterruptedException.class)
                    .isThrownBy(
                        () -> Job.named("interrupted").reads(source).writes(target).publish()));
    publisher.awaitBlocked().thread().interrupt();
    publisher.join();
    reservation.unlock();
    assertThat(target.info().references()).isEqualTo(2);
    assertThat(source.info().references()).isEqualTo(2);
    assertThat(source.info().fences()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"VMAP"})
  void publish_withAFailingExporter_leavesNothing(String call) {
    RuntimeException failure = new IllegalStateException("thrown on purpose");
    targetMemory.failNext(Call.valueOf(call), failure);
    assertThatExceptionOfType(RuntimeException.class)
        .isThrownBy(() -> Job.named("bad").reads(source).writes(target).publish())
        .isSameAs(failure);
    for (DmaBuf buffer : List.of(source, target)) {
      assertThat(buffer.info().references()).isEqualTo(2);
      assertThat(buffer.info().holds()).isZero();
      assertThat(buffer.info().fences()).isEmpty();
      assertThat(buffer.reservation().isLocked()).isFalse();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void failingBegin_isNeverTakenForDone(boolean error) throws InterruptedException {
    TestExporter.Incoherent first = new TestExporter.Incoherent();
    TestExporter.Incoherent second = new TestExporter.Incoherent();
    DmaBuf a = first.export();
    DmaBuf b = second.export();
    Throwable failure =
        error
            ? new AssertionError("thrown on purpose")
            : new IllegalStateException("thrown on purpose");
    second.failNext(Call.BEGIN, failure);
    Job job = publish(Job.named("bad").writes(a).writes(b));
    assertThatExceptionOfType(Throwable.class).isThrownBy(job::open).isSameAs(failure);
    try (JobAccess access = job.open()) { // begins what isn't begun, and only that
      access.segment(a).set(JAVA_BYTE, 0, (byte) 1);
      access.segment(b).set(JAVA_BYTE, 0, (byte) 2);
    }
    job.signal();
    assertThat(first.deviceByte(0)).isEqualTo((byte) 1);
    assertThat(second.deviceByte(0)).isEqualTo((byte) 2);
    a.close();
    b.close();
    assertThat(first.brackets()).isZero();
    assertThat(second.brackets()).isZero();
    assertThat(first.isReleased() && second.isReleased()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void failingEnd_failsTheFence_andDropsEverything(boolean error) {
    Throwable failure =
        error
            ? new AssertionError("thrown on purpose")
            : new IllegalStateException("thrown on purpose");
    targetMemory.failNext(Call.END, failure);
    Job job = publish(Job.named("bad").writes(target).reads(source));
    assertThatExceptionOfType(Throwable.class)
        .isThrownBy(() -> job.run(access -> {}))
        .isSameAs(failure);
    assertThat(job.fence().error()).containsSame(failure);
    assertThat(sourceMemory.count(Call.END)).isEqualTo(1);
    assertThat(target.info().holds()).isZero();
    assertThat(source.info().holds()).isZero();
  }

  @Test
  void failingEnd_failsTheStageToo() {
    RuntimeException failure = new IllegalArgumentException("thrown on purpose");
    targetMemory.failNext(Call.END, failure);
    Job job = publish(Job.named("bad").writes(target));
    assertThatThrownBy(() -> future(job.runAsync(pool, 2, (access, part) -> {})).join())
        .hasCause(failure);
    assertThat(job.fence().error()).containsSame(failure);
  }

  @Test
  void failingRelease_ofOneBuffer_stillDropsTheOthers() throws InterruptedException {
    TestExporter bad = new TestExporter();
    DmaBuf first = bad.export();
    TestExporter good = new TestExporter();
    DmaBuf second = good.export();
    Job job = Job.named("job").writes(first).writes(second).publish();
    first.close();
    second.close();
    bad.failNext(Call.RELEASE, new IllegalStateException("thrown on purpose"));
    job.signal();
    assertThat(bad.count(Call.RELEASE)).isEqualTo(1);
    assertThat(good.count(Call.RELEASE)).isEqualTo(1);
  }

  // ---- ends that nobody planned ----

  @Test
  void closedJob_failsItsFence() throws InterruptedException {
    Job job = Job.named("closed").writes(target).publish();
    job.close();
    job.close();
    assertThat(job.fence().error()).containsInstanceOf(FenceAbandonedException.class);
    target.write(segment -> {});
  }

  @Test
  void lostJob_failsItsFenceAndDropsItsHolds() {
    Fence fence = publish(Job.named("lost").reads(source).writes(target)).fence();
    Threads.untilCollected(fence::isSignaled);
    assertThat(fence.error()).containsInstanceOf(FenceAbandonedException.class);
    Threads.until(() -> target.info().holds() == 0 && source.info().holds() == 0);
  }

  @Test
  void jobWaitingForItsDependencies_isNotTakenForLost() {
    FenceContext other = FenceContext.create("other");
    Fence before = other.newFence();
    CompletableFuture<Void> ended =
        future(
            publish(Job.named("waiting").writes(target).after(before))
                .runAsync(pool, access -> {}));
    AtomicInteger rounds = new AtomicInteger();
    Threads.untilCollected(() -> rounds.incrementAndGet() > 3);
    assertThat(ended).isNotDone();
    other.signal(before);
    ended.join();
  }

  @Test
  void userContextClosedUnderARunningJob_neverFreesMemoryInUse() throws InterruptedException {
    FenceContext queue = FenceContext.create("queue");
    Job job = Job.named("running").inOrderOf(queue).writes(target).publish();
    JobAccess access = job.open();
    MemorySegment segment = access.segment(target);
    target.close();
    queue.close();
    assertThat(job.fence().error()).containsInstanceOf(FenceAbandonedException.class);
    assertThat(targetMemory.isReleased()).as("a segment is open").isFalse();
    segment.set(JAVA_BYTE, 0, (byte) 1);
    assertThat(targetMemory.count(Call.END)).isZero();
    access.close();
    assertThat(targetMemory.count(Call.END)).isEqualTo(1);
    assertThat(targetMemory.count(Call.RELEASE)).isEqualTo(1);
  }

  @Test
  void userContextClosedUnderRunAsync_failsTheStage() throws InterruptedException {
    FenceContext queue = FenceContext.create("queue");
    Job job = Job.named("running").inOrderOf(queue).writes(target).publish();
    CountDownLatch in = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    CompletableFuture<Void> ended =
        future(
            job.runAsync(
                pool,
                access -> {
                  in.countDown();
                  goOn.await();
                  access.segment(target).set(JAVA_BYTE, 0, (byte) 1);
                }));
    in.await();
    queue.close();
    target.close();
    assertThat(targetMemory.isReleased()).isFalse();
    goOn.countDown();
    assertThatThrownBy(ended::join).hasCauseInstanceOf(FenceAbandonedException.class);
    Threads.until(targetMemory::isReleased);
  }

  @Test
  void publishAndCloseOfTheContext_atOnce_countsExactly() throws Exception {
    AtomicReference<FenceContext> queue = new AtomicReference<>();
    AtomicReference<TestExporter> memory = new AtomicReference<>();
    AtomicReference<DmaBuf> handle = new AtomicReference<>();
    Threads.race(
        () -> {
          queue.set(FenceContext.create("queue"));
          memory.set(new TestExporter());
          handle.set(memory.get().export());
        },
        () -> {
          try {
            Job.named("race").inOrderOf(queue.get()).writes(handle.get()).publish();
          } catch (IllegalStateException closed) {
            assertThat(closed).hasMessageContaining("closed");
          }
        },
        () -> {
          queue.get().close();
          handle.get().close();
        },
        () -> {
          assertThat(memory.get().count(Call.RELEASE)).isEqualTo(1);
          assertThat(memory.get().object.info().holds()).isZero();
          assertThat(memory.get().object.info().references()).isZero();
        });
  }

  @Test
  void publishOnAClosedContext_isRefusedAndLeavesNothing() {
    FenceContext queue = FenceContext.create("queue");
    queue.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> Job.named("late").inOrderOf(queue).writes(target).publish());
    assertThat(target.info().references()).isEqualTo(2);
    assertThat(target.info().holds()).isZero();
  }

  @Test
  void jobsOfOneContext_endedOutOfTurn_signalInOrderWithTheirOwnOutcomes() throws Exception {
    FenceContext queue = FenceContext.create("queue");
    List<String> signaled = new ArrayList<>();
    Job first = Job.named("first").inOrderOf(queue).reads(source).publish();
    Job second = Job.named("second").inOrderOf(queue).reads(source).publish();
    Job third = Job.named("third").inOrderOf(queue).reads(source).publish();
    for (Job job : List.of(first, second, third)) {
      assertThat(job.fence().addCallback(fence -> signaled.add(job.toString()))).isTrue();
    }
    assertThat(third.fail(new IOException("third"))).isTrue();
    assertThat(second.signal()).isTrue();
    assertThat(second.fail(new IOException("too late"))).isFalse();
    assertThatIllegalStateException().isThrownBy(second::open).withMessageContaining("has ended");
    second.close();
    assertThat(signaled).isEmpty();
    assertThat(source.info().holds()).isEqualTo(3);
    assertThat(first.signal()).isTrue();
    assertThat(signaled)
        .containsExactly("job first (SIGNALED)", "job second (SIGNALED)", "job third (FAILED)");
    assertThat(third.fence().error()).get().hasToString("java.io.IOException: third");
    assertThat(source.info().holds()).isZero();
    queue.close();
  }

  @Test
  void jobEndedOutOfTurn_whoseContextIsClosed_keepsItsOwnOutcome() throws InterruptedException {
    FenceContext queue = FenceContext.create("queue");
    Job first = Job.named("first").inOrderOf(queue).reads(source).publish();
    Job second = Job.named("second").inOrderOf(queue).reads(source).publish();
    second.signal();
    queue.close();
    assertThat(first.fence().error()).containsInstanceOf(FenceAbandonedException.class);
    assertThat(second.fence().status()).isEqualTo(Fence.Status.SIGNALED);
  }

  @Test
  void lostJobOfASharedContext_failsAlone() throws InterruptedException {
    FenceContext queue = FenceContext.create("queue");
    Fence lost = publish(Job.named("lost").inOrderOf(queue).reads(source)).fence();
    Job next = Job.named("next").inOrderOf(queue).reads(source).publish();
    next.signal();
    Threads.untilCollected(next.fence()::isSignaled);
    assertThat(lost.error()).containsInstanceOf(FenceAbandonedException.class);
    assertThat(lost.error().orElseThrow()).hasMessageContaining("job lost was lost");
    assertThat(next.fence().error()).isEmpty();
    assertThat(queue.isClosed()).isFalse();
    queue.close();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void chainOfJobs_runOnTheSignalingThread_needsABoundedStack(boolean inOrder) throws Exception {
    FenceContext queue = FenceContext.create("queue");
    FenceContext start = FenceContext.create("start");
    Fence first = start.newFence();
    Fence before = first;
    AtomicInteger ran = new AtomicInteger();
    CompletableFuture<Void> last = new CompletableFuture<>();
    for (int i = 0; i < 10_000; i++) {
      Job.Builder builder = Job.named("link").reads(source).after(before);
      Job job = (inOrder ? builder.inOrderOf(queue) : builder).publish();
      before = job.fence();
      last = future(job.runAsync(Runnable::run, access -> ran.incrementAndGet()));
    }
    start.signal(first);
    last.join();
    assertThat(ran).hasValue(10_000);
    queue.close();
  }

  @Test
  void signalWithAnOpenAccess_isRefused() throws InterruptedException {
    Job job = Job.named("open").writes(target).publish();
    try (JobAccess access = job.open()) {
      assertThatIllegalStateException()
          .isThrownBy(job::signal)
          .withMessageContaining("open accesses");
      assertThatIllegalStateException().isThrownBy(() -> job.fail(new IOException()));
      assertThatIllegalStateException().isThrownBy(job::close);
      assertThat(access.segment(target).scope().isAlive()).isTrue();
    }
    assertThat(job.signal()).isTrue();
    assertThat(job.signal()).isFalse();
  }

  // ---- what a job may see ----

  @Test
  void sameBufferTwice_isUsedOnceWithBothAccesses() throws InterruptedException {
    try (DmaBuf again = target.dup()) {
      Job job = Job.named("in place").reads(target).writes(again).reads(again).publish();
      assertThat(target.info().holds()).isEqualTo(1);
      assertThat(job.dependencies()).isEmpty();
      assertThat(target.info().fences()).hasSize(1);
      job.run(access -> assertThat(access.segment(target).isReadOnly()).isFalse());
    }
  }

  @Test
  void buffersThatShareAReservation_areLockedOnce() throws InterruptedException {
    Reservation shared = new Reservation();
    TestExporter one = new TestExporter(shared);
    TestExporter two = new TestExporter(shared);
    try (DmaBuf a = one.export();
        DmaBuf b = two.export()) {
      Job.named("shared")
          .reads(a)
          .writes(b)
          .publish()
          .run(access -> access.segment(b).copyFrom(access.segment(a)));
      Job.named("shared")
          .writes(a)
          .reads(b)
          .publish()
          .run(access -> access.segment(a).copyFrom(access.segment(b)));
    }
    assertThat(one.isReleased() && two.isReleased()).isTrue();
  }

  @Test
  void closedHandleOfABufferThatIsGivenTwice_isRefused() {
    DmaBuf closed = target.dup();
    closed.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> Job.named("closed").reads(target).writes(closed).publish())
        .withMessageContaining("test-exporter");
    assertThat(target.info().references()).isEqualTo(2);
  }

  @Test
  void readOnlyHandle_givesAReadOnlySegment_evenOfABufferThatIsWritten()
      throws InterruptedException {
    try (DmaBuf readOnly = target.dupReadOnly()) {
      assertThatIllegalStateException().isThrownBy(() -> Job.named("j").writes(readOnly).publish());
      Job.named("both")
          .reads(readOnly)
          .writes(target)
          .publish()
          .run(
              access -> {
                assertThat(access.segment(target).isReadOnly()).isFalse();
                assertThat(access.segment(readOnly).isReadOnly()).isTrue();
              });
    }
  }

  @Test
  void foreignBuffer_isNotGiven() throws InterruptedException {
    DmaBuf stale = source.dup();
    stale.close();
    Job job = Job.named("one").writes(target).publish();
    try (JobAccess access = job.open()) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> access.segment(source))
          .withMessageContaining("reads() or writes()");
      assertThatIllegalArgumentException().isThrownBy(() -> access.segment(stale));
    }
    job.signal();
  }

  @Test
  void access_isItsThreadsOwn_andDeadAfterClose() throws Exception {
    Job job = Job.named("access").writes(target).publish();
    JobAccess access = job.open();
    MemorySegment segment = access.segment(target);
    Threads.platform(
            () -> {
              assertThatExceptionOfType(WrongThreadException.class)
                  .isThrownBy(() -> access.segment(target));
              assertThatExceptionOfType(WrongThreadException.class)
                  .isThrownBy(() -> segment.get(JAVA_BYTE, 0));
              assertThatExceptionOfType(WrongThreadException.class).isThrownBy(access::close);
            })
        .join();
    access.close();
    access.close();
    assertThatIllegalStateException().isThrownBy(() -> segment.get(JAVA_BYTE, 0));
    assertThatIllegalStateException().isThrownBy(() -> access.segment(target));
    job.signal();
  }

  @Test
  void publish_withAReservationHeld_isRefused() throws InterruptedException {
    Reservation reservation = target.reservation();
    reservation.lock();
    assertThatIllegalStateException().isThrownBy(() -> Job.named("held").writes(target).publish());
    reservation.unlock();
    assertThat(target.info().references()).isEqualTo(2);
  }

  // ---- publishAsync ----

  @Test
  void publishAsync_doesNotBlockTheCaller() {
    Reservation reservation = target.reservation();
    reservation.lock();
    CompletableFuture<Job> published = future(Job.named("async").writes(target).publishAsync());
    assertThat(published).isNotDone();
    reservation.unlock();
    assertThat(published.join().signal()).isTrue();
  }

  @Test
  void publishAsync_takesItsReferencesBeforeItReturns() {
    DmaBuf mine = target.dup();
    Reservation reservation = target.reservation();
    reservation.lock();
    CompletableFuture<Job> published = future(Job.named("async").writes(mine).publishAsync());
    mine.close();
    reservation.unlock();
    assertThat(published.join().signal()).isTrue();
  }

  @Test
  void publishAsync_failsAsPublishWould() {
    DmaBuf closed = target.dup();
    closed.close();
    assertThatThrownBy(() -> future(Job.named("async").writes(closed).publishAsync()).join())
        .isInstanceOf(CompletionException.class)
        .hasCauseInstanceOf(IllegalStateException.class);
    assertThat(target.info().references()).isEqualTo(2);
  }

  // ---- stress ----

  @Test
  void jobsOverRandomBuffers_fromManyThreads_excludeEachOther() throws Exception {
    List<TestExporter> memories = new ArrayList<>();
    List<DmaBuf> buffers = new ArrayList<>();
    List<AtomicInteger> writers = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      memories.add(new TestExporter());
      buffers.add(memories.getLast().export());
      writers.add(new AtomicInteger());
    }
    BooleanSupplier going = Threads.stressTime();
    List<CompletableFuture<Void>> stages = Collections.synchronizedList(new ArrayList<>());
    List<Threads.Body> bodies = new ArrayList<>();
    for (int thread = 0; thread < 4; thread++) {
      int seed = thread;
      bodies.add(
          () -> {
            Random random = new Random(seed);
            while (going.getAsBoolean()) {
              int read = random.nextInt(5);
              int written = (read + 1 + random.nextInt(4)) % 5;
              Job job =
                  Job.named("stress")
                      .reads(buffers.get(read))
                      .writes(buffers.get(written))
                      .publish();
              Job.Body<RuntimeException> body =
                  access -> {
                    assertThat(writers.get(written).incrementAndGet()).isEqualTo(1);
                    assertThat(writers.get(read).get()).isZero();
                    access
                        .segment(buffers.get(written))
                        .copyFrom(access.segment(buffers.get(read)));
                    writers.get(written).decrementAndGet();
                  };
              switch (random.nextInt(4)) {
                case 0 -> job.run(body);
                case 1 -> stages.add(future(job.runAsync(pool, body)));
                case 2 -> stages.add(future(job.runAsync(Runnable::run, body)));
                default -> job.close();
              }
              if (stages.size() > 50) {
                stages.removeLast().join();
              }
            }
          });
    }
    Threads.together(bodies);
    for (CompletableFuture<Void> stage : List.copyOf(stages)) {
      stage.join();
    }
    buffers.forEach(DmaBuf::close);
    for (TestExporter memory : memories) {
      Threads.until(memory::isReleased);
      assertThat(memory.count(Call.RELEASE)).isEqualTo(1);
      assertThat(memory.object.info().holds()).isZero();
      assertThat(memory.count(Call.BEGIN)).isEqualTo(memory.count(Call.END));
    }
  }

  // ---- producers that throw in the middle ----

  /** Throws what the compiler would not let it throw. */
  @SuppressWarnings("unchecked")
  private static <X extends Throwable> void sneak(Throwable thrown) throws X {
    throw (X) thrown;
  }

  @Test
  void operationsThatThrow_loseNeitherTheJobNorItsOutcome() throws InterruptedException {
    FenceContext queue =
        FenceContext.builder("queue")
            .operations(
                new FenceContext.Operations() {
                  @Override
                  public boolean enableSignaling(Fence fence) {
                    JobTest.<RuntimeException>sneak(new IOException("thrown on purpose"));
                    return false;
                  }
                })
            .build();
    Fence first = queue.newFence();
    Job job = Job.named("second").inOrderOf(queue).writes(target).publish();
    assertThat(job.signal()).isTrue();
    assertThat(job.fence().isSignaled()).isFalse();
    queue.signal(first);
    assertThat(job.fence().status()).isEqualTo(Fence.Status.SIGNALED);
    queue.close();
  }

  @Test
  void contextClosedByACallbackOfTheFenceBefore_leavesTheOutcomeOfAnEndedJob()
      throws InterruptedException {
    FenceContext queue = FenceContext.create("queue");
    Fence first = queue.newFence();
    first.addCallback(signaled -> queue.close());
    Job job = Job.named("second").inOrderOf(queue).reads(source).publish();
    assertThat(job.signal()).isTrue();
    queue.signal(first);
    assertThat(job.fence().status()).isEqualTo(Fence.Status.SIGNALED);
  }

  @Test
  void partThatFailsOutOfTurn_endsTheStageWithTheJob_notBefore() throws InterruptedException {
    FenceContext queue = FenceContext.create("queue");
    Fence first = queue.newFence();
    Job job = Job.named("second").inOrderOf(queue).writes(target).publish();
    CompletableFuture<Void> ended =
        future(
            job.runAsync(
                Runnable::run,
                access -> {
                  throw new IOException("thrown on purpose");
                }));
    assertThat(ended).isNotDone();
    queue.signal(first);
    assertThatThrownBy(ended::join).hasCauseInstanceOf(IOException.class);
    queue.close();
  }

  @Test
  void releaseThatThrowsWhatCantBeLogged_stillTellsThoseWhoWait() throws Exception {
    TestExporter broken = new TestExporter();
    DmaBuf buffer = broken.export();
    broken.onRelease =
        () ->
            JobTest.<RuntimeException>sneak(
                new Exception() {
                  @Override
                  public String getMessage() {
                    throw new IllegalStateException("can't be logged");
                  }
                });
    Job job = Job.named("last user").reads(buffer).publish();
    buffer.close();
    AtomicBoolean told = new AtomicBoolean();
    job.fence().addCallback(fence -> told.set(true));
    Threads.Started waiter = Threads.platform(() -> job.fence().await()).awaitBlocked();
    assertThat(job.signal()).isTrue();
    waiter.join();
    assertThat(told).isTrue();
  }

  @Test
  void fn5_publishUninterruptibly_waitsForTheLocksAndKeepsTheInterrupt() throws Exception {
    Reservation busy = source.reservation();
    busy.lock();
    Threads.Started publisher =
        Threads.platform(
            () -> {
              Thread.currentThread().interrupt();
              try (Job job =
                  Job.named("patient").reads(source).writes(target).publishUninterruptibly()) {
                assertThat(Thread.interrupted()).isTrue();
                job.signal();
              }
            });
    publisher.awaitBlocked();
    busy.unlock();
    publisher.join();
    assertThat(source.info().holds()).isZero();
  }
}

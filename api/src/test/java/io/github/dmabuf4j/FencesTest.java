package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

final class FencesTest {
  private static final Duration LONG = Duration.ofSeconds(Threads.LIMIT_SECONDS);

  private final FenceContext a = FenceContext.create("a");
  private final FenceContext b = FenceContext.create("b");

  @Test
  void unwrap_visitsLeavesOnly() {
    Fence first = a.newFence();
    Fence second = b.newFence();
    Fence third = a.newFence();
    Fence array = FenceArray.all(List.of(first, second));
    Fence chain = FenceChain.append(FenceChain.append(null, array, 1), third, 2);
    assertThat(Fences.unwrap(List.of(chain))).containsExactly(third, first, second);
    assertThat(Fences.unwrap(List.of(first, array))).containsExactly(first, first, second);
    assertThat(Fences.unwrap(List.of())).isEmpty();
  }

  @Test
  void merge_ofNothingPending_isTheStub() {
    Fence done = a.newFence();
    a.signal(done);
    assertThat(Fences.merge(List.of())).isSameAs(Fence.stub());
    assertThat(Fences.merge(List.of(done, Fence.stub()))).isSameAs(Fence.stub());
  }

  @Test
  void merge_ofOnePending_isThatOne() {
    Fence fence = a.newFence();
    assertThat(Fences.merge(List.of(Fence.stub(), fence, fence))).isSameAs(fence);
  }

  @Test
  void merge_keepsTheLatestPerContext() {
    Fence early = a.newFence();
    Fence late = a.newFence();
    Fence other = b.newFence();
    Fence merged = Fences.merge(List.of(other, late, early));
    assertThat(((FenceArray) merged).parts())
        .containsExactly(late, other)
        .isSortedAccordingTo(java.util.Comparator.comparingLong(Fence::context));
    assertThat(Fences.merge(List.of(early, late))).isSameAs(late);
  }

  @Test
  void merge_takesContainersApart() {
    Fence first = a.newFence();
    Fence second = b.newFence();
    Fence merged =
        Fences.merge(List.of(FenceChain.append(null, FenceArray.all(List.of(first, second)), 1)));
    assertThat(((FenceArray) merged).parts()).containsExactlyInAnyOrder(first, second);
  }

  @Test
  void merge_ofASignaledContainer_isSignaled() {
    Fence slow = a.newFence();
    Fence any = FenceArray.any(List.of(slow, Fence.stub()));
    assertThat(any.isSignaled()).isTrue();
    assertThat(Fences.merge(List.of(any)).isSignaled()).isTrue();
  }

  @Test
  void awaitAny_returnsTheOneThatSignals() throws Exception {
    Fence first = a.newFence();
    Fence second = b.newFence();
    Threads.Started waiter =
        Threads.platform(
                () -> assertThat(Fences.awaitAny(List.of(first, second), LONG)).contains(second))
            .awaitBlocked();
    b.signal(second);
    waiter.join();
    assertThat(Fences.awaitAny(List.of(first, second), Duration.ZERO)).contains(second);
  }

  @Test
  void awaitAny_whoseTimeIsUp_isEmptyAndLeavesNoCallback() throws Exception {
    Fence first = a.newFence();
    Fence second = b.newFence();
    assertThat(Fences.awaitAny(List.of(first, second), Duration.ofMillis(1))).isEmpty();
    assertThat(Fences.awaitAny(List.of(first), Duration.ZERO)).isEmpty();
    assertThat(Leaks.callbacksOn(first)).isZero();
  }

  @Test
  void fn1_awaitAny_ofSilentForeignFences_namesThemAll() {
    FenceContext camera = FenceContext.builder("camera").foreign(Duration.ofMillis(1)).build();
    FenceContext screen = FenceContext.builder("screen").foreign(Duration.ofMillis(2)).build();
    assertThatExceptionOfType(FenceTimeoutException.class)
        .isThrownBy(() -> Fences.awaitAny(List.of(camera.newFence(), screen.newFence()), LONG))
        .withMessageContaining("host/camera")
        .withMessageContaining("host/screen");
    camera.close();
    screen.close();
  }

  @Test
  void awaitAny_withAnEndlessTimeout_doesNotOverflow() throws InterruptedException {
    assertThat(Fences.awaitAny(List.of(Fence.stub()), Duration.ofSeconds(Long.MAX_VALUE)))
        .contains(Fence.stub());
    Fence fence = a.newFence();
    CompletableFuture<Void> end = CompletableFuture.runAsync(() -> a.signal(fence));
    assertThat(Fences.awaitAny(List.of(fence), Duration.ofSeconds(Long.MAX_VALUE))).contains(fence);
    end.join();
  }

  @Test
  void awaitAny_isInterruptible() throws Exception {
    Fence fence = a.newFence();
    Threads.Started waiter =
        Threads.virtual(
            () ->
                assertThatExceptionOfType(InterruptedException.class)
                    .isThrownBy(() -> Fences.awaitAny(List.of(fence), LONG)));
    waiter.awaitBlocked().thread().interrupt();
    waiter.join();
  }

  @Test
  void awaitAny_ofNothing_isRefused() {
    assertThatIllegalArgumentException().isThrownBy(() -> Fences.awaitAny(List.of(), LONG));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Fences.awaitAnyUninterruptibly(List.of(), LONG));
  }

  @Test
  void fn5_awaitAnyUninterruptibly_keepsTheInterruptForLater() throws Exception {
    Fence first = a.newFence();
    Fence second = b.newFence();
    Threads.Started waiter =
        Threads.platform(
            () -> {
              assertThat(Fences.awaitAnyUninterruptibly(List.of(first, second), LONG))
                  .contains(second);
              assertThat(Thread.interrupted()).isTrue();
            });
    waiter.awaitBlocked().thread().interrupt();
    waiter.awaitBlocked();
    b.signal(second);
    waiter.join();
    assertThat(Leaks.callbacksOn(first)).isZero();
    assertThat(Fences.awaitAnyUninterruptibly(List.of(first), Duration.ofMillis(1))).isEmpty();
    assertThat(Leaks.nodesOn(first)).isLessThan(3);
  }

  @Test
  void fn5_awaitAll_waitsForEachWithinOneDeadline() throws Exception {
    Fence first = a.newFence();
    Fence second = b.newFence();
    List<Fence> both = List.of(first, second);
    assertThat(Fences.awaitAll(List.of(), Duration.ZERO)).isTrue();
    assertThat(Fences.awaitAll(both, Duration.ofMillis(1))).isFalse();
    assertThat(Fences.awaitAllUninterruptibly(both, Duration.ZERO)).isFalse();
    a.signal(first);
    Threads.Started waiter =
        Threads.virtual(() -> assertThat(Fences.awaitAll(both, LONG)).isTrue()).awaitBlocked();
    b.signal(second);
    waiter.join();
    assertThat(Fences.awaitAllUninterruptibly(both, Duration.ZERO)).isTrue();
  }

  @Test
  void from_signalsAsTheStageCompletes() {
    CompletableFuture<String> good = new CompletableFuture<>();
    Fence fence = Fences.from(good, "stage");
    assertThat(fence.isSignaled()).isFalse();
    assertThat(fence.timelineName()).isEqualTo("stage");
    good.complete("done");
    assertThat(fence.status()).isEqualTo(Fence.Status.SIGNALED);

    IOException error = new IOException("EIO");
    assertThat(Fences.from(CompletableFuture.failedFuture(error), "failed").error())
        .containsSame(error);
  }

  @Test
  void from_aDependentStage_failsWithTheErrorItselfNotItsWrapper() {
    CompletableFuture<Void> source = new CompletableFuture<>();
    Fence fence = Fences.from(source.thenRun(() -> {}), "dependent");
    IOException error = new IOException("EIO");
    source.completeExceptionally(error);
    assertThat(fence.error()).containsSame(error);
  }

  @Test
  void fenceToStageToFence_keepsTheError() {
    Fence fence = a.newFence();
    Fence again = Fences.from(fence.toCompletionStage(), "round trip");
    IOException error = new IOException("EIO");
    a.fail(fence, error);
    assertThat(again.error()).containsSame(error);
  }

  @Test
  void from_aLostStage_failsTheFence() {
    Fence fence = Fences.from(new CompletableFuture<>(), "lost");
    Threads.untilCollected(fence::isSignaled);
    assertThat(fence.error()).containsInstanceOf(FenceAbandonedException.class);
  }

  @Test
  void from_survivesCollectionWhileTheStageLives() {
    CompletableFuture<Void> stage = new CompletableFuture<>();
    Fence fence = Fences.from(stage, "kept");
    AtomicInteger rounds = new AtomicInteger();
    Threads.untilCollected(() -> rounds.incrementAndGet() > 5);
    assertThat(fence.isSignaled()).isFalse();
    stage.complete(null);
    assertThat(fence.error()).isEmpty();
    assertThat(fence.isSignaled()).isTrue();
  }
}

package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;

final class FenceArrayTest {
  private final FenceContext a = FenceContext.create("a");
  private final FenceContext b = FenceContext.create("b");

  @Test
  void all_signalsWithTheLastPart() {
    Fence first = a.newFence();
    Fence second = b.newFence();
    FenceArray array = FenceArray.all(List.of(first, second));
    b.signal(second);
    assertThat(array.isSignaled()).isFalse();
    a.signal(first);
    assertThat(array.isSignaled()).isTrue();
    assertThat(array.error()).isEmpty();
    assertThat(array.parts()).containsExactly(first, second).isUnmodifiable();
  }

  @Test
  void any_signalsWithTheFirstPart() {
    Fence first = a.newFence();
    Fence second = b.newFence();
    FenceArray array = FenceArray.any(List.of(first, second));
    b.signal(second);
    assertThat(array.isSignaled()).isTrue();
    a.fail(first, new IOException());
    assertThat(array.error()).isEmpty();
  }

  @Test
  void ofSignaledParts_isSignaledAtOnce() {
    assertThat(FenceArray.all(List.of(Fence.stub(), Fence.stub())).isSignaled()).isTrue();
    assertThat(FenceArray.any(List.of(a.newFence(), Fence.stub())).isSignaled()).isTrue();
  }

  @Test
  void all_takesTheErrorOfThePartThatFailedFirst() {
    Fence first = a.newFence();
    Fence second = b.newFence();
    FenceArray array = FenceArray.all(List.of(first, second));
    IOException early = new IOException("early");
    b.fail(second, early);
    assertThat(array.error()).as("pending").isEmpty();
    a.fail(first, new IOException("late"));
    assertThat(array.error()).containsSame(early);
  }

  @Test
  void all_takesTheErrorOfAPartThatFailedBeforeIt() {
    Fence failed = a.newFence();
    IOException error = new IOException("before");
    a.fail(failed, error);
    assertThat(FenceArray.all(List.of(failed, Fence.stub())).error()).containsSame(error);
  }

  @Test
  void any_endsAsThePartThatEndedItDid() {
    Fence failed = a.newFence();
    IOException error = new IOException("EIO");
    a.fail(failed, error);
    assertThat(FenceArray.any(List.of(Fence.stub(), failed)).error())
        .as("the stub was first")
        .isEmpty();
    assertThat(FenceArray.any(List.of(failed, Fence.stub())).error()).containsSame(error);
  }

  @Test
  void emptyOrNested_isRefused() {
    FenceArray array = FenceArray.all(List.of(a.newFence()));
    FenceChain chain = FenceChain.append(null, a.newFence(), 1);
    assertThatIllegalArgumentException().isThrownBy(() -> FenceArray.all(List.of()));
    assertThatIllegalArgumentException().isThrownBy(() -> FenceArray.any(List.of()));
    assertThatIllegalArgumentException().isThrownBy(() -> FenceArray.all(List.of(array)));
    assertThatIllegalArgumentException().isThrownBy(() -> FenceArray.any(List.of(chain)));
  }

  @Test
  void samePartTwice_countsTwice() {
    Fence fence = a.newFence();
    FenceArray array = FenceArray.all(List.of(fence, fence));
    a.signal(fence);
    assertThat(array.isSignaled()).isTrue();
  }

  @Test
  void any_leavesNothingOnThePartsThatAreStillPending() {
    Fence slow = a.newFence();
    for (int i = 0; i < 100; i++) {
      Fence fast = b.newFence();
      FenceArray array = FenceArray.any(List.of(slow, fast));
      b.signal(fast);
      assertThat(array.isSignaled()).isTrue();
    }
    assertThat(Leaks.callbacksOn(slow)).isZero();
  }

  @Test
  void arraysThatAreOnlyPolledOrDropped_leaveNothingOnTheirParts() {
    Fence first = a.newFence();
    Fence second = b.newFence();
    for (int i = 0; i < 1000; i++) {
      assertThat(Fences.merge(List.of(first, second)).isSignaled()).isFalse();
      assertThat(FenceArray.any(List.of(first, second)).status()).isEqualTo(Fence.Status.PENDING);
    }
    assertThat(Leaks.callbacksOn(first)).isZero();
    assertThat(Leaks.callbacksOn(second)).isZero();
  }

  @Test
  void timedWaitsForFreshArrays_leaveNothingOnTheirParts() throws Exception {
    Fence first = a.newFence();
    Fence second = b.newFence();
    for (int i = 0; i < 200; i++) {
      Fence merged = Fences.merge(List.of(first, second));
      assertThat(merged.await(Duration.ofNanos(50_000))).isFalse();
      Fence.Callback callback = fence -> {};
      assertThat(merged.addCallback(callback)).isTrue();
      assertThat(Leaks.callbacksOn(first)).as("listens once for all").isEqualTo(1);
      assertThat(merged.removeCallback(callback)).isTrue();
    }
    assertThat(Leaks.callbacksOn(first)).isZero();
    assertThat(Leaks.callbacksOn(second)).isZero();
  }

  @Test
  void droppedArray_isCollectedWhileItsPartsArePending() {
    Fence first = a.newFence();
    Fence second = b.newFence();
    List<WeakReference<Fence>> dropped = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      Fence merged = Fences.merge(List.of(first, second));
      assertThat(merged.awaitUninterruptibly(Duration.ZERO)).isFalse();
      dropped.add(new WeakReference<>(merged));
    }
    Threads.untilCollected(() -> dropped.stream().allMatch(ref -> ref.get() == null));
    assertThat(first.isSignaled()).isFalse();
  }

  @Test
  void arrayThatSomebodyWaitsFor_isKeptByItsParts() {
    Fence first = a.newFence();
    AtomicInteger told = new AtomicInteger();
    boolean added =
        FenceArray.all(List.of(first, b.newFence())).addCallback(fence -> told.incrementAndGet());
    assertThat(added).isTrue();
    WeakReference<Object> garbage = new WeakReference<>(new Object());
    Threads.untilCollected(() -> garbage.get() == null);
    a.signal(first);
    b.close();
    assertThat(told).hasValue(1);
  }

  @Test
  void addAndRemoveAndSignal_atOnce_loseNoCallbackAndLeaveNone() throws Exception {
    BooleanSupplier going = Threads.stressTime();
    while (going.getAsBoolean()) {
      Fence first = a.newFence();
      Fence second = b.newFence();
      FenceArray array = FenceArray.all(List.of(first, second));
      AtomicInteger expected = new AtomicInteger();
      AtomicInteger runs = new AtomicInteger();
      Threads.Body coming =
          () -> {
            for (int i = 0; i < 50; i++) {
              Fence.Callback callback = fence -> runs.incrementAndGet();
              if (array.addCallback(callback) && (i == 40 || !array.removeCallback(callback))) {
                expected.incrementAndGet();
              }
            }
          };
      Threads.together(coming, coming, () -> a.signal(first));
      assertThat(array.isSignaled()).isFalse();
      assertThat(Leaks.callbacksOn(second)).isEqualTo(1);
      Threads.together(coming, () -> b.signal(second));
      assertThat(array.isSignaled()).isTrue();
      assertThat(runs.get()).isEqualTo(expected.get());
    }
  }

  @Test
  void comingAndGoing_leaveNothingOnThePartsThatArePending() throws Exception {
    Fence first = a.newFence();
    Fence second = b.newFence();
    FenceArray array = FenceArray.all(List.of(first, second));
    BooleanSupplier going = Threads.stressTime();
    Threads.Body coming =
        () -> {
          while (going.getAsBoolean()) {
            Fence.Callback callback = fence -> {};
            assertThat(array.addCallback(callback)).isTrue();
            assertThat(array.removeCallback(callback)).isTrue();
          }
        };
    Threads.together(coming, coming, coming);
    assertThat(Leaks.callbacksOn(array)).isZero();
    assertThat(Leaks.callbacksOn(first)).isZero();
    assertThat(Leaks.callbacksOn(second)).isZero();
    a.signal(first);
    b.signal(second);
    assertThat(array.isSignaled()).isTrue();
  }

  @Test
  void eachArray_isAContextOfItsOwn() {
    Fence first = FenceArray.all(List.of(Fence.stub()));
    Fence second = FenceArray.all(List.of(Fence.stub()));
    assertThat(first.context()).isNegative().isNotEqualTo(second.context());
    assertThat(first.seqno()).isEqualTo(1);
  }

  @Test
  void partsSignaledFromManyThreads_signalTheArrayOnce() throws Exception {
    BooleanSupplier going = Threads.stressTime();
    while (going.getAsBoolean()) {
      List<FenceContext> contexts = new ArrayList<>();
      List<Fence> parts = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        contexts.add(FenceContext.create("part"));
        parts.add(contexts.getLast().newFence());
      }
      List<Fence> told = Collections.synchronizedList(new ArrayList<>());
      List<Threads.Body> bodies = new ArrayList<>();
      for (int thread = 0; thread < 3; thread++) {
        int from = thread;
        bodies.add(
            () -> {
              for (int i = from; i < 12; i += 3) {
                contexts.get(i).signal(parts.get(i));
              }
            });
      }
      List<FenceArray> arrays = Collections.synchronizedList(new ArrayList<>());
      bodies.add(
          () -> {
            FenceArray array = FenceArray.all(parts);
            arrays.add(array);
            if (!array.addCallback(told::add)) {
              told.add(array);
            }
          });
      Threads.together(bodies);
      assertThat(told).containsExactlyElementsOf(arrays);
    }
  }
}

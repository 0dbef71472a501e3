package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
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
  void any_leavesNothingOnThePartsThatAreStillPending() throws Exception {
    Fence slow = a.newFence();
    for (int i = 0; i < 100; i++) {
      Fence fast = b.newFence();
      FenceArray array = FenceArray.any(List.of(slow, fast));
      b.signal(fast);
      assertThat(array.isSignaled()).isTrue();
    }
    java.lang.reflect.Field state = Fence.class.getDeclaredField("state");
    state.setAccessible(true);
    int depth = 0;
    for (Object node = state.get(slow); node != null; depth++) {
      java.lang.reflect.Field next = node.getClass().getDeclaredField("next");
      next.setAccessible(true);
      node = next.get(node);
    }
    assertThat(depth).isLessThan(10);
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

package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.dmabuf4j.Threads.Started;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.IntToLongFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

final class FenceChainTest {
  private static final Duration LONG = Duration.ofSeconds(Threads.LIMIT_SECONDS);

  /** What the table calls ncpu. */
  private static final int PROCESSORS = Math.max(8, Runtime.getRuntime().availableProcessors());

  /** N fences, each the only one of its context, and N nodes. */
  private static final class Chain {
    final List<FenceContext> contexts = new ArrayList<>();
    final List<Fence> fences = new ArrayList<>();
    final List<FenceChain> nodes = new ArrayList<>();

    Chain(int count, IntToLongFunction seqno) {
      FenceChain last = null;
      for (int i = 0; i < count; i++) {
        FenceContext context = FenceContext.create("mock");
        contexts.add(context);
        Fence fence = context.newFence();
        fences.add(fence);
        last = FenceChain.append(last, fence, seqno.applyAsLong(i));
        nodes.add(last);
      }
    }

    void signal(int i) {
      contexts.get(i).signal(fences.get(i));
    }

    FenceChain tail() {
      return nodes.getLast();
    }

    /** Everything is signaled, and nothing keeps anything else. */
    void assertNothingLeft() {
      for (int i = 0; i < nodes.size(); i++) {
        Leaks.assertNone(contexts.get(i), fences.get(i), nodes.get(i));
        assertThat(nodes.get(i).previousPending()).isNull();
        contexts.get(i).close();
      }
    }

    void signalAll() {
      for (int i = 0; i < nodes.size(); i++) {
        signal(i);
      }
      assertNothingLeft();
    }
  }

  private static Chain chain(int count) {
    return new Chain(count, i -> i + 1L);
  }

  @Test
  void c1_oneNode_signalsWithItsFence() {
    Chain chain = chain(1);
    assertThat(chain.tail().isSignaled()).isFalse();
    assertThat(chain.tail().previousPending()).isNull();
    chain.signal(0);
    assertThat(chain.tail().isSignaled()).isTrue();
    chain.assertNothingLeft();
  }

  @Test
  void c2_findSeqno_yieldsTheNodeOfThePoint() {
    Chain chain = chain(64);
    assertThat(chain.tail().find(0)).isSameAs(chain.tail());
    for (int i = 0; i < 64; i++) {
      FenceChain node = chain.nodes.get(i);
      long point = i + 1L;
      assertThat(chain.tail().find(point)).isSameAs(node);
      assertThat(node.find(point)).isSameAs(node);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> node.find(point + 1))
          .withMessageContaining("" + point);
      if (i > 0) {
        assertThat(node.find(i)).isSameAs(chain.nodes.get(i - 1));
      }
    }
    chain.signalAll();
  }

  @Test
  void c3_findSignaled_yieldsNothingOrTheNode() {
    Chain chain = chain(2);
    chain.signal(0);
    assertThat(chain.tail().find(1)).isIn(null, chain.nodes.get(0));
    chain.signalAll();
  }

  @Test
  void c4_findOutOfOrder_yieldsWhatStillHasToBeWaitedFor() {
    Chain chain = chain(3);
    chain.signal(1);
    assertThat(chain.tail().find(2)).isSameAs(chain.nodes.get(0));
    chain.signalAll();
  }

  @Test
  void c5_findGap_yieldsTheNextPoint() {
    Chain chain = new Chain(64, i -> 2L * i + 2);
    for (int i = 0; i < 64; i++) {
      Fence found = chain.tail().find(2L * i + 1);
      assertThat(found).isSameAs(chain.nodes.get(i));
      assertThat(((FenceChain) Objects.requireNonNull(found)).find(2L * i + 2))
          .isSameAs(chain.nodes.get(i));
    }
    chain.signalAll();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void c6_findRace_findsEveryPointWhileOthersSignal(boolean virtual) throws Exception {
    int count = 4096;
    Chain chain = chain(count);
    BooleanSupplier going = Threads.stressTime(5);
    List<Threads.Body> bodies = new ArrayList<>();
    for (int thread = 0; thread < PROCESSORS; thread++) {
      bodies.add(
          () -> {
            ThreadLocalRandom random = ThreadLocalRandom.current();
            while (going.getAsBoolean()) {
              long point = random.nextLong(1, count + 1);
              Fence found = chain.tail().find(point);
              if (found instanceof FenceChain node && node.seqno() == point) {
                assertThat(node.find(point)).isSameAs(node);
              } else if (found != null) {
                assertThat(found.seqno()).isLessThan(point);
              }
              chain.signal(random.nextInt(count - 1));
              Thread.yield();
            }
          });
    }
    Threads.together(virtual, bodies);
    assertThat(chain.tail().isSignaled()).as("its fence is left to the end").isFalse();
    chain.signalAll();
  }

  @Test
  void c7_signalForward_signalsOneNodeAtATime() {
    Chain chain = chain(64);
    for (int i = 0; i < 64; i++) {
      chain.signal(i);
      assertThat(chain.nodes.get(i).isSignaled()).isTrue();
      if (i + 1 < 64) {
        assertThat(chain.nodes.get(i + 1).isSignaled()).isFalse();
      }
    }
    chain.assertNothingLeft();
  }

  @Test
  void c8_signalBackward_signalsAllAtTheEnd() {
    Chain chain = chain(64);
    for (int i = 63; i >= 0; i--) {
      chain.signal(i);
      assertThat(chain.nodes.get(i).isSignaled()).isEqualTo(i == 0);
    }
    assertThat(chain.nodes).allMatch(Fence::isSignaled);
    chain.assertNothingLeft();
  }

  enum Order {
    FORWARD,
    BACKWARD,
    RANDOM;

    List<Integer> of(int count) {
      List<Integer> order = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        order.add(i);
      }
      switch (this) {
        case FORWARD -> {}
        case BACKWARD -> Collections.reverse(order);
        case RANDOM -> Collections.shuffle(order, new Random(11));
      }
      return order;
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void c9_waitForward_returns(boolean virtual) throws Exception {
    waitForTheTail(Order.FORWARD, virtual);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void c10_waitBackward_returns(boolean virtual) throws Exception {
    waitForTheTail(Order.BACKWARD, virtual);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void c11_waitRandom_returns(boolean virtual) throws Exception {
    waitForTheTail(Order.RANDOM, virtual);
  }

  private static void waitForTheTail(Order order, boolean virtual) throws Exception {
    Chain chain = chain(4096);
    Threads.Body waiting = () -> assertThat(chain.tail().awaitUninterruptibly(LONG)).isTrue();
    Started waiter = virtual ? Threads.virtual(waiting) : Threads.platform(waiting);
    waiter.awaitBlocked();
    order.of(4096).forEach(chain::signal);
    waiter.join();
    chain.assertNothingLeft();
  }

  @ParameterizedTest
  @EnumSource(Order.class)
  void hundredThousandNodes_signalWithoutRecursion(Order order) throws Exception {
    Thread[] thread = new Thread[1];
    List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());
    Runnable body =
        () -> {
          Chain chain = chain(100_000);
          AtomicInteger signaled = new AtomicInteger();
          chain.nodes.forEach(node -> node.addCallback(fence -> signaled.incrementAndGet()));
          order.of(100_000).forEach(chain::signal);
          assertThat(signaled).hasValue(100_000);
          assertThat(chain.nodes).allMatch(Fence::isSignaled);
        };
    thread[0] = new Thread(null, body, "small stack", 256 * 1024);
    thread[0].setUncaughtExceptionHandler((t, e) -> failures.add(e));
    thread[0].start();
    thread[0].join(Threads.LIMIT_SECONDS * 1000);
    assertThat(failures).isEmpty();
    assertThat(thread[0].isAlive()).isFalse();
  }

  @Test
  void hundredThousandNodes_unwrapSearchAndReportWithoutRecursion() {
    Chain chain = chain(100_000);
    assertThat(chain.tail().find(1)).isSameAs(chain.nodes.getFirst());
    assertThat(Fences.unwrap(List.of(chain.tail()))).hasSize(100_000);
    assertThat(chain.tail().toString()).hasSizeLessThan(2000);
    chain.tail().setDeadline(1);
  }

  @Test
  void signaledNodes_areTakenOutInPassing() {
    Chain chain = chain(5);
    chain.signal(1);
    chain.signal(2);
    chain.signal(3);
    assertThat(chain.tail().previousPending()).isSameAs(chain.nodes.getFirst());
    chain.signal(0);
    assertThat(chain.tail().previousPending()).isNull();
  }

  @Test
  void signaledNodes_areNotKeptByTheTail() {
    List<WeakReference<FenceChain>> old = new ArrayList<>();
    FenceChain tail = null;
    FenceContext context = FenceContext.create("numbers");
    for (int i = 1; i <= 1000; i++) {
      Fence fence = context.newFence();
      tail = FenceChain.append(tail, fence, i);
      if (i < 1000) {
        old.add(new WeakReference<>(tail));
        context.signal(fence);
      }
    }
    Threads.untilCollected(() -> old.stream().filter(ref -> ref.get() != null).count() <= 1);
    assertThat(Objects.requireNonNull(tail).isSignaled()).isFalse();
    context.close();
  }

  @Test
  void append_refusesAChainAsOwnFence() {
    FenceChain chain = FenceChain.append(null, Fence.stub(), 1);
    assertThatIllegalArgumentException().isThrownBy(() -> FenceChain.append(null, chain, 2));
  }

  @Test
  void append_behindAPlainFence_waitsForIt() {
    FenceContext context = FenceContext.create("plain");
    Fence plain = context.newFence();
    FenceChain node = FenceChain.append(plain, Fence.stub(), 1);
    assertThat(node.isSignaled()).isFalse();
    assertThat(node.previousPending()).isSameAs(plain);
    context.signal(plain);
    assertThat(node.isSignaled()).isTrue();
  }

  @Test
  void append_withALaterPoint_staysInTheContext_elseBeginsAnother() {
    FenceContext context = FenceContext.create("plain");
    FenceChain first = FenceChain.append(null, context.newFence(), 5);
    FenceChain later = FenceChain.append(first, context.newFence(), 6);
    assertThat(later.context()).isEqualTo(first.context());
    FenceChain notLater = FenceChain.append(later, context.newFence(), 3);
    assertThat(notLater.context()).isNotEqualTo(first.context());
    assertThat(notLater.seqno()).as("the larger of both (CC3)").isEqualTo(6);
    context.close();
    assertThat(notLater.isSignaled()).isTrue();
  }

  @Test
  void sameFenceBeforeAndInside_countsOnceForEach() {
    FenceContext context = FenceContext.create("same");
    Fence fence = context.newFence();
    FenceChain node = FenceChain.append(fence, fence, 1);
    assertThat(node.isSignaled()).isFalse();
    context.signal(fence);
    assertThat(node.isSignaled()).isTrue();
  }

  @Test
  void nodeOverSignaledFences_isSignaledAtOnce() {
    assertThat(FenceChain.append(null, Fence.stub(), 1).isSignaled()).isTrue();
    assertThat(
            FenceChain.append(FenceChain.append(null, Fence.stub(), 1), Fence.stub(), 2)
                .isSignaled())
        .isTrue();
  }

  @Test
  void nodeOfAFailedFence_fails() {
    FenceContext context = FenceContext.create("failing");
    Fence fence = context.newFence();
    FenceChain node = FenceChain.append(null, fence, 1);
    IOException error = new IOException("EIO");
    context.fail(fence, error);
    assertThat(node.error()).containsSame(error);
  }

  @Test
  void appendAndSignal_fromSeveralThreads_neverLosesANode() throws Exception {
    BooleanSupplier going = Threads.stressTime();
    while (going.getAsBoolean()) {
      FenceContext even = FenceContext.create("even");
      FenceContext odd = FenceContext.create("odd");
      List<Fence> evens = new ArrayList<>();
      List<Fence> odds = new ArrayList<>();
      for (int i = 0; i < 100; i++) {
        evens.add(even.newFence());
        odds.add(odd.newFence());
      }
      List<FenceChain> nodes = new ArrayList<>();
      Threads.together(
          () -> evens.forEach(even::signal),
          () -> odds.forEach(odd::signal),
          () -> {
            FenceChain last = null;
            for (int i = 0; i < 200; i++) {
              last = FenceChain.append(last, (i % 2 == 0 ? evens : odds).get(i / 2), i + 1);
              nodes.add(last);
            }
          });
      // A node that a thread left to another one follows before that thread returns.
      assertThat(nodes).allMatch(Fence::isSignaled);
    }
  }
}

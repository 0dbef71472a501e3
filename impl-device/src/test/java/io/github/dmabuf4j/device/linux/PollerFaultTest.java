package io.github.dmabuf4j.device.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Calls of a {@link Poller} that end by an Error: everybody is told, and nothing stays open. */
@EnabledOnOs(OS.LINUX)
@Isolated // counts descriptors of the process
@Timeout(120)
final class PollerFaultTest {
  /** Calls of the kernel, one of which fails: before it is made, or after. */
  private static final class FaultyCalls implements EpollCalls {
    final AtomicInteger faultyCall = new AtomicInteger();
    private final boolean after;

    FaultyCalls(boolean after) {
      this.after = after;
    }

    private void fault(boolean isNow) {
      if (isNow) {
        throw new OutOfMemoryError("thrown on purpose");
      }
    }

    private boolean isDue() {
      return faultyCall.get() > 0 && faultyCall.decrementAndGet() == 0;
    }

    @Override
    public int control(int epoll, int operation, int fd, MemorySegment event) {
      boolean isDue = isDue();
      fault(isDue && !after);
      int result = EpollCalls.OF_THE_KERNEL.control(epoll, operation, fd, event);
      fault(isDue && after);
      return result;
    }

    @Override
    public int await(int epoll, MemorySegment events, int most, int millis) {
      boolean isDue = isDue();
      fault(isDue && !after);
      int result = EpollCalls.OF_THE_KERNEL.await(epoll, events, most, millis);
      fault(isDue && after);
      return result;
    }
  }

  private static int open() {
    return DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.FENCE);
  }

  private static Descriptor counter(List<Descriptor> made) {
    Descriptor counter = EventCounter.create(Descriptor.Kind.FENCE, "PollerFaultTest");
    made.add(counter);
    return counter;
  }

  /** As somebody who has caught the Error, and tries again. */
  private static Poller.Registration register(
      Poller poller, Descriptor descriptor, int events, Poller.Callback callback) {
    try {
      return poller.register(descriptor, events, callback);
    } catch (OutOfMemoryError e) {
      return poller.register(descriptor, events, callback);
    }
  }

  private static void work(Poller poller, List<Descriptor> made) throws Exception {
    Descriptor first = counter(made);
    Descriptor second = counter(made);
    List<CompletableFuture<Integer>> told = new ArrayList<>();
    AtomicInteger never = new AtomicInteger();
    for (Descriptor each : List.of(first, second, first)) {
      CompletableFuture<Integer> mine = new CompletableFuture<>();
      told.add(mine);
      Poller.Registration _ = register(poller, each, Poller.IN, mine::complete);
    }
    Poller.Callback unwanted = events -> never.incrementAndGet();
    Poller.Registration writable = register(poller, first, Poller.FAILED, unwanted);
    assertThat(writable.cancel()).isTrue();
    Poller.Registration alone = register(poller, counter(made), Poller.IN, unwanted);
    assertThat(alone.cancel()).isTrue();
    EventCounter.add(first, 1);
    EventCounter.add(second, 1);
    for (CompletableFuture<Integer> each : told) {
      assertThat(each.get(60, TimeUnit.SECONDS)).isEqualTo(Poller.IN);
    }
    assertThat(never).hasValue(0);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void noJavaHeap_atAnyCall_losesNobody_andLeavesNothingOpen(boolean after) throws Exception {
    int calls = 0;
    boolean reached = true;
    while (reached) {
      calls++;
      int before = open();
      FaultyCalls faulty = new FaultyCalls(after);
      Poller poller = new Poller("faulty-poller-" + calls, faulty);
      List<Descriptor> made = new ArrayList<>();
      faulty.faultyCall.set(calls);
      work(poller, made);
      reached = faulty.faultyCall.get() <= 0;
      faulty.faultyCall.set(0);
      work(poller, made); // as if nothing had happened
      made.forEach(Descriptor::close);
      long start = System.nanoTime();
      while (poller.watches() != 0 || open() != before) { // the thread takes the last one back
        assertThat(System.nanoTime() - start)
            .as("call %d: %d watches, %d descriptors", calls, poller.watches(), open() - before)
            .isLessThan(TimeUnit.SECONDS.toNanos(60));
        Thread.onSpinWait();
      }
      poller.close();
    }
    assertThat(calls).as("calls that can fail").isGreaterThan(8);
  }

  @Test
  void anotherError_endsThePoller_andEverybodyIsTold() throws Exception {
    CompletableFuture<Void> mayFail = new CompletableFuture<>();
    EpollCalls broken =
        new EpollCalls() {
          @Override
          public int control(int epoll, int operation, int fd, MemorySegment event) {
            return EpollCalls.OF_THE_KERNEL.control(epoll, operation, fd, event);
          }

          @Override
          public int await(int epoll, MemorySegment events, int most, int millis) {
            mayFail.join();
            throw new AssertionError("thrown on purpose");
          }
        };
    Poller poller = new Poller("broken-poller", broken);
    List<Descriptor> made = new ArrayList<>();
    CompletableFuture<Integer> told = new CompletableFuture<>();
    Poller.Registration _ = poller.register(counter(made), Poller.IN, told::complete);
    mayFail.complete(null);
    assertThat(told.get(60, TimeUnit.SECONDS)).isZero();
    assertThatThrownBy(() -> poller.register(counter(made), Poller.IN, events -> {}))
        .isInstanceOf(IllegalStateException.class);
    assertThat(poller.watches()).isZero();
    made.forEach(Descriptor::close);
  }
}

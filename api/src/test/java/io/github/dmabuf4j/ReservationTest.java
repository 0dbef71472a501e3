package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class ReservationTest {
  private static final List<FenceUsage> USAGES = List.of(FenceUsage.values());

  private static final Duration LONG = Duration.ofSeconds(Threads.LIMIT_SECONDS);

  private final Reservation reservation = new Reservation();
  private final FenceContext context = FenceContext.create("test");

  private void add(Fence fence, FenceUsage usage) {
    reservation.lock();
    try {
      reservation.reserve(1);
      reservation.add(fence, usage);
    } finally {
      reservation.unlock();
    }
  }

  /** A fence that is the only one of its context. */
  private static Fence lone() {
    return new Fence(FenceOrigin.CPU_ACCESS, FenceOrigin.nextSingle());
  }

  private record Pair(Fence fence, FenceUsage usage) {}

  private List<Pair> pairs() {
    List<Pair> pairs = new ArrayList<>();
    reservation.forEach(FenceUsage.BOOKKEEP, gather(pairs));
    return pairs;
  }

  // ---- usages, slots, replacement ----

  @ParameterizedTest
  @CsvSource({"KERNEL, 1", "WRITE, 2", "READ, 3", "BOOKKEEP, 4"})
  void query_includesAllStrongerUsages(FenceUsage usage, int count) {
    for (FenceUsage each : FenceUsage.values()) {
      add(lone(), each);
    }
    assertThat(reservation.fences(usage)).hasSize(count);
    assertThat(FenceUsage.conflictingWith(Access.READ)).isEqualTo(FenceUsage.WRITE);
    assertThat(FenceUsage.conflictingWith(Access.WRITE)).isEqualTo(FenceUsage.READ);
    assertThat(FenceUsage.conflictingWith(Access.READ_WRITE)).isEqualTo(FenceUsage.READ);
  }

  @Test
  void laterFenceOfTheSameContext_replacesTheEarlierOne() {
    Fence first = context.newFence();
    Fence second = context.newFence();
    add(first, FenceUsage.READ);
    add(second, FenceUsage.READ);
    assertThat(pairs()).containsExactly(new Pair(second, FenceUsage.READ));
  }

  @Test
  void laterFence_doesNotReplaceAStrongerUsage() {
    Fence writer = context.newFence();
    Fence reader = context.newFence();
    add(writer, FenceUsage.WRITE);
    add(reader, FenceUsage.READ);
    assertThat(pairs())
        .containsExactlyInAnyOrder(
            new Pair(writer, FenceUsage.WRITE), new Pair(reader, FenceUsage.READ));
  }

  @Test
  void earlierFence_doesNotReplaceALaterOne() {
    Fence first = context.newFence();
    Fence second = context.newFence();
    add(second, FenceUsage.READ);
    add(first, FenceUsage.READ);
    assertThat(reservation.fences(FenceUsage.READ)).contains(second);
  }

  @Test
  void sameFence_isPromotedNeverWeakened() {
    Fence fence = context.newFence();
    add(fence, FenceUsage.BOOKKEEP);
    assertThat(reservation.isSignaled(FenceUsage.READ)).isTrue();
    add(fence, FenceUsage.WRITE);
    assertThat(pairs()).containsExactly(new Pair(fence, FenceUsage.WRITE));
    add(fence, FenceUsage.READ);
    assertThat(reservation.fences(FenceUsage.WRITE)).containsExactly(fence);
  }

  @Test
  void signaledFences_areDroppedByAddAndReserve() throws ReflectiveOperationException {
    for (int i = 0; i < 1000; i++) {
      FenceContext one = FenceContext.create("one");
      Fence fence = one.newFence();
      add(fence, FenceUsage.READ);
      one.signal(fence);
    }
    assertThat(slotCount()).isLessThanOrEqualTo(4);
  }

  private int slotCount() throws ReflectiveOperationException {
    var slots = Reservation.class.getDeclaredField("slots");
    slots.setAccessible(true);
    var count = FenceSlots.class.getDeclaredField("count");
    count.setAccessible(true);
    return count.getInt(slots.get(reservation));
  }

  @Test
  void reservedSlots_areEnoughAndVanishOnUnlock() {
    reservation.lock();
    reservation.reserve(3);
    reservation.reserve(2);
    for (int i = 0; i < 5; i++) {
      reservation.add(lone(), FenceUsage.READ);
    }
    assertThatIllegalStateException()
        .isThrownBy(() -> reservation.add(lone(), FenceUsage.READ))
        .withMessageContaining("reserve(1)");
    reservation.reserve(4);
    reservation.unlock();
    reservation.lock();
    assertThatIllegalStateException().isThrownBy(() -> reservation.add(lone(), FenceUsage.READ));
    reservation.unlock();
    assertThat(reservation.fences(FenceUsage.READ)).hasSize(5);
  }

  @Test
  void reserve_refusesWhatCanNotBe() {
    reservation.lock();
    assertThatIllegalArgumentException().isThrownBy(() -> reservation.reserve(0));
    assertThatIllegalArgumentException().isThrownBy(() -> reservation.reserve(-1));
    reservation.reserve(1);
    assertThatExceptionOfType(Throwable.class)
        .isThrownBy(() -> reservation.reserve(Integer.MAX_VALUE));
    reservation.add(lone(), FenceUsage.READ); // the first reservation is still good
    assertThatIllegalStateException().isThrownBy(() -> reservation.add(lone(), FenceUsage.READ));
    reservation.unlock();
  }

  @Test
  void containers_areRefused() {
    reservation.lock();
    reservation.reserve(1);
    Fence array = FenceArray.all(List.of(context.newFence()));
    Fence chain = FenceChain.append(null, context.newFence(), 1);
    assertThatIllegalArgumentException().isThrownBy(() -> reservation.add(array, FenceUsage.READ));
    assertThatIllegalArgumentException().isThrownBy(() -> reservation.add(chain, FenceUsage.READ));
    Fence plain = lone();
    reservation.add(plain, FenceUsage.READ);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> reservation.replace(plain.context(), array, FenceUsage.READ));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> reservation.replace(plain.context(), chain, FenceUsage.READ));
    reservation.unlock();
  }

  @Test
  void replace_changesTheFencesOfAContextOnly() {
    Fence other = lone();
    Fence old = context.newFence();
    Fence replacement = lone();
    add(other, FenceUsage.READ);
    add(old, FenceUsage.BOOKKEEP);
    reservation.lock();
    reservation.replace(old.context(), replacement, FenceUsage.KERNEL);
    reservation.replace(12345678, lone(), FenceUsage.KERNEL);
    reservation.unlock();
    assertThat(pairs())
        .containsExactlyInAnyOrder(
            new Pair(other, FenceUsage.READ), new Pair(replacement, FenceUsage.KERNEL));
  }

  @Test
  void copyFrom_takesTheOthersFencesAndLeavesRoomForMore() {
    Reservation target = new Reservation();
    add(lone(), FenceUsage.WRITE);
    add(lone(), FenceUsage.BOOKKEEP);
    target.lock();
    target.reserve(7);
    target.copyFrom(reservation);
    assertThat(target.fences(FenceUsage.BOOKKEEP))
        .containsExactlyElementsOf(reservation.fences(FenceUsage.BOOKKEEP));
    for (int i = 0; i < 7; i++) {
      target.add(lone(), FenceUsage.READ); // reserved before: can't fail
    }
    target.unlock();
    assertThat(target.fences(FenceUsage.BOOKKEEP)).hasSize(9);
    assertThat(reservation.fences(FenceUsage.BOOKKEEP)).hasSize(2);
    target.lock();
    target.copyFrom(new Reservation());
    target.reserve(1);
    target.add(lone(), FenceUsage.READ);
    target.unlock();
    assertThat(target.fences(FenceUsage.BOOKKEEP)).hasSize(1);
  }

  /** Any sequence of adds and signals shows the same as a plain list does. */
  @Property(tries = 300)
  void addsAndSignals_showWhatAModelShows(
      @ForAll @Size(max = 60) List<@IntRange(max = 999) Integer> steps) {
    Reservation fresh = new Reservation();
    List<FenceContext> contexts = new ArrayList<>();
    List<Pair> model = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      contexts.add(FenceContext.create("model"));
    }
    for (int step : steps) {
      FenceContext chosen = contexts.get(step % 3);
      FenceUsage usage = USAGES.get(step / 3 % 4);
      if (step % 5 == 0 && chosen.pending() > 0) {
        Fence oldest =
            model.stream()
                .map(Pair::fence)
                .filter(f -> f.context() == contextOf(chosen, model) && !f.isSignaled())
                .findFirst()
                .orElse(null);
        if (oldest != null) {
          try {
            chosen.signal(oldest);
          } catch (IllegalStateException | IllegalArgumentException notFirst) {
            continue;
          }
        }
      } else {
        Fence fence = chosen.newFence();
        fresh.lock();
        fresh.reserve(1);
        fresh.add(fence, usage);
        fresh.unlock();
        model.add(new Pair(fence, usage));
      }
      for (FenceUsage query : FenceUsage.values()) {
        boolean expected =
            model.stream()
                .allMatch(pair -> !query.includes(pair.usage()) || pair.fence().isSignaled());
        assertThat(fresh.isSignaled(query)).isEqualTo(expected);
        List<Fence> shown = fresh.fences(query);
        // Of each context at least the latest pending one is shown: by the order of signals it
        // stands for all before.
        for (Pair pair : model) {
          if (query.includes(pair.usage()) && !pair.fence().isSignaled()) {
            assertThat(shown)
                .anyMatch(
                    f ->
                        f.context() == pair.fence().context() && f.seqno() >= pair.fence().seqno());
          }
        }
      }
    }
    contexts.forEach(FenceContext::close);
  }

  private static long contextOf(FenceContext context, List<Pair> model) {
    return model.stream()
        .filter(pair -> context.toString().endsWith(" " + pair.fence().context()))
        .map(pair -> pair.fence().context())
        .findFirst()
        .orElse(0L);
  }

  // ---- the lock ----

  @Test
  void lock_isNotReentrant() {
    reservation.lock();
    assertThatIllegalStateException()
        .isThrownBy(reservation::lock)
        .withMessageContaining("not reentrant");
    assertThatIllegalStateException().isThrownBy(reservation::lockInterruptibly);
    assertThatIllegalStateException().isThrownBy(() -> reservation.tryLock(LONG));
    assertThat(reservation.tryLock()).isFalse();
    reservation.unlock();
  }

  @Test
  void withoutTheLock_changesAreRefused() throws Exception {
    Threads.Body refused =
        () -> {
          assertThatIllegalStateException()
              .isThrownBy(reservation::unlock)
              .withMessageContaining("held");
          assertThatIllegalStateException().isThrownBy(() -> reservation.reserve(1));
          assertThatIllegalStateException()
              .isThrownBy(() -> reservation.add(Fence.stub(), FenceUsage.READ));
          assertThatIllegalStateException()
              .isThrownBy(() -> reservation.replace(1, Fence.stub(), FenceUsage.READ));
          assertThatIllegalStateException()
              .isThrownBy(() -> reservation.copyFrom(new Reservation()));
        };
    refused.run();
    reservation.lock();
    Threads.platform(refused).join();
    Threads.virtual(refused).join();
    reservation.unlock();
  }

  @Test
  void lockInterruptibly_andTimedTry_endWithoutTheLock() throws Exception {
    reservation.lock();
    Threads.Started waiter =
        Threads.virtual(
            () -> {
              assertThat(reservation.tryLock(Duration.ofMillis(1))).isFalse();
              assertThat(reservation.tryLock(Duration.ZERO)).isFalse();
              assertThatExceptionOfType(InterruptedException.class)
                  .isThrownBy(reservation::lockInterruptibly);
              assertThat(reservation.isHeldByCurrentThread()).isFalse();
            });
    waiter.awaitBlocked();
    Threads.until(() -> waiter.thread().getState() == Thread.State.WAITING);
    waiter.thread().interrupt();
    waiter.join();
    reservation.unlock();
    assertThat(reservation.tryLock(Duration.ofMillis(1))).isTrue();
    reservation.unlock();
  }

  @Test
  void lock_excludesPlatformAndVirtualThreads() throws Exception {
    BooleanSupplier going = Threads.stressTime();
    AtomicLong locked = new AtomicLong();
    long[] plain = new long[1];
    List<Threads.Started> threads = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      int kind = i;
      Threads.Body body =
          () -> {
            while (going.getAsBoolean()) {
              switch (kind % 3) {
                case 0 -> reservation.lock();
                case 1 -> reservation.lockInterruptibly();
                default -> {
                  if (!reservation.tryLock()) {
                    continue;
                  }
                }
              }
              plain[0]++;
              locked.incrementAndGet();
              reservation.unlock();
            }
          };
      threads.add(i % 2 == 0 ? Threads.platform(body) : Threads.virtual(body));
    }
    for (Threads.Started thread : threads) {
      thread.join();
    }
    assertThat(plain[0]).isEqualTo(locked.get());
  }

  // ---- readers beside a writer ----

  private static Reservation.FenceVisitor gather(List<Pair> seen) {
    return new Reservation.FenceVisitor() {
      @Override
      public void restarted() {
        seen.clear();
      }

      @Override
      public void fence(Fence fence, FenceUsage usage) {
        seen.add(new Pair(fence, usage));
      }
    };
  }

  @Test
  void readers_seeConsistentPairsWhileAWriterChangesThem() throws Exception {
    BooleanSupplier going = Threads.stressTime();
    AtomicBoolean stop = new AtomicBoolean();
    AtomicInteger snapshots = new AtomicInteger();
    // Each context is used with one usage only, by its name: a torn pair shows.
    List<FenceContext> contexts = new ArrayList<>();
    for (FenceUsage usage : FenceUsage.values()) {
      contexts.add(FenceContext.create(usage.name()));
    }
    Threads.Body reader =
        () -> {
          List<Pair> seen = new ArrayList<>();
          while (!stop.get()) {
            seen.clear();
            reservation.forEach(FenceUsage.BOOKKEEP, gather(seen));
            for (Pair pair : seen) {
              assertThat(pair.fence().timelineName()).isEqualTo(pair.usage().name());
            }
            assertThat(seen.stream().map(Pair::fence).distinct().count()).isEqualTo(seen.size());
            snapshots.incrementAndGet();
          }
        };
    Threads.together(
        reader,
        reader,
        () -> {
          try {
            List<Fence> pending = new ArrayList<>();
            int i = 0;
            while (going.getAsBoolean() || snapshots.get() == 0) {
              int chosen = i++ % contexts.size();
              Fence fence = contexts.get(chosen).newFence();
              add(fence, FenceUsage.valueOf(fence.timelineName()));
              pending.add(fence);
              if (pending.size() > 1 + i % 11) {
                pending.forEach(
                    f ->
                        contexts.stream()
                            .filter(c -> c.toString().contains(f.timelineName()))
                            .findFirst()
                            .orElseThrow()
                            .signal(f));
                pending.clear();
              }
            }
          } finally {
            stop.set(true);
          }
        });
    contexts.forEach(FenceContext::close);
  }

  @Test
  void aPendingFence_isNeverMissedWhileOthersComeAndGo() throws Exception {
    BooleanSupplier going = Threads.stressTime();
    AtomicBoolean stop = new AtomicBoolean();
    Fence lasting = context.newFence();
    add(lasting, FenceUsage.WRITE);
    Threads.Body reader =
        () -> {
          while (!stop.get()) {
            assertThat(reservation.isSignaled(FenceUsage.WRITE)).isFalse();
            assertThat(reservation.fences(FenceUsage.WRITE)).contains(lasting);
          }
        };
    Threads.together(
        reader,
        reader,
        () -> {
          try {
            while (going.getAsBoolean()) {
              List<Fence> some = new ArrayList<>();
              for (int i = 0; i < 9; i++) { // grows, is pruned, and shrinks again
                Fence fence = lone();
                some.add(fence);
                add(fence, USAGES.get(i % 4));
              }
              some.forEach(fence -> fence.signal(null));
            }
          } finally {
            stop.set(true);
          }
        });
  }

  // ---- waiting ----

  @Test
  void await_waitsForTheUsageAndTheStrongerOnes() throws Exception {
    Fence writer = context.newFence();
    add(writer, FenceUsage.WRITE);
    Fence keeper = lone();
    add(keeper, FenceUsage.BOOKKEEP);
    reservation.await(FenceUsage.KERNEL);
    assertThat(reservation.await(FenceUsage.READ, Duration.ZERO)).isFalse();
    assertThat(reservation.await(FenceUsage.READ, Duration.ofMillis(1))).isFalse();
    assertThat(reservation.await(FenceUsage.READ, Duration.ofSeconds(Long.MIN_VALUE))).isFalse();
    Threads.Started waiter =
        Threads.platform(() -> reservation.await(FenceUsage.READ)).awaitBlocked();
    Threads.Started uninterruptible =
        Threads.virtual(() -> reservation.awaitUninterruptibly(FenceUsage.READ)).awaitBlocked();
    context.signal(writer);
    waiter.join();
    uninterruptible.join();
    assertThat(reservation.await(FenceUsage.READ, LONG)).isTrue();
    assertThat(reservation.await(FenceUsage.BOOKKEEP, Duration.ZERO)).isFalse();
    assertThat(reservation.awaitUninterruptibly(FenceUsage.BOOKKEEP, Duration.ofMillis(1)))
        .isFalse();
    Threads.Started timed =
        Threads.virtual(
                () -> {
                  Thread.currentThread().interrupt();
                  assertThat(reservation.awaitUninterruptibly(FenceUsage.BOOKKEEP, LONG)).isTrue();
                  assertThat(Thread.interrupted()).as("kept for later").isTrue();
                })
            .awaitBlocked();
    keeper.signal(null);
    timed.join();
    Thread.currentThread().interrupt();
    assertThatExceptionOfType(InterruptedException.class)
        .isThrownBy(() -> reservation.await(FenceUsage.BOOKKEEP));
    Thread.currentThread().interrupt();
    assertThatExceptionOfType(InterruptedException.class)
        .isThrownBy(() -> reservation.await(FenceUsage.BOOKKEEP, LONG));
  }

  @Test
  void await_withTheLockHeld_isLegal() throws Exception {
    Fence fence = context.newFence();
    add(fence, FenceUsage.WRITE);
    Threads.Started waiter =
        Threads.platform(
                () -> {
                  reservation.lock();
                  reservation.await(FenceUsage.WRITE);
                  reservation.unlock();
                })
            .awaitBlocked();
    context.signal(fence);
    waiter.join();
  }

  @Test
  void setDeadline_reachesEveryFenceOfTheUsage() {
    List<Fence> told = new ArrayList<>();
    FenceContext timed =
        FenceContext.builder("timed")
            .operations(
                new FenceContext.Operations() {
                  @Override
                  public void setDeadline(Fence fence, long nanoTime) {
                    told.add(fence);
                  }
                })
            .build();
    Fence writer = timed.newFence();
    Fence reader = timed.newFence();
    add(writer, FenceUsage.WRITE);
    add(reader, FenceUsage.READ);
    reservation.setDeadline(FenceUsage.WRITE, 1);
    assertThat(told).containsExactly(writer);
    timed.close();
  }

  @Test
  void copyFrom_withSlotsReservedBefore_keepsThem() {
    Reservation source = new Reservation();
    source.lock();
    source.reserve(1);
    source.add(new Fence(FenceOrigin.CPU_ACCESS, FenceOrigin.nextSingle()), FenceUsage.READ);
    source.unlock();
    Reservation target = new Reservation();
    target.lock();
    target.reserve(9);
    target.copyFrom(source);
    for (int i = 0; i < 9; i++) {
      target.add(new Fence(FenceOrigin.CPU_ACCESS, FenceOrigin.nextSingle()), FenceUsage.READ);
    }
    target.unlock();
    assertThat(target.fences(FenceUsage.BOOKKEEP)).hasSize(10);
  }

  @Test
  void copyFrom_thatWouldNeedTooManySlots_isRefused_andReadersGoOn() {
    Reservation source = new Reservation();
    source.lock();
    source.reserve(1);
    source.add(new Fence(FenceOrigin.CPU_ACCESS, FenceOrigin.nextSingle()), FenceUsage.READ);
    source.unlock();
    Reservation target = new Reservation();
    target.lock();
    target.reserve(1 << 20);
    assertThatIllegalArgumentException().isThrownBy(() -> target.copyFrom(source));
    target.add(Fence.stub(), FenceUsage.READ);
    target.unlock();
    assertThat(target.fences(FenceUsage.BOOKKEEP)).isEmpty();
  }

  @Test
  void freeReservation_keepsNoneOfThoseThatWereLockedWithIt() throws Exception {
    // A window slides over reservations, each locked together with the next, under contention.
    Reservation last = new Reservation();
    java.lang.ref.WeakReference<Reservation> first = new java.lang.ref.WeakReference<>(last);
    for (int i = 0; i < 50; i++) {
      Reservation next = new Reservation();
      Reservation one = last;
      AcquireContext context = AcquireContext.lockAll(one, next);
      Threads.Started waiter =
          Threads.platform(() -> AcquireContext.lockAll(one, next).close()).awaitBlocked();
      context.close();
      waiter.join();
      last = next;
    }
    Threads.untilCollected(() -> first.get() == null);
    assertThat(last.isLocked()).isFalse();
  }
}

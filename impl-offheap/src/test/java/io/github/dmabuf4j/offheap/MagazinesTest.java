package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Stripes and magazines, with blocks that have no memory. */
@Timeout(60)
final class MagazinesTest {
  private final Pool pool = new Pool("test", MIB, MIB, new ArenaMemory(), 4);
  private final Magazines magazines = new Magazines(4);

  private Block block(long address) {
    SlabMemory.Region none =
        new SlabMemory.Region(
            java.lang.foreign.MemorySegment.ofAddress(address), java.lang.foreign.Arena.global());
    return new Block(new Slab(pool, none, null), address, SizeClasses.PAGE, 0, true);
  }

  // ---- one stripe ----

  @Test
  void pop_severalBlocks_newestFirst() {
    Stripe stripe = new Stripe();
    Block old = block(4096);
    Block fresh = block(8192);
    stripe.push(old);
    stripe.push(fresh);
    assertThat(stripe.pop(0)).isSameAs(fresh);
    assertThat(stripe.pop(0)).isSameAs(old);
    assertThat(stripe.pop(0)).isNull();
    assertThat(stripe.taken()).isEqualTo(2);
  }

  @Test
  void pop_addressMask_newestThatFits() {
    Stripe stripe = new Stripe();
    List<Block> blocks = List.of(block(0x10000), block(0x11000), block(0x20000), block(0x21000));
    blocks.forEach(stripe::push);
    assertThat(stripe.pop(0xffff)).isSameAs(blocks.get(2));
    assertThat(stripe.pop(0xffff)).isSameAs(blocks.get(0));
    assertThat(stripe.pop(0xffff)).isNull();
    assertThat(stripe.pop(0)).isSameAs(blocks.get(3));
    assertThat(stripe.pop(0)).isSameAs(blocks.get(1));
  }

  @Test
  void surplus_isWhatLaySinceTheLastTick() {
    Stripe stripe = new Stripe();
    List<Block> blocks = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      blocks.add(block(4096L * (i + 1)));
    }
    blocks.forEach(stripe::push);
    assertThat(stripe.surplus()).as("they came after the last tick").isZero();
    Block a = stripe.pop(0);
    Block b = stripe.pop(0);
    stripe.push(b);
    stripe.push(a);
    int surplus = stripe.surplus();
    assertThat(surplus).as("two of forty were used").isEqualTo(38);
    List<Block> oldest = new ArrayList<>();
    stripe.takeOldest(surplus, oldest);
    assertThat(oldest).isEqualTo(blocks.subList(0, 38));
    assertThat(stripe.size()).isEqualTo(2);
    assertThat(stripe.surplus()).as("the other two have waited for one tick").isEqualTo(2);
  }

  @Test
  void surplus_blockThatWasZeroedElsewhere_neverMoreThanThereAre() {
    Stripe stripe = new Stripe();
    Block staying = block(4096);
    Block leaving = block(8192);
    leaving.written = true;
    stripe.push(staying);
    stripe.push(leaving);
    assertThat(stripe.surplus()).isZero();
    assertThat(stripe.takeOldestWritten()).isSameAs(leaving); // and it overflows
    assertThat(stripe.surplus()).isEqualTo(1);
    assertThat(stripe.surplus()).isZero();
    assertThat(stripe.surplus()).isEqualTo(1);
  }

  @Test
  void undo_leavesTheCountsAsTheyWere() {
    Stripe stripe = new Stripe();
    stripe.push(block(4096));
    Block block = stripe.pop(0);
    assertThat(block).isNotNull();
    stripe.undo(block);
    assertThat(stripe.taken()).isZero();
    assertThat(stripe.put()).isEqualTo(1);
  }

  // ---- from stripe to stripe ----

  private static Stripe stripeOf(List<Block> blocks) {
    Stripe stripe = new Stripe();
    blocks.forEach(stripe::push);
    return stripe;
  }

  private List<Block> blocks(int count) {
    List<Block> blocks = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      blocks.add(block(4096L * (i + 1)));
    }
    return blocks;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 15, 16, 17, 40, 63, 64, 65, 200})
  void tryPopFrom_anyNumber_newestIsPoppedAndTheNewerHalfMovesInItsOrder(int count) {
    List<Block> blocks = blocks(count);
    Stripe from = stripeOf(blocks);
    Stripe to = new Stripe();
    assertThat(to.tryPopFrom(from, new PatientLooks())).isSameAs(blocks.get(count - 1));
    int moved = Math.min(32, count / 2);
    assertThat(to.size()).isEqualTo(moved);
    assertThat(from.size()).isEqualTo(count - 1 - moved);
    assertThat(from.taken() + to.taken()).as("the others weren't for a user").isEqualTo(1);
    for (int i = count - 2; i >= 0; i--) {
      assertThat(i >= count - 1 - moved ? to.pop(0) : from.pop(0)).isSameAs(blocks.get(i));
    }
    assertThat(to.pop(0)).isNull();
    assertThat(from.pop(0)).isNull();
  }

  @Test
  void tryPopFrom_patientLookUnderWay_nothingMoves() {
    List<Block> blocks = blocks(40);
    Stripe from = stripeOf(blocks);
    Stripe to = new Stripe();
    PatientLooks looks = new PatientLooks();
    looks.begin();
    looks.begin();
    looks.end();
    assertThat(to.tryPopFrom(from, looks)).isSameAs(blocks.get(39));
    assertThat(to.size()).isZero();
    looks.end();
    assertThat(to.tryPopFrom(from, looks)).isSameAs(blocks.get(38));
    assertThat(to.size()).as("half of 39").isEqualTo(19);
  }

  @Test
  void tryPopFrom_eitherIsBusy_nothingMoves() {
    List<Block> blocks = blocks(40);
    Stripe from = stripeOf(blocks);
    Stripe to = new Stripe();
    to.lock();
    assertThat(to.tryPopFrom(from, new PatientLooks())).isSameAs(blocks.get(39));
    to.unlock();
    from.lock();
    assertThat(to.tryPopFrom(from, new PatientLooks())).isNull();
    from.unlock();
    assertThat(to.size()).isZero();
    assertThat(from.size()).isEqualTo(39);
  }

  @Test
  void tryPopFrom_bothWaysWhileOthersPushPopAndTake_noBlockLost() throws InterruptedException {
    Magazine two = new Magazine(2);
    blocks(40).forEach(two.stripes[0]::push);
    AtomicInteger failed = new AtomicInteger();
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < 4; t++) {
      Stripe own = two.stripes[t & 1];
      Stripe other = two.stripes[1 - (t & 1)];
      boolean collector = t == 3;
      threads.add(
          Thread.ofPlatform()
              .uncaughtExceptionHandler((_, _) -> failed.incrementAndGet())
              .start(() -> moveAbout(two, own, other, collector)));
    }
    for (Thread thread : threads) {
      Await.joined(thread);
    }
    assertThat(failed).hasValue(0);
    assertThat(two.count()).isEqualTo(40);
    List<Block> all = new ArrayList<>();
    two.takeOldest(100, true, all);
    assertThat(all).hasSize(40).doesNotHaveDuplicates();
  }

  private static void moveAbout(Magazine two, Stripe own, Stripe other, boolean collector) {
    List<Block> mine = new ArrayList<>();
    for (int i = 0; i < 200_000; i++) {
      Block block = i % 3 == 0 ? own.tryPop(0) : own.tryPopFrom(other, two.looks);
      if (block != null) {
        mine.add(block);
      }
      if (collector && i % 50 == 0) {
        two.takeOldest(30, true, mine);
      }
      if (mine.size() > i % 17 || i % 100 == 0) {
        mine.forEach(two::pushPatiently);
        mine.clear();
      }
    }
    mine.forEach(two::pushPatiently);
  }

  @Test
  void surplus_blocksMovedAway_isWhatStayed() {
    Stripe from = stripeOf(blocks(40));
    assertThat(from.surplus()).isZero();
    assertThat(new Stripe().tryPopFrom(from, new PatientLooks())).isNotNull();
    assertThat(from.surplus()).isEqualTo(19);
  }

  @Test
  void pop_othersStripeHasMany_moveToTheHomeStripe() throws InterruptedException {
    int count = 20;
    Await.joined(Thread.ofPlatform().start(() -> blocks(count).forEach(magazines::push)));
    Stripe home = magazines.magazine(0).stripes[(int) (Thread.currentThread().threadId() & 3)];
    Set<Block> found = new HashSet<>();
    found.add(magazines.pop(0, 0));
    boolean wasHome = home.size() == count - 1; // the other thread may have had the same one
    assertThat(home.size()).isEqualTo(wasHome ? count - 1 : count / 2);
    for (Block block = magazines.pop(0, 0); block != null; block = magazines.pop(0, 0)) {
      found.add(block);
    }
    assertThat(found).hasSize(count);
    assertThat(magazines.hits()).isEqualTo(count);
  }

  // ---- all of them ----

  @Test
  void push_everyStripeBusy_endsAndIsFound() throws InterruptedException {
    Block first = block(4096);
    magazines.push(first);
    List<Stripe> stripes = List.of(magazines.magazine(0).stripes);
    stripes.forEach(Stripe::lock);
    Block second = block(8192);
    magazines.push(second);
    assertThat(magazines.pop(0, 0)).as("everything is busy").isNull();
    assertThat(magazines.take(Long.MAX_VALUE, false)).as("and passed by").isEmpty();
    stripes.forEach(Stripe::unlock);
    Set<Block> found = new HashSet<>();
    found.add(magazines.popPatiently(0, 0));
    found.add(magazines.popPatiently(0, 0));
    assertThat(found).containsExactlyInAnyOrder(first, second);
    assertThat(magazines.taken(0)).isZero();
  }

  @Test
  void popPatiently_everyStripeBusyWhileItSettles_findsWhatHadOverflowed()
      throws InterruptedException {
    Block block = block(4096);
    List<Stripe> stripes = List.of(magazines.magazine(0).stripes);
    stripes.forEach(Stripe::lock);
    magazines.push(block);
    List<Block> found = new ArrayList<>();
    Thread patient = Thread.ofPlatform().start(() -> found.add(magazines.popPatiently(0, 0)));
    Await.until("it waits for a stripe", () -> waitsForStripe(patient));
    stripes.forEach(Stripe::unlock);
    Await.joined(patient);
    assertThat(found).containsExactly(block);
  }

  /** Whether a thread waits for a stripe. */
  private static boolean waitsForStripe(Thread thread) {
    return List.of(thread.getStackTrace()).stream()
        .anyMatch(
            frame ->
                frame.getClassName().equals(StripeState.class.getName())
                    && frame.getMethodName().equals("lock"));
  }

  @Test
  void push_manyThreadsAndEveryStripeBusy_noBlockLost() throws InterruptedException {
    magazines.push(block(4096));
    List<Stripe> stripes = List.of(magazines.magazine(0).stripes);
    List<Thread> threads = new ArrayList<>();
    stripes.forEach(Stripe::lock);
    CyclicBarrier together = new CyclicBarrier(4);
    for (int t = 0; t < 4; t++) {
      List<Block> own = new ArrayList<>();
      for (long i = 0; i < 50_000; i++) {
        own.add(block(4096 * (2 + 50_000L * t + i)));
      }
      threads.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      together.await();
                    } catch (InterruptedException | BrokenBarrierException e) {
                      throw new AssertionError(e);
                    }
                    own.forEach(magazines::push);
                  }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    stripes.forEach(Stripe::unlock);
    assertThat(magazines.take(Long.MAX_VALUE, true)).hasSize(200_001).doesNotHaveDuplicates();
  }

  @Test
  void take_bytesWanted_largestFirstAndNoMoreThanNeeded() {
    Block small = block(4096);
    Block large = new Block(small.slab, 8192, SizeClasses.bytes(10), 10, true);
    magazines.push(small);
    magazines.push(large);
    assertThat(magazines.idleBytes()).isEqualTo(4096 + SizeClasses.bytes(10));
    assertThat(magazines.take(1, true)).containsExactly(large);
    assertThat(magazines.take(1, true)).containsExactly(small);
    assertThat(magazines.take(1, true)).isEmpty();
  }

  @Test
  void retire_blocksWithoutClass_areTakenByWhoeverGivesBack() {
    Block block = new Block(block(4096).slab, 4096, SizeClasses.PAGE, SizeClasses.UNPOOLED, true);
    magazines.retire(block);
    assertThat(magazines.idleBytes()).isEqualTo(SizeClasses.PAGE);
    assertThat(magazines.takeSurplus()).containsExactly(block);
    assertThat(magazines.takeRetired()).isEmpty();
  }

  @Test
  void pushAndPop_manyThreads_noBlockLostOrDoubled() throws InterruptedException {
    int blocks = 64;
    for (int i = 0; i < blocks; i++) {
      magazines.push(block(4096L * (i + 1)));
    }
    Set<Block> inUse = java.util.concurrent.ConcurrentHashMap.newKeySet();
    AtomicInteger doubled = new AtomicInteger();
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < 8; t++) {
      boolean collector = t == 7;
      threads.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    for (int i = 0; i < 100_000; i++) {
                      if (collector && i % 100 == 0) {
                        magazines.take(Long.MAX_VALUE, i % 200 == 0).forEach(magazines::push);
                      }
                      Block block = magazines.pop(0, 0);
                      if (block != null) {
                        if (!inUse.add(block)) {
                          doubled.incrementAndGet();
                        }
                        inUse.remove(block);
                        magazines.push(block);
                      }
                    }
                  }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(doubled).hasValue(0);
    assertThat(magazines.take(Long.MAX_VALUE, true)).hasSize(blocks).doesNotHaveDuplicates();
  }
}

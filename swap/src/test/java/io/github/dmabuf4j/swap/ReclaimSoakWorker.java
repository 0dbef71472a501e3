package io.github.dmabuf4j.swap;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.Advice;
import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.BufferPurgedException;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.Reservation;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * One thread of the soak. What a buffer must contain is guarded by the lock of its slot; reclaim
 * comes at any time.
 */
final class ReclaimSoakWorker {
  /** What happened so far. */
  static final class Account {
    final AtomicLong accesses = new AtomicLong();
    final AtomicLong writes = new AtomicLong();
    final AtomicLong purgesSeen = new AtomicLong();
    final AtomicLong failuresSeen = new AtomicLong();
    final AtomicLong pins = new AtomicLong();
    final AtomicLong fences = new AtomicLong();
    final AtomicLong shortages = new AtomicLong();

    void assertEverythingHappened() {
      assertThat(accesses).as("accesses").hasPositiveValue();
      assertThat(writes).as("writes").hasPositiveValue();
      assertThat(pins).as("pins").hasPositiveValue();
      assertThat(fences).as("fences").hasPositiveValue();
    }

    @Override
    public String toString() {
      return "%s accesses, %s writes, %s purges and %s failures seen, %s pins, %s fences, %s shortages"
          .formatted(accesses, writes, purgesSeen, failuresSeen, pins, fences, shortages);
    }
  }

  /** A place for a buffer, which is exchanged now and then. */
  static final class Slot {
    /** The small ones can't be stored, for that saves no page: they stay. */
    private static final int[] SIZES = {
      65_536, 200_000, 100_000, 4096, 150_000, 65_536, 400_000, 10_000, 100_000, 81_920
    };

    private final ReentrantLock lock = new ReentrantLock();
    private final int size;
    private @Nullable DmaBuf buffer;
    private long hash;
    private boolean mayBeGone;

    Slot(int number) {
      this.size = SIZES[number % SIZES.length];
    }

    int size() {
      return size;
    }

    void end() {
      close();
    }

    private void close() {
      DmaBuf old = buffer;
      buffer = null;
      if (old != null) {
        old.close();
      }
    }
  }

  /** Most pins and fences at once: else everything would be busy. */
  private static final int MOST_BUSY = 8;

  private static final int STEPS_PER_LOOK = 64;
  private static final List<AllocPolicy> POLICIES = List.of(AllocPolicy.values());

  private record Pinned(DmaBuf buffer, Pin pin) {}

  private final Heap heap;
  private final List<Slot> slots;
  private final Account account;
  private final Random random;
  private final FenceContext device;
  private final Deque<Pinned> pinned = new ArrayDeque<>();
  private final Deque<Fence> pending = new ArrayDeque<>();

  ReclaimSoakWorker(Heap heap, List<Slot> slots, Account account, int seed) {
    this.heap = heap;
    this.slots = slots;
    this.account = account;
    this.random = new Random(seed);
    this.device = FenceContext.create("soak " + seed);
  }

  void work(long end) {
    try {
      for (long steps = 0; System.nanoTime() - end < 0; steps++) {
        double skewed = Math.pow(random.nextDouble(), 3); // some are used more than others
        Slot slot = slots.get((int) (skewed * slots.size()));
        if (slot.lock.tryLock()) {
          try {
            step(slot);
          } finally {
            slot.lock.unlock();
          }
        }
        if (steps % STEPS_PER_LOOK == 0) {
          assertThat(heap.statistics().committedBytes()).isLessThanOrEqualTo(heap.limitBytes());
        }
      }
    } finally {
      while (!pinned.isEmpty()) {
        unpin();
      }
      device.close();
    }
  }

  private void step(Slot slot) {
    DmaBuf buffer = slot.buffer;
    if (buffer == null) {
      allocate(slot);
      return;
    }
    int dice = random.nextInt(100);
    if (dice < 62) {
      read(slot, buffer);
    } else if (dice < 74) {
      write(slot, buffer);
    } else if (dice < 84) {
      advise(slot, buffer);
    } else if (dice < 89) {
      pin(slot, buffer);
    } else if (dice < 94) {
      fence(buffer);
    } else if (dice < 97) {
      slot.close();
    } else {
      long _ = heap.shrinker().reclaim(random.nextInt(1 << 20), policy());
    }
  }

  private AllocPolicy policy() {
    return POLICIES.get(random.nextInt(POLICIES.size()));
  }

  private void allocate(Slot slot) {
    AllocPolicy policy = random.nextBoolean() ? AllocPolicy.NORMAL : AllocPolicy.TRY_HARD;
    try {
      DmaBuf buffer =
          heap.allocateUninterruptibly(
              AllocationRequest.of(slot.size).uninitialized().policy(policy).quiet().build());
      slot.buffer = buffer;
      slot.mayBeGone = false;
      slot.hash = 0;
      write(slot, buffer);
    } catch (DmaBufException e) {
      account.shortages.incrementAndGet();
      letGo();
    }
  }

  /** Content that shrinks to a page or so: ten times the limit has to fit into half of it. */
  private void write(Slot slot, DmaBuf buffer) {
    try (Hold hold = buffer.hold()) {
      MemorySegment all = hold.segment();
      long word = random.nextLong();
      for (long i = 0; i < all.byteSize() - 7; i += Long.BYTES) {
        if ((i & 4095) == 0) {
          word += i;
        }
        all.set(ValueLayout.JAVA_LONG_UNALIGNED, i, word);
      }
      slot.hash = hash(all);
      account.writes.incrementAndGet();
    } catch (BufferPurgedException e) {
      gone(slot);
    } catch (DmaBufException e) {
      failed(slot);
    }
  }

  private void read(Slot slot, DmaBuf buffer) {
    try (Hold hold = buffer.hold()) {
      if (hash(hold.segment()) != slot.hash) {
        throw new AssertionError("content of " + buffer + " isn't what was written");
      }
      account.accesses.incrementAndGet();
    } catch (BufferPurgedException e) {
      gone(slot);
    } catch (DmaBufException e) {
      failed(slot);
    }
  }

  private static long hash(MemorySegment all) {
    CRC32C crc = new CRC32C();
    crc.update(all.asByteBuffer());
    return crc.getValue();
  }

  private void gone(Slot slot) {
    assertThat(slot.mayBeGone).as("purged, though it was needed").isTrue();
    account.purgesSeen.incrementAndGet();
    slot.close();
  }

  /** The store failed, or there was no room: its content must be there later. */
  private void failed(Slot slot) {
    account.failuresSeen.incrementAndGet();
    if (slot.hash == 0) {
      slot.close(); // it was never written
    }
    letGo();
  }

  private void advise(Slot slot, DmaBuf buffer) {
    boolean needed = random.nextInt(3) != 0;
    Reservation reservation = buffer.reservation();
    reservation.lock();
    try {
      boolean there = buffer.advise(needed ? Advice.WILL_NEED : Advice.DONT_NEED);
      assertThat(there || slot.mayBeGone).as("gone, though it was needed").isTrue();
      slot.mayBeGone = !needed || !there;
    } catch (IllegalStateException e) {
      assertThat(e).hasMessageContaining("pinned");
    } finally {
      reservation.unlock();
    }
  }

  private void pin(Slot slot, DmaBuf buffer) {
    if (pinned.size() >= MOST_BUSY) {
      unpin();
    }
    DmaBuf own = buffer.dup();
    Reservation reservation = own.reservation();
    boolean kept = false;
    reservation.lock();
    try {
      pinned.add(new Pinned(own, own.pin(Pin.Term.SHORT)));
      kept = true;
      account.pins.incrementAndGet();
    } catch (BufferPurgedException e) {
      assertThat(slot.mayBeGone).isTrue();
    } catch (DmaBufException e) {
      account.failuresSeen.incrementAndGet();
    } catch (IllegalStateException e) {
      assertThat(e).hasMessageContaining("WILL_NEED");
    } finally {
      reservation.unlock();
      if (!kept) {
        own.close();
      }
    }
  }

  private void unpin() {
    Pinned one = pinned.remove();
    Reservation reservation = one.buffer.reservation();
    reservation.lock();
    one.pin.close();
    reservation.unlock();
    one.buffer.close();
  }

  private void fence(DmaBuf buffer) {
    if (pending.size() >= MOST_BUSY) {
      boolean _ = device.signal(pending.remove());
    }
    Reservation reservation = buffer.reservation();
    reservation.lock();
    try {
      reservation.reserve(1);
      Fence fence = device.newFence();
      reservation.add(fence, FenceUsage.BOOKKEEP);
      pending.add(fence);
      account.fences.incrementAndGet();
    } finally {
      reservation.unlock();
    }
  }

  private void letGo() {
    while (!pinned.isEmpty()) {
      unpin();
    }
    while (!pending.isEmpty()) {
      boolean _ = device.signal(pending.remove());
    }
  }
}

package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.KIB;
import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Advice;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapStatistics;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.Importer;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.Vmap;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The limit on what is pinned, whoever pins it. */
@Timeout(3600)
final class PinnedBytesTest {
  private static final long NANOS =
      TimeUnit.MILLISECONDS.toNanos(
          (long) (1000 * Double.parseDouble(System.getProperty("dmabuf4j.stress.seconds", "2"))));

  @RegisterExtension final HeapGuard heaps = new HeapGuard();

  private PooledHeap heap(long pinned) {
    return heaps.openPinnable(TestMemory.ARENA, MIB, pinned);
  }

  private static <T> T locked(DmaBuf buffer, Supplier<T> body) {
    Reservation reservation = buffer.reservation();
    reservation.lock();
    try {
      return body.get();
    } finally {
      reservation.unlock();
    }
  }

  private static void locked(DmaBuf buffer, Runnable body) {
    locked(
        buffer,
        () -> {
          body.run();
          return true;
        });
  }

  private static DmaBuf named(Heap heap, long size, String name) {
    return heap.allocateUninterruptibly(AllocationRequest.of(size).name(name).build());
  }

  private static final class Device implements Importer {
    private final boolean dynamic;

    Device(boolean dynamic) {
      this.dynamic = dynamic;
    }

    @Override
    public String name() {
      return "test-device";
    }

    @Override
    public boolean isDynamic() {
      return dynamic;
    }
  }

  @Test
  void tryAdd_isAllOrNothing_upToTheLimit() {
    PinnedBytes account = new PinnedBytes(100);
    assertThat(account.tryAdd(60)).isTrue();
    assertThat(account.tryAdd(41)).isFalse();
    assertThat(account.tryAdd(Long.MAX_VALUE)).isFalse();
    assertThat(account.tryAdd(40)).isTrue();
    assertThat(account.tryAdd(1)).isFalse();
    assertThat(account.now()).isEqualTo(100);
    account.subtract(60);
    assertThat(account.tryAdd(60)).isTrue();
    assertThat(new PinnedBytes(0).tryAdd(4096)).as("0 forbids pins").isFalse();
  }

  @Test
  void stress_tryAdd_neverExceedsTheLimit_andEndsAtZero() throws InterruptedException {
    PinnedBytes account = new PinnedBytes(5);
    AtomicLong worst = new AtomicLong();
    AtomicLong refused = new AtomicLong();
    List<Thread> threads = new ArrayList<>();
    for (int t = 1; t <= 4; t++) {
      long bytes = t;
      threads.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    long start = System.nanoTime();
                    while (System.nanoTime() - start < NANOS) {
                      if (account.tryAdd(bytes)) {
                        worst.accumulateAndGet(account.now(), Math::max);
                        account.subtract(bytes);
                      } else {
                        refused.incrementAndGet();
                      }
                    }
                  }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(worst.get()).isLessThanOrEqualTo(5);
    assertThat(refused.get()).as("the limit was met").isPositive();
    assertThat(account.now()).isZero();
  }

  @Test
  void pins_ofOneBuffer_countItsBlockOnce() {
    Heap heap = heap(64 * KIB);
    try (DmaBuf buffer = heap.allocate(33 * KIB)) { // a block of nine pages
      Deque<AutoCloseable> pins = new ArrayDeque<>();
      locked(
          buffer,
          () -> {
            pins.add(buffer.pin(Pin.Term.SHORT));
            assertThat(heap.statistics().pinnedBytes()).isEqualTo(36 * KIB);
            pins.add(buffer.pin(Pin.Term.LONG));
            pins.add(buffer.pin(Pin.Term.LONG));
            pins.add(buffer.vmapPinned(Pin.Term.SHORT, ArenaKind.SHARED));
            assertThat(heap.statistics().pinnedBytes()).isEqualTo(36 * KIB);
            while (pins.size() > 1) {
              close(pins.poll());
            }
            assertThat(heap.statistics().pinnedBytes()).isEqualTo(36 * KIB);
            close(pins.poll());
          });
    }
    assertThat(heap.statistics().pinnedBytes()).isZero();
    assertThat(heap.statistics().pinnedLimitBytes()).isEqualTo(64 * KIB);
  }

  private static void close(AutoCloseable pin) {
    try {
      pin.close();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void pin_beyondTheLimit_namesWantedLimitPinnedAndTheLargestHolders_andPinsNothing() {
    Heap heap = heap(64 * KIB);
    try (DmaBuf scanOut = named(heap, 40 * KIB, "scan-out");
        DmaBuf cursor = named(heap, 16 * KIB, "cursor");
        DmaBuf unpinned = named(heap, 80 * KIB, "not pinned");
        DmaBuf overlay = named(heap, 9 * KIB, "overlay")) {
      Pin first = locked(scanOut, () -> scanOut.pin(Pin.Term.LONG));
      Pin second = locked(cursor, () -> cursor.pin(Pin.Term.SHORT));
      assertThatExceptionOfType(DmaBufException.class)
          .isThrownBy(() -> locked(overlay, () -> overlay.pin(Pin.Term.LONG)))
          .satisfies(e -> assertThat(e.errno()).contains(Errno.ENOMEM))
          .satisfies(e -> assertThat(e.operation()).isEqualTo("pin"))
          .withMessageContaining("wanted to pin overlay, 12288 B (12 KiB) of offheap:test")
          .withMessageContaining("limit on pinned bytes 65536 B (64 KiB)")
          .withMessageContaining(", pinned 57344 B (56 KiB)")
          .withMessageContaining("1 × scan-out: 40960 B (40 KiB)")
          .withMessageContaining("1 × cursor")
          .withMessageContaining("?pinned=")
          .withMessageNotContaining(unpinned.name());
      assertThat(overlay.info().pins()).isZero();
      assertThat(overlay.info().references()).isEqualTo(2); // the handle, and the one that asks
      assertThat(heap.statistics().pinnedBytes()).isEqualTo(56 * KIB);
      locked(cursor, second::close);
      locked(overlay, () -> overlay.pin(Pin.Term.LONG).close());
      locked(scanOut, first::close);
    }
  }

  @Test
  void pin_ofWhatIsPinned_isNeverRefused() {
    Heap heap = heap(8 * KIB);
    try (DmaBuf buffer = heap.allocate(8 * KIB)) {
      locked(
          buffer,
          () -> {
            Pin pin = buffer.pin(Pin.Term.LONG);
            buffer.pin(Pin.Term.LONG).close();
            buffer.pin(Pin.Term.SHORT).close();
            pin.close();
          });
    }
  }

  @Test
  void vmapPinned_beyondTheLimit_leavesNothingMappedOrPinned() {
    Heap heap = heap(8 * KIB);
    try (DmaBuf buffer = heap.allocate(9 * KIB)) {
      for (ArenaKind kind : ArenaKind.values()) {
        assertThatExceptionOfType(DmaBufException.class)
            .isThrownBy(() -> locked(buffer, () -> buffer.vmapPinned(Pin.Term.SHORT, kind)))
            .withMessageContaining("limit on pinned bytes");
      }
      assertThat(buffer.info().holds()).isZero();
      assertThat(buffer.info().pins()).isZero();
      assertThat(buffer.info().references()).isEqualTo(2);
      assertThat(heap.statistics().pinnedBytes()).isZero();
      locked(buffer, () -> buffer.vmapLocked().close()); // which pins nothing (design rule VM3)
      buffer.hold().close();
    }
  }

  @Test
  void vmapPinned_countsUntilItIsClosed() {
    Heap heap = heap(8 * KIB);
    DmaBuf buffer = heap.allocate(5 * KIB);
    Reservation reservation = buffer.reservation();
    Vmap vmap = locked(buffer, () -> buffer.vmapPinned(Pin.Term.LONG, ArenaKind.SHARED));
    buffer.close();
    assertThat(heap.statistics().pinnedBytes()).as("the pin owns a reference").isEqualTo(8 * KIB);
    vmap.segment().fill((byte) 1);
    reservation.lock();
    vmap.close();
    reservation.unlock();
    assertThat(heap.statistics().pinnedBytes()).isZero();
  }

  @Test
  void staticAttachment_countsWhileMapped_aDynamicOneNever() {
    Heap heap = heap(8 * KIB);
    try (DmaBuf buffer = heap.allocate(8 * KIB);
        Attachment fixed = buffer.attach(new Device(false));
        Attachment mobile = buffer.attach(new Device(true))) {
      locked(
          buffer,
          () -> {
            mobile.map(Access.READ);
            assertThat(heap.statistics().pinnedBytes()).isZero();
            fixed.map(Access.READ);
            assertThat(heap.statistics().pinnedBytes()).isEqualTo(8 * KIB);
            fixed.unmap();
            assertThat(heap.statistics().pinnedBytes()).isZero();
            fixed.map(Access.READ); // left to the close
          });
    }
    assertThat(heap.statistics().pinnedBytes()).isZero();
  }

  @Test
  void staticAttachment_beyondTheLimit_isNotMapped_andCanBeLater() {
    Heap heap = heap(8 * KIB);
    try (DmaBuf other = named(heap, 8 * KIB, "in the way");
        DmaBuf buffer = heap.allocate(1);
        Attachment attachment = buffer.attach(new Device(false))) {
      Pin pin = locked(other, () -> other.pin(Pin.Term.SHORT));
      assertThatExceptionOfType(DmaBufException.class)
          .isThrownBy(() -> locked(buffer, () -> attachment.map(Access.READ)))
          .withMessageContaining("in the way");
      assertThat(buffer.info().attachments().getFirst().mapped()).isNull();
      assertThat(buffer.info().pins()).isZero();
      locked(other, pin::close);
      locked(buffer, () -> attachment.map(Access.READ));
      assertThat(heap.statistics().pinnedBytes()).isEqualTo(4 * KIB);
    }
  }

  @Test
  void pinnedNone_forbidsPinsAndLeavesTheRestAlone() throws Exception {
    Heap heap = heap(0);
    try (DmaBuf buffer = heap.allocate(1)) {
      assertThatExceptionOfType(DmaBufException.class)
          .isThrownBy(() -> locked(buffer, () -> buffer.pin(Pin.Term.SHORT)))
          .withMessageContaining("limit on pinned bytes 0 B")
          .withMessageContaining("nobody holds any");
      buffer.write(bytes -> bytes.fill((byte) 1));
    }
  }

  @Test
  void byDefault_allOfTheHeapCanBePinned() {
    try (Heap heap = Heaps.open("offheap:system?limit=64KiB")) {
      assertThat(heap.statistics().pinnedLimitBytes()).isEqualTo(64 * KIB);
      List<DmaBuf> buffers = new ArrayList<>();
      List<Pin> pins = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        DmaBuf buffer = heap.allocate(4 * KIB);
        buffers.add(buffer);
        pins.add(locked(buffer, () -> buffer.pin(Pin.Term.LONG)));
      }
      assertThat(heap.statistics().pinnedBytes()).isEqualTo(64 * KIB);
      for (int i = 0; i < 16; i++) {
        locked(buffers.get(i), pins.get(i)::close);
        buffers.get(i).close();
      }
    }
  }

  @Test
  void pn3_offeredBuffer_countsNothing_andAPinnedOneIsNotPurged() {
    Heap heap = heap(64 * KIB);
    try (DmaBuf buffer = heap.allocate(4 * KIB)) {
      BufferObject object = BufferObject.exporterOf(buffer, Block.class).orElseThrow().object;
      locked(
          buffer,
          () -> {
            buffer.advise(Advice.DONT_NEED);
            assertThatIllegalStateException()
                .isThrownBy(() -> buffer.pin(Pin.Term.LONG))
                .withMessageContaining("PN3");
            assertThat(heap.statistics().pinnedBytes()).isZero();
            buffer.advise(Advice.WILL_NEED);
            try (Pin _ = buffer.pin(Pin.Term.LONG)) {
              assertThatIllegalStateException()
                  .isThrownBy(() -> buffer.advise(Advice.DONT_NEED))
                  .withMessageContaining("PN3");
              assertThat(object.isBusyLocked()).isTrue();
              assertThat(object.purgeLocked()).isFalse();
              assertThat(heap.statistics().pinnedBytes()).isEqualTo(4 * KIB);
            }
            assertThat(object.isBusyLocked()).isFalse();
            assertThat(buffer.advise(Advice.DONT_NEED)).isTrue();
          });
    }
  }

  @ParameterizedTest
  @EnumSource
  void closing_pinnedBuffers_keepTheirBytesUntilUnpinned(TestMemory memory)
      throws InterruptedException {
    Heap heap = heaps.openPinnable(memory, MIB, 8 * KIB);
    DmaBuf buffer = named(heap, 4 * KIB, "still scanned out");
    DmaBuf other = heap.allocate(4 * KIB);
    Pin pin = locked(buffer, () -> buffer.pin(Pin.Term.LONG));
    Reservation reservation = buffer.reservation();
    buffer.close();
    assertThatIllegalStateException()
        .isThrownBy(heap::close)
        .withMessageContaining("still scanned out")
        .withMessageContaining("pins 1");
    assertThat(heap.drain(Duration.ZERO)).isFalse();
    locked(other, () -> other.pin(Pin.Term.SHORT).close()); // live buffers go on working
    assertThat(heap.statistics().pinnedBytes()).isEqualTo(4 * KIB);
    other.close();
    reservation.lock();
    pin.close();
    reservation.unlock();
    assertThat(heap.drain(Duration.ZERO)).isTrue();
    HeapStatistics end = heap.statistics();
    assertThat(end.pinnedBytes()).isZero();
    assertThat(end.committedBytes()).isZero();
    assertThat(end.pinnedLimitBytes()).as("figures can still be read").isEqualTo(8 * KIB);
  }

  @ParameterizedTest
  @EnumSource
  void stress_pinsOfAllKindsAtTheLimit_neverExceedIt_andEndAtZero(TestMemory memory)
      throws InterruptedException {
    long limit = 24 * KIB;
    PooledHeap heap = heaps.openPinnable(memory, 16 * MIB, limit);
    AtomicLong refused = new AtomicLong();
    AtomicLong granted = new AtomicLong();
    AtomicLong ours = new AtomicLong(); // added after a pin, taken off before an unpin
    AtomicLong most = new AtomicLong();
    AtomicReference<Throwable> failure = new AtomicReference<>();
    long start = System.nanoTime();
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < 8; t++) {
      Random random = new Random(t);
      Runnable pinner =
          () -> {
            try {
              while (System.nanoTime() - start < NANOS && failure.get() == null) {
                pinOne(heap, random, ours, most, granted, refused);
              }
            } catch (Throwable e) {
              failure.compareAndSet(null, e);
            }
          };
      threads.add(
          t % 2 == 0 ? Thread.ofPlatform().start(pinner) : Thread.startVirtualThread(pinner));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failure.get()).isNull();
    assertThat(heap.statistics().pinnedBytes()).isZero();
    assertThat(most.get()).isBetween(limit - 8 * KIB, limit);
    assertThat(granted.get()).isPositive();
    assertThat(refused.get()).as("the limit was met").isPositive();
  }

  /** A buffer of one to four pages, pinned in one of the three ways, perhaps twice. */
  private static void pinOne(
      PooledHeap heap,
      Random random,
      AtomicLong ours,
      AtomicLong most,
      AtomicLong granted,
      AtomicLong refused) {
    long bytes = (1 + random.nextInt(4)) * SizeClasses.PAGE;
    Device device = new Device(false);
    try (DmaBuf buffer = heap.allocate(bytes);
        Attachment attachment = buffer.attach(device)) {
      Reservation reservation = buffer.reservation();
      reservation.lock();
      try (AutoCloseable _ =
          switch (random.nextInt(3)) {
            case 0 -> buffer.pin(Pin.Term.LONG);
            case 1 -> buffer.vmapPinned(Pin.Term.SHORT, ArenaKind.CONFINED);
            default -> mapped(attachment);
          }) {
        granted.incrementAndGet();
        assertThat(heap.pool.pinned.now()).isBetween(bytes, heap.pool.pinned.limit);
        most.accumulateAndGet(ours.addAndGet(bytes), Math::max);
        if (random.nextBoolean()) {
          buffer.pin(Pin.Term.SHORT).close();
        }
        if (random.nextInt(4) == 0) {
          Thread.yield();
        }
        ours.addAndGet(-bytes);
      } catch (DmaBufException e) {
        refused.incrementAndGet();
        assertThat(e).hasMessageContaining("limit on pinned bytes");
        assertThat(buffer.info().pins()).isZero();
      } catch (RuntimeException e) {
        throw e;
      } catch (Exception e) {
        throw new AssertionError(e);
      } finally {
        reservation.unlock();
      }
    }
  }

  private static AutoCloseable mapped(Attachment attachment) {
    attachment.map(Access.READ);
    return attachment::unmap;
  }

  @Test
  void stress_oneBufferPinnedByMany_countsOnceOrNotAtAll() throws InterruptedException {
    Heap heap = heap(4 * KIB);
    try (DmaBuf buffer = heap.allocate(4 * KIB)) {
      AtomicReference<Throwable> failure = new AtomicReference<>();
      List<Thread> threads = new ArrayList<>();
      for (Pin.Term term : List.of(Pin.Term.SHORT, Pin.Term.LONG, Pin.Term.SHORT, Pin.Term.LONG)) {
        threads.add(
            Thread.ofPlatform()
                .start(
                    () -> {
                      try {
                        for (int i = 0; i < 20_000; i++) {
                          Pin pin = locked(buffer, () -> buffer.pin(term));
                          assertThat(heap.statistics().pinnedBytes()).isEqualTo(4 * KIB);
                          locked(buffer, pin::close);
                        }
                      } catch (Throwable e) {
                        failure.compareAndSet(null, e);
                      }
                    }));
      }
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(failure.get()).isNull();
    }
    assertThat(heap.statistics().pinnedBytes()).isZero();
  }
}

package io.github.dmabuf4j.device;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.Vmap;
import java.lang.foreign.MemorySegment;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The cache of idle mappings, over mappings that are system calls and can be seen in /proc. */
final class IdleMappingsTest {
  private static final long PAGE = 4096;
  private static final long NANOS =
      TimeUnit.MILLISECONDS.toNanos(
          (long) (1000 * Double.parseDouble(System.getProperty("dmabuf4j.stress.seconds", "2"))));
  private static final AtomicLong NAMES = new AtomicLong();

  private final String name = "idle-mappings-%d-".formatted(NAMES.incrementAndGet());
  private final MappedFile.Account account = new MappedFile.Account();
  private final List<MappedFile> files = new ArrayList<>();

  private MappedFile file(IdleMappings cache, long bytes) {
    MappedFile file = new MappedFile(name, bytes, cache, account);
    files.add(file);
    return file;
  }

  /** Maps, writes and unmaps. */
  private static void touch(DmaBuf buffer) {
    try (Hold hold = buffer.hold()) {
      hold.segment().set(JAVA_BYTE, 0, (byte) 1);
    }
  }

  @AfterEach
  void everyMappingWasUndoneOnce() {
    assertThat(MemoryFile.mappingsOf(name)).isZero();
    assertThat(account.mappedBytes.get()).isZero();
    assertThat(account.unmappedTwice.get()).isZero();
    for (MappedFile file : files) {
      assertThat(file.file.munmaps.get()).isEqualTo(file.file.mmaps.get());
      assertThat(file.object.isReferenced()).isFalse();
      file.close();
    }
  }

  @Test
  void vm1_pairsAfterTheFirst_callNoMmap() {
    IdleMappings cache = new IdleMappings(1 << 20);
    MappedFile file = file(cache, 3 * PAGE);
    try (DmaBuf buffer = file.export()) {
      for (int i = 0; i < 1000; i++) {
        touch(buffer);
        buffer.reservation().lock();
        try (Vmap vmap = buffer.vmapLocked()) {
          vmap.segment().set(JAVA_BYTE, PAGE, (byte) i);
        } finally {
          buffer.reservation().unlock();
        }
      }
      assertThat(file.file.mmaps.get()).isEqualTo(1);
      assertThat(file.file.munmaps.get()).isZero();
      assertThat(MemoryFile.mappingsOf(name)).isEqualTo(1);
      assertThat(cache.bytes()).isEqualTo(3 * PAGE);
    }
    assertThat(cache.bytes()).isZero();
  }

  @Test
  void vm1_contentSurvivesUnmapping() {
    IdleMappings cache = new IdleMappings(1 << 20);
    MappedFile file = file(cache, 2 * PAGE);
    try (DmaBuf buffer = file.export()) {
      for (int round = 1; round <= 3; round++) {
        try (Hold hold = buffer.hold()) {
          assertThat(hold.segment().get(JAVA_LONG, PAGE)).isEqualTo(round - 1);
          hold.segment().set(JAVA_LONG, PAGE, round);
        }
        assertThat(cache.dropAll()).isEqualTo(2 * PAGE);
        assertThat(MemoryFile.mappingsOf(name)).isZero();
      }
      assertThat(file.file.mmaps.get()).isEqualTo(3);
    }
  }

  @Test
  void limit_isKept_andCountsWholePages() {
    IdleMappings cache = new IdleMappings(8 * PAGE + 4095);
    assertThat(cache.limitBytes()).isEqualTo(8 * PAGE);
    List<DmaBuf> buffers = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      DmaBuf buffer = file(cache, i % 2 == 0 ? PAGE + 1 : 2 * PAGE).export(); // two pages each
      buffers.add(buffer);
      touch(buffer);
      assertThat(cache.bytes()).isLessThanOrEqualTo(8 * PAGE);
      assertThat(MemoryFile.mappingsOf(name)).isLessThanOrEqualTo(4);
    }
    assertThat(cache.bytes()).as("as many as fit").isEqualTo(8 * PAGE);
    assertThat(MemoryFile.mappingsOf(name)).isEqualTo(4);
    buffers.forEach(DmaBuf::close);
    assertThat(cache.bytes()).isZero();
  }

  @Test
  void limit_ofNone_keepsNothing() {
    IdleMappings cache = new IdleMappings(0);
    MappedFile file = file(cache, PAGE);
    try (DmaBuf buffer = file.export()) {
      touch(buffer);
      touch(buffer);
      assertThat(file.file.munmaps.get()).isEqualTo(2);
    }
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new IdleMappings(-1))
        .withMessageContaining("-1");
  }

  @Test
  void mapping_largerThanTheLimit_isDroppedAtOnce_andTheOthersStay() {
    IdleMappings cache = new IdleMappings(4 * PAGE);
    MappedFile large = file(cache, 5 * PAGE);
    MappedFile small = file(cache, 2 * PAGE);
    try (DmaBuf big = large.export();
        DmaBuf little = small.export()) {
      touch(little);
      try (Hold hold = big.hold()) {
        assertThat(cache.bytes()).isEqualTo(2 * PAGE);
        hold.segment().set(JAVA_BYTE, 4 * PAGE, (byte) 1); // its user keeps it
        assertThat(large.file.munmaps.get()).isZero();
      }
      assertThat(large.file.munmaps.get()).isEqualTo(1);
      assertThat(small.file.munmaps.get()).isZero();
    }
  }

  @Test
  void drop_whileSomebodyUsesIt_unmapsWithTheLastUser() {
    IdleMappings cache = new IdleMappings(1 << 20);
    MappedFile file = file(cache, PAGE);
    try (DmaBuf buffer = file.export()) {
      try (Hold hold = buffer.hold()) {
        assertThat(cache.dropAll()).isEqualTo(PAGE);
        assertThat(cache.dropAll()).as("once").isZero();
        hold.segment().fill((byte) 1);
        assertThat(file.file.munmaps.get()).isZero();
      }
      assertThat(file.file.munmaps.get()).isEqualTo(1);
    }
  }

  @Test
  void drop_ofSomeBytes_givesUpAtLeastThese() {
    IdleMappings cache = new IdleMappings(1 << 20);
    List<DmaBuf> buffers = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      buffers.add(file(cache, 2 * PAGE).export());
      touch(buffers.getLast());
    }
    assertThat(cache.drop(0)).isZero();
    assertThat(cache.drop(-1)).isZero();
    assertThat(cache.drop(1)).isEqualTo(2 * PAGE);
    assertThat(cache.drop(2 * PAGE + 1)).isEqualTo(4 * PAGE);
    assertThat(account.mappedBytes.get()).isEqualTo(6 * PAGE);
    assertThat(cache.drop(100 * PAGE)).as("all there is").isEqualTo(6 * PAGE);
    assertThat(MemoryFile.mappingsOf(name)).isZero();
    buffers.forEach(DmaBuf::close);
  }

  @Test
  void usedOften_staysMapped_whileOthersComeAndStayOpen() {
    IdleMappings cache = new IdleMappings(8 * PAGE);
    MappedFile hot = file(cache, PAGE);
    List<DmaBuf> buffers = new ArrayList<>();
    buffers.add(hot.export());
    for (int i = 0; i < 100; i++) {
      for (int uses = 0; uses < 20 * IdleMappings.SAMPLE; uses++) {
        touch(buffers.getFirst());
      }
      buffers.add(file(cache, PAGE).export());
      touch(buffers.getLast());
    }
    assertThat(hot.file.mmaps.get()).isEqualTo(1);
    buffers.forEach(DmaBuf::close);
  }

  @Test
  void move_takesTheMappingBack_andTheNextIsTheCachesAgain() {
    IdleMappings cache = new IdleMappings(1 << 20);
    MappedFile file = file(cache, PAGE);
    try (DmaBuf buffer = file.export()) {
      for (int i = 1; i <= 3; i++) {
        touch(buffer);
        assertThat(cache.bytes()).isEqualTo(PAGE);
        buffer.reservation().lock();
        try {
          file.object.moveNotifyLocked();
        } finally {
          buffer.reservation().unlock();
        }
        assertThat(cache.bytes()).isZero();
        assertThat(file.file.munmaps.get()).isEqualTo(i);
      }
    }
  }

  @Test
  void drop_ofAQuarantinedBuffer_leavesTheMappingToItsRelease() {
    IdleMappings cache = new IdleMappings(1 << 20);
    MappedFile file = file(cache, PAGE);
    FenceContext device = FenceContext.create("device");
    Fence fence = device.newFence();
    DmaBuf buffer = file.export();
    touch(buffer);
    Reservation reservation = buffer.reservation();
    reservation.lock();
    reservation.reserve(1);
    reservation.add(fence, FenceUsage.BOOKKEEP);
    reservation.unlock();
    buffer.close();
    assertThat(cache.dropAll()).as("nothing was given up").isZero();
    assertThat(file.file.munmaps.get()).isZero();
    device.signal(fence);
    assertThat(file.file.munmaps.get()).isEqualTo(1);
    assertThat(cache.bytes()).isZero();
  }

  @Test
  void failingUnmap_ofSomebodyElsesBuffer_isNotTheCallersFailure() {
    IdleMappings cache = new IdleMappings(PAGE);
    MappedFile failing = file(cache, PAGE);
    failing.failure = new IllegalStateException("thrown on purpose");
    List<DmaBuf> buffers = new ArrayList<>();
    buffers.add(failing.export());
    touch(buffers.getFirst());
    for (int i = 0; i < 100 && failing.file.munmaps.get() == 0; i++) {
      buffers.add(file(cache, PAGE).export());
      touch(buffers.getLast()); // until the policy prefers one of these
    }
    assertThat(failing.file.munmaps.get()).isEqualTo(1);
    failing.failure = null;
    assertThat(cache.bytes()).isEqualTo(PAGE);
    assertThat(account.mappedBytes.get()).isEqualTo(PAGE);
    buffers.forEach(DmaBuf::close);
    assertThat(cache.bytes()).isZero();
  }

  @Test
  void closedBuffers_areNotRetained() {
    IdleMappings cache = new IdleMappings(16 * PAGE);
    List<WeakReference<BufferObject>> dead = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      dead.add(useAndClose(cache));
    }
    assertThat(cache.bytes()).isZero();
    long start = System.nanoTime();
    while (dead.stream().anyMatch(one -> one.get() != null)) {
      assertThat(System.nanoTime() - start)
          .as("%s keeps %s", cache, dead)
          .isLessThan(TimeUnit.SECONDS.toNanos(60));
      System.gc();
    }
  }

  private WeakReference<BufferObject> useAndClose(IdleMappings cache) {
    MappedFile file = new MappedFile(name, PAGE, cache, account);
    try (DmaBuf buffer = file.export()) {
      touch(buffer);
      touch(buffer);
    }
    file.close();
    return new WeakReference<>(file.object);
  }

  /** A buffer that is closed and allocated again while others use it. */
  private final class Place {
    final MappedFile file;
    final AtomicLong writes = new AtomicLong();
    private final ReentrantLock renewing = new ReentrantLock();
    private volatile DmaBuf buffer;

    Place(IdleMappings cache, long bytes) {
      file = file(cache, bytes);
      buffer = file.export();
    }

    /** Counts in the file, if the buffer isn't being renewed. */
    void write() {
      DmaBuf mine;
      try {
        mine = buffer.dup();
      } catch (IllegalStateException e) {
        return; // closed
      }
      try (mine) {
        mine.writeUninterruptibly(
            bytes -> {
              long last = bytes.byteSize() - 8;
              bytes.set(JAVA_LONG, last, bytes.get(JAVA_LONG, last) + 1);
              writes.incrementAndGet();
            });
      }
    }

    void move() {
      if (file.object.tryBeginReclaim()) {
        try {
          if (!file.object.isBusyLocked()) {
            file.object.moveNotifyLocked();
          }
        } finally {
          file.object.endReclaim();
        }
      }
    }

    void renew() {
      if (renewing.tryLock()) {
        try {
          buffer.close();
          while (file.object.isReferenced()) {
            Thread.onSpinWait(); // others have dups
          }
          buffer = file.export();
        } finally {
          renewing.unlock();
        }
      }
    }

    void end() {
      try (Hold hold = buffer.hold()) {
        MemorySegment bytes = hold.segment();
        assertThat(bytes.get(JAVA_LONG, bytes.byteSize() - 8)).isEqualTo(writes.get());
      }
      buffer.close();
    }
  }

  @Test
  void stress_usedMovedDroppedAndRenewedAtOnce_keepsTheLimitAndTheContent()
      throws InterruptedException {
    int largest = 8;
    int threadCount = 4;
    IdleMappings cache = new IdleMappings(72 * PAGE);
    List<Place> places = new ArrayList<>();
    for (int i = 0; i < 64; i++) { // 288 pages
      places.add(new Place(cache, (1 + i % largest) * PAGE));
    }
    AtomicReference<Throwable> failure = new AtomicReference<>();
    List<Thread> threads = new ArrayList<>();
    long start = System.nanoTime();
    for (int t = 0; t < threadCount; t++) {
      Random random = new Random(t);
      threads.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      while (System.nanoTime() - start < NANOS && failure.get() == null) {
                        step(cache, places, random);
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
    assertThat(account.mappedBytes.get())
        .as("what is mapped is what the cache has")
        .isEqualTo(cache.bytes())
        .isLessThanOrEqualTo(cache.limitBytes());
    // Beyond that each thread has one in use, one that it is undoing, and those that were chosen to
    // make room, for itself or for others, and are still in line when it loses its processor.
    assertThat(account.mostMappedBytes.get())
        .as("at most, of 288 pages in all")
        .isLessThanOrEqualTo(cache.limitBytes() + 5 * PAGE * threadCount * largest);
    assertThat(places.stream().mapToInt(place -> place.file.file.munmaps.get()).sum())
        .as("the limit was met")
        .isGreaterThan(1000);
    places.forEach(Place::end);
    assertThat(cache.bytes()).isZero();
  }

  private static void step(IdleMappings cache, List<Place> places, Random random) {
    int choice = random.nextInt(200);
    // some are used more often than others
    Place place = places.get(random.nextInt(1 + random.nextInt(places.size())));
    if (choice == 0) {
      cache.dropAll();
    } else if (choice < 5) {
      cache.drop(random.nextLong(20 * PAGE));
    } else if (choice < 15) {
      place.renew();
    } else if (choice < 35) {
      place.move();
    } else {
      place.write();
    }
  }
}

package io.github.dmabuf4j;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.TestExporter.Call;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

final class DmaBufTest {
  private static final List<FenceUsage> USAGES = List.of(FenceUsage.values());

  private final TestExporter exporter = new TestExporter();
  private final DmaBuf buffer = exporter.export();

  private static Importer importer() {
    return () -> "importer";
  }

  // ---- life ----

  @Test
  void cb4_release_runsOnceAfterTheLastReference() {
    DmaBuf second = buffer.dup();
    DmaBuf third = second.dupReadOnly();
    buffer.close();
    buffer.close();
    third.close();
    assertThat(exporter.isReleased()).isFalse();
    assertThat(second.size()).isEqualTo(TestExporter.SIZE);
    second.close();
    second.close();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
    assertThat(Stream.of(buffer, second, third)).allMatch(DmaBuf::isClosed);
  }

  @Test
  void dupAndClose_fromManyThreads_countExactly() throws Exception {
    BooleanSupplier going = Threads.stressTime();
    while (going.getAsBoolean()) {
      TestExporter fresh = new TestExporter();
      DmaBuf first = fresh.export();
      Threads.Body body =
          () -> {
            List<DmaBuf> mine = new ArrayList<>();
            try {
              for (int i = 0; i < 100; i++) {
                mine.add(first.dup());
              }
            } catch (IllegalStateException closed) {
              assertThat(closed).hasMessageContaining("test-exporter");
            }
            mine.forEach(DmaBuf::close);
            mine.forEach(DmaBuf::close);
          };
      Threads.together(body, body, first::close);
      assertThat(fresh.count(Call.RELEASE)).isEqualTo(1);
    }
  }

  @Test
  void closeAndUse_atOnce_eitherWorksOrIsRefused() throws Exception {
    AtomicReference<DmaBuf> current = new AtomicReference<>();
    AtomicInteger releases = new AtomicInteger();
    Threads.race(
        () ->
            current.set(
                exporter.object.isReferenced() ? closeAndExport(buffer) : exporter.export()),
        () -> {
          try (Hold hold = current.get().hold()) {
            assertThat(hold.segment().get(JAVA_BYTE, 0)).isBetween((byte) -128, (byte) 127);
          } catch (IllegalStateException closed) {
            assertThat(closed).hasMessageContaining("test-exporter");
          }
        },
        () -> current.get().close(),
        () -> {
          assertThat(exporter.object.isReferenced()).isFalse();
          releases.incrementAndGet();
        });
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(releases.get() + 1);
  }

  private DmaBuf closeAndExport(DmaBuf old) {
    old.close();
    return exporter.export();
  }

  static Stream<String> uses() {
    return useMap().keySet().stream();
  }

  private static Map<String, UseOfAHandle> useMap() {
    Map<String, UseOfAHandle> uses = new LinkedHashMap<>();
    uses.put("dup", DmaBuf::dup);
    uses.put("dupReadOnly", DmaBuf::dupReadOnly);
    uses.put("size", DmaBuf::size);
    uses.put("name", DmaBuf::name);
    uses.put("setName", handle -> handle.setName("x"));
    uses.put("layout", DmaBuf::layout);
    uses.put("setLayout", handle -> handle.setLayout(FrameLayout.of(PixelFormat.I420, 8, 4)));
    uses.put("reservation", DmaBuf::reservation);
    uses.put("info", DmaBuf::info);
    uses.put("read", handle -> handle.read(segment -> 0));
    uses.put("write", handle -> handle.write(segment -> {}));
    uses.put("readUninterruptibly", handle -> handle.readUninterruptibly(segment -> 0));
    uses.put("writeUninterruptibly", handle -> handle.writeUninterruptibly(segment -> {}));
    uses.put("beginCpuAccess", handle -> handle.beginCpuAccess(Access.READ));
    uses.put(
        "beginCpuAccessUninterruptibly",
        handle -> handle.beginCpuAccessUninterruptibly(Access.READ));
    uses.put("isReadOnly", DmaBuf::isReadOnly);
    uses.put("isSameBuffer", handle -> handle.isSameBuffer(handle));
    uses.put("hold", DmaBuf::hold);
    uses.put("hold SHARED", handle -> handle.hold(ArenaKind.SHARED));
    uses.put("vmapLocked", DmaBuf::vmapLocked);
    uses.put("vmapPinned", handle -> handle.vmapPinned(Pin.Term.SHORT, ArenaKind.SHARED));
    uses.put("attach", handle -> handle.attach(importer()));
    uses.put("pin", handle -> handle.pin(Pin.Term.LONG));
    uses.put("publish", handle -> handle.publish(Fence.stub(), Access.READ));
    uses.put("advise", handle -> handle.advise(Advice.WILL_NEED));
    uses.put("exportFd", DmaBuf::exportFd);
    uses.put("job reads", handle -> Job.named("j").reads(handle).publish());
    uses.put("job writes", handle -> Job.named("j").writes(handle).publish());
    return uses;
  }

  private interface UseOfAHandle {
    void use(DmaBuf handle) throws Exception;
  }

  @ParameterizedTest
  @MethodSource("uses")
  void useAfterClose_namesTheBuffer(String name) {
    UseOfAHandle use = useMap().get(name);
    DmaBuf other = buffer.dup();
    buffer.close();
    assertThatIllegalStateException() // while the buffer lives on
        .isThrownBy(() -> use.use(buffer))
        .withMessageContaining("closed handle of test-exporter#");
    assertThat(other.info().references()).isEqualTo(2);
    other.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> use.use(buffer))
        .withMessageContaining("test-exporter"); // it is gone
    DmaBuf next = exporter.export();
    assertThatIllegalStateException()
        .isThrownBy(() -> use.use(buffer))
        .withMessageContaining("test-exporter"); // somebody else's now
    buffer.close();
    assertThat(next.info().references()).isEqualTo(2);
    assertThat(next.info().fences()).isEmpty();
    assertThat(buffer.toString()).contains("test-exporter");
    next.close();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(2);
  }

  @Test
  void useAfterClose_coversEveryPublicMethod() {
    List<String> harmless =
        List.of(
            "close",
            "isClosed",
            "toString",
            "equals",
            "hashCode",
            "getClass",
            "notify",
            "notifyAll",
            "wait");
    assertThat(DmaBuf.class.getMethods())
        .extracting(java.lang.reflect.Method::getName)
        .filteredOn(name -> !harmless.contains(name))
        .isSubsetOf(useMap().keySet());
  }

  @Test
  void closedHandle_namesItsBuffer_untilTheMemoryHasAnotherOwner() {
    DmaBuf closed = buffer;
    closed.setName("frame 7");
    closed.close();
    assertThat(closed.toString()).isEqualTo("closed handle of frame 7");
    assertThatIllegalStateException()
        .isThrownBy(closed::size)
        .withMessageStartingWith("size on a closed handle of frame 7;");
    try (DmaBuf next = exporter.object.export(100, "next", null)) {
      assertThat(next.name()).isEqualTo("next");
      assertThatIllegalStateException()
          .isThrownBy(closed::size)
          .withMessageMatching("size on a closed handle of test-exporter#[0-9a-f]{8}\\.1;.*");
    }
  }

  @Test
  void closedReadOnlyHandle_refusesToWrite_withoutTheNameOfTheNextOwner() {
    DmaBuf reader = buffer.dupReadOnly();
    reader.close();
    buffer.close();
    try (DmaBuf _ = exporter.object.export(100, "secret", null)) {
      assertThatIllegalStateException()
          .isThrownBy(() -> reader.setName("late"))
          .withMessageMatching(".*read-only handle of test-exporter#[0-9a-f]{8}\\.1");
    }
  }

  @Test
  void staleHandle_canNotTouchTheNextGeneration() throws InterruptedException {
    DmaBuf stale = buffer.dup();
    stale.close();
    buffer.close();
    DmaBuf next = exporter.object.export(100, "next", null);
    assertThatIllegalStateException()
        .isThrownBy(() -> next.isSameBuffer(stale))
        .withMessageContaining("closed handle of test-exporter#")
        .withMessageContaining(".1;");
    stale.close();
    buffer.close();
    assertThat(next.size()).isEqualTo(100);
    assertThat(next.name()).isEqualTo("next");
    next.write(segment -> assertThat(segment.byteSize()).isEqualTo(100));
    next.close();
  }

  @Test
  void handlesOfManyGenerations_underStress_neverTouchAnothers() throws Exception {
    // One block, exported again and again by its pool; every thread keeps old handles and tries
    // them.
    AtomicReference<DmaBuf> current = new AtomicReference<>(buffer);
    AtomicBoolean stop = new AtomicBoolean();
    AtomicInteger exports = new AtomicInteger(1);
    exporter.onRelease =
        () -> {
          if (!stop.get()) {
            exports.incrementAndGet();
            current.set(
                exporter.object.export(
                    1 + exports.get() % 1000, "generation " + exports.get(), null));
          }
        };
    BooleanSupplier going = Threads.stressTime();
    Threads.Body user =
        () -> {
          List<DmaBuf> closed = new ArrayList<>();
          while (going.getAsBoolean()) {
            DmaBuf seen = current.get();
            try (DmaBuf mine = seen.dup()) {
              String name = mine.name();
              assertThat(mine.size())
                  .isEqualTo(1 + Integer.parseInt(name.substring("generation ".length())) % 1000);
              closed.add(mine);
            } catch (IllegalStateException gone) {
              assertThat(gone).hasMessageContaining("closed handle of");
            } catch (NumberFormatException | StringIndexOutOfBoundsException first) {
              assertThat(exports.get()).isPositive(); // the first one has a made-up name
            }
            if (closed.size() > 20) {
              closed.forEach(
                  old -> {
                    old.close();
                    assertThatIllegalStateException().isThrownBy(old::size);
                  });
              closed.clear();
            }
            seen.close();
          }
        };
    Threads.together(user, user, user);
    stop.set(true);
    current.get().close();
    assertThat(exporter.object.isReferenced()).isFalse();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(exports.get());
  }

  @Test
  void export_whileInUseOrQuarantined_isRefused() {
    assertThatIllegalStateException().isThrownBy(exporter::export).withMessageContaining("in use");
    FenceContext device = FenceContext.create("device");
    publish(device.newFence(), FenceUsage.BOOKKEEP);
    buffer.close();
    assertThat(exporter.object.isReferenced()).as("in quarantine").isTrue();
    assertThatIllegalStateException().as("in quarantine").isThrownBy(exporter::export);
    device.close();
    assertThat(exporter.object.isReferenced()).isFalse();
    exporter.export().close();
    assertThatIllegalArgumentException().isThrownBy(() -> exporter.object.export(0, null, null));
  }

  private void publish(Fence fence, FenceUsage usage) {
    Reservation reservation = buffer.reservation();
    reservation.lock();
    reservation.reserve(1);
    reservation.add(fence, usage);
    reservation.unlock();
  }

  // ---- quarantine ----

  @ParameterizedTest
  @EnumSource(FenceUsage.class)
  void pendingFence_delaysTheRelease(FenceUsage usage) {
    FenceContext device = FenceContext.create("device");
    Fence fence = device.newFence();
    publish(fence, usage);
    buffer.close();
    assertThat(exporter.isReleased()).isFalse();
    assertThat(exporter.object.info().isQuarantined()).isTrue();
    assertThat(exporter.object.info().toString()).contains("QUARANTINED").contains("device");
    device.signal(fence);
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
  }

  @Test
  void manyPendingFences_areAllWaitedFor() {
    List<FenceContext> devices = new ArrayList<>();
    List<Fence> fences = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      devices.add(FenceContext.create("device"));
      fences.add(devices.getLast().newFence());
      publish(fences.getLast(), USAGES.get(i % 4));
    }
    buffer.close();
    for (int i = 0; i < 100; i++) {
      assertThat(exporter.isReleased()).isFalse();
      int chosen = (i * 37) % 100;
      devices.get(chosen).signal(fences.get(chosen));
    }
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
  }

  @Test
  void silentDevice_keepsTheBufferInQuarantineUntilItIsGivenUp() {
    FenceContext device =
        FenceContext.builder("ring").foreign(java.time.Duration.ofMillis(2)).build();
    publish(device.newFence(), FenceUsage.WRITE);
    assertThatExceptionOfType(FenceTimeoutException.class)
        .isThrownBy(() -> buffer.read(segment -> 0));
    assertThat(buffer.info().holds()).isZero();
    buffer.close();
    assertThat(exporter.isReleased()).isFalse();
    device.close();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
  }

  @Test
  void sharedReservation_releasesOnceTheFencesOfThatMomentHaveSignaled() {
    Reservation shared = new Reservation();
    TestExporter one = new TestExporter(shared);
    TestExporter two = new TestExporter(shared);
    DmaBuf first = one.export();
    DmaBuf second = two.export();
    FenceContext device = FenceContext.create("device");
    Fence before = addTo(shared, device);
    first.close();
    Fence after =
        addTo(shared, device); // the neighbour goes on: not this buffer's business any more
    device.signal(before);
    assertThat(one.count(Call.RELEASE))
        .as("a busy neighbour doesn't keep it for ever")
        .isEqualTo(1);
    assertThat(shared.fences(FenceUsage.READ))
        .as("nor are the neighbour's fences lost")
        .containsExactly(after);
    second.close();
    assertThat(two.isReleased()).isFalse();
    device.signal(after);
    assertThat(two.count(Call.RELEASE)).isEqualTo(1);
  }

  private static Fence addTo(Reservation reservation, FenceContext context) {
    reservation.lock();
    reservation.reserve(1);
    Fence mine = context.newFence();
    reservation.add(mine, FenceUsage.READ);
    reservation.unlock();
    return mine;
  }

  @Test
  void nextOwner_findsNoFenceOfTheLastOne_andAnotherReservation() {
    Reservation old = buffer.reservation();
    buffer.close();
    DmaBuf next = exporter.export();
    assertThat(next.reservation()).isNotSameAs(old);
    assertThat(next.info().fences()).isEmpty();
    next.close();
  }

  // ---- what it is ----

  @Test
  void nameAndLayout_areTheBuffersNotTheHandles() {
    DmaBuf second = buffer.dup();
    assertThat(buffer.name()).contains("test-exporter");
    second.setName("frame 7");
    assertThat(buffer.name()).isEqualTo("frame 7");
    assertThat(buffer.toString()).isEqualTo("frame 7");
    FrameLayout layout = FrameLayout.of(PixelFormat.I420, 8, 4);
    second.setLayout(layout);
    assertThat(buffer.layout()).contains(layout);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> buffer.setLayout(FrameLayout.of(PixelFormat.I420, 1920, 1080)));
    assertThat(buffer.isSameBuffer(second)).isTrue();
    second.close();
    buffer.close();
    DmaBuf next = exporter.export();
    assertThat(next.name()).isNotEqualTo("frame 7");
    assertThat(next.layout()).isEmpty();
    next.close();
  }

  @Test
  void readOnlyHandle_canNotWrite() throws InterruptedException {
    try (DmaBuf readOnly = buffer.dupReadOnly();
        DmaBuf again = readOnly.dup()) {
      assertThat(again.isReadOnly()).isTrue();
      for (DmaBuf handle : List.of(readOnly, again)) {
        assertThatIllegalStateException()
            .isThrownBy(() -> handle.write(segment -> {}))
            .withMessageContaining("read-only");
        assertThatIllegalStateException().isThrownBy(() -> handle.beginCpuAccess(Access.WRITE));
        assertThatIllegalStateException()
            .isThrownBy(() -> handle.beginCpuAccess(Access.READ_WRITE));
        assertThatIllegalStateException()
            .isThrownBy(() -> Job.named("j").writes(handle).publish())
            .withMessageContaining("read-only");
        assertThat(handle.<Boolean, RuntimeException>read(MemorySegment::isReadOnly)).isTrue();
      }
    }
    assertThat(buffer.info().references()).isEqualTo(2);
  }

  @Test
  void exportFd_ofPlainMemory_isRefusedWithTheWayOut() {
    assertThatExceptionOfType(UnsupportedOperationException.class)
        .isThrownBy(buffer::exportFd)
        .withMessageContaining("dma-heap");
    assertThat(buffer.info().references()).isEqualTo(2);
  }

  // ---- brackets and closures ----

  @Test
  void ca3_incoherentDevice_seesWhatWasWrittenInABracketOnly() throws InterruptedException {
    TestExporter.Incoherent device = new TestExporter.Incoherent();
    DmaBuf frame = device.export();
    try (CpuAccess access = frame.beginCpuAccess(Access.READ_WRITE)) {
      access.segment().set(JAVA_BYTE, 5, (byte) 55);
      assertThat(device.deviceByte(5)).as("not before the end").isZero();
    }
    assertThat(device.deviceByte(5)).isEqualTo((byte) 55);
    device.deviceWrites(6, (byte) 66);
    assertThat(frame.<Byte, RuntimeException>read(segment -> segment.get(JAVA_BYTE, 6)))
        .isEqualTo((byte) 66);
    frame.write(segment -> segment.set(JAVA_BYTE, 7, (byte) 77));
    assertThat(device.deviceByte(7)).isEqualTo((byte) 77);
    try (Hold hold = frame.hold()) {
      assertThat(hold.segment().get(JAVA_BYTE, 7))
          .as("a hold alone sees rubbish")
          .isEqualTo(TestExporter.POISON);
      hold.segment().set(JAVA_BYTE, 8, (byte) 88);
    }
    assertThat(device.deviceByte(8)).as("and is not seen").isZero();
    Job.named("job")
        .writes(frame)
        .publish()
        .run(access -> access.segment(frame).set(JAVA_BYTE, 9, (byte) 99));
    assertThat(device.deviceByte(9)).isEqualTo((byte) 99);
    frame.close();
    assertThat(device.brackets()).isZero();
  }

  @Test
  void ca3_jobWithSeveralAccesses_isOneBracketOverAll() throws Exception {
    TestExporter.Incoherent device = new TestExporter.Incoherent();
    DmaBuf frame = device.export();
    Job job = Job.named("tiles").writes(frame).publish();
    List<Threads.Body> tiles = new ArrayList<>();
    for (int tile = 0; tile < 4; tile++) {
      int number = tile;
      tiles.add(
          () -> {
            try (JobAccess access = job.open()) {
              access.segment(frame).set(JAVA_BYTE, number, (byte) (number + 1));
            }
          });
    }
    Threads.together(tiles);
    assertThat(job.signal()).isTrue();
    for (int tile = 0; tile < 4; tile++) {
      assertThat(device.deviceByte(tile)).isEqualTo((byte) (tile + 1));
    }
    assertThat(device.brackets()).isZero();
  }

  @Test
  void bracket_waitsForConflictsAndIsNotWaitedFor() throws Exception {
    FenceContext device = FenceContext.create("device");
    Fence writer = device.newFence();
    publish(writer, FenceUsage.WRITE);
    Threads.Started reader =
        Threads.platform(() -> buffer.beginCpuAccess(Access.READ).close()).awaitBlocked();
    Threads.Started uninterruptible =
        Threads.virtual(() -> buffer.beginCpuAccessUninterruptibly(Access.WRITE).close())
            .awaitBlocked();
    device.signal(writer);
    reader.join();
    uninterruptible.join();
    Fence other = device.newFence();
    publish(other, FenceUsage.READ);
    buffer.beginCpuAccess(Access.READ).close(); // readers don't wait for readers
    device.signal(other);
    try (CpuAccess access = buffer.beginCpuAccess(Access.WRITE)) {
      assertThat(access.access()).isEqualTo(Access.WRITE);
      assertThat(access.segment().isReadOnly()).isFalse();
      Threads.platform(() -> buffer.write(segment -> {})).join(); // a bracket gives no exclusion
    }
    assertThat(buffer.info().holds()).isZero();
  }

  @Test
  void bracket_belongsToItsThread() throws Exception {
    CpuAccess access = buffer.beginCpuAccess(Access.READ);
    Threads.platform(
            () -> {
              assertThatExceptionOfType(WrongThreadException.class).isThrownBy(access::close);
              assertThatExceptionOfType(WrongThreadException.class)
                  .isThrownBy(() -> access.segment().get(JAVA_BYTE, 0));
            })
        .join();
    assertThat(exporter.count(Call.END)).isZero();
    MemorySegment segment = access.segment();
    access.close();
    access.close();
    assertThat(exporter.count(Call.END)).isEqualTo(1);
    assertThatIllegalStateException().isThrownBy(() -> segment.get(JAVA_BYTE, 0));
  }

  @Test
  void interruptedBracket_leavesNothing() throws Exception {
    FenceContext device = FenceContext.create("device");
    publish(device.newFence(), FenceUsage.WRITE);
    Threads.Started reader =
        Threads.platform(
            () ->
                assertThatExceptionOfType(InterruptedException.class)
                    .isThrownBy(() -> buffer.read(segment -> 0)));
    reader.awaitBlocked().thread().interrupt();
    reader.join();
    assertThat(buffer.info().holds()).isZero();
    assertThat(buffer.info().fences()).hasSize(1);
    assertThat(exporter.count(Call.BEGIN)).isZero();
    device.close();
    buffer.close();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
  }

  @Test
  void closure_passesOnWhatTheBodyThrows_andEnds() throws InterruptedException {
    IOException thrown = new IOException("thrown on purpose");
    assertThatExceptionOfType(IOException.class)
        .isThrownBy(
            () ->
                buffer.write(
                    segment -> {
                      throw thrown;
                    }))
        .isSameAs(thrown);
    assertThatExceptionOfType(BufferRevokedException.class)
        .isThrownBy(
            () ->
                buffer.read(
                    segment -> {
                      throw new InternalError(
                          "a fault occurred in an unsafe memory access operation");
                    }));
    InternalError own = new InternalError("the body's own");
    assertThatExceptionOfType(InternalError.class)
        .isThrownBy(
            () ->
                buffer.write(
                    segment -> {
                      throw own;
                    }))
        .isSameAs(own);
    assertThat(exporter.count(Call.BEGIN)).isEqualTo(3);
    assertThat(exporter.count(Call.END)).isEqualTo(3);
    assertThat(buffer.info().holds()).isZero();
    assertThat(buffer.info().fences()).isEmpty();
    buffer.write(segment -> {}); // the thread isn't taken for nested
  }

  @Test
  void nestedClosures_areRefusedWithAPointerToJob() throws InterruptedException {
    DmaBuf other = TestExporter.buffer();
    buffer.read(
        segment -> {
          assertThatIllegalStateException()
              .isThrownBy(() -> other.read(inner -> 0))
              .withMessageContaining("Job");
          assertThatIllegalStateException()
              .isThrownBy(() -> other.write(inner -> {}))
              .withMessageContaining("Job");
          assertThatIllegalStateException()
              .isThrownBy(() -> buffer.read(inner -> 0))
              .withMessageContaining("Job");
          return 0;
        });
    other.write(segment -> {});
    other.close();
  }

  @Test
  void bracketInsideAClosure_isRefusedInsteadOfWaitingForItself() throws InterruptedException {
    buffer.write(
        segment ->
            assertThatIllegalStateException()
                .isThrownBy(() -> buffer.beginCpuAccess(Access.READ))
                .withMessageContaining("Job"));
  }

  @Test
  void segmentOfAClosure_isDeadAfterwards() throws InterruptedException {
    AtomicReference<MemorySegment> escaped = new AtomicReference<>();
    buffer.write(escaped::set);
    assertThatIllegalStateException().isThrownBy(() -> escaped.get().get(JAVA_BYTE, 0));
  }

  @Test
  void writersExcludeEverybody_readersOnlyWriters() throws Exception {
    BooleanSupplier going = Threads.stressTime();
    AtomicInteger writers = new AtomicInteger();
    AtomicInteger readers = new AtomicInteger();
    AtomicInteger rounds = new AtomicInteger();
    List<Threads.Started> threads = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      boolean writes = i % 2 == 0;
      Threads.Body body =
          () -> {
            while (going.getAsBoolean()) {
              if (writes) {
                buffer.write(
                    segment -> {
                      assertThat(writers.incrementAndGet()).isEqualTo(1);
                      assertThat(readers.get()).isZero();
                      byte value = (byte) ThreadLocalRandom.current().nextInt();
                      segment.fill(value);
                      assertThat(readers.get()).isZero();
                      writers.decrementAndGet();
                    });
              } else {
                buffer.read(
                    segment -> {
                      readers.incrementAndGet();
                      assertThat(writers.get()).isZero();
                      assertThat(segment.get(JAVA_BYTE, 0))
                          .isEqualTo(segment.get(JAVA_BYTE, TestExporter.SIZE - 1));
                      readers.decrementAndGet();
                      return 0;
                    });
              }
              rounds.incrementAndGet();
            }
          };
      threads.add(i < 3 ? Threads.platform(body) : Threads.virtual(body));
    }
    for (Threads.Started thread : threads) {
      thread.join();
    }
    assertThat(rounds.get()).isPositive();
    assertThat(buffer.info().holds()).isZero();
    assertThat(buffer.info().fences()).isEmpty();
    assertThat(exporter.count(Call.BEGIN)).isEqualTo(exporter.count(Call.END));
  }

  @Test
  void twoReaders_areInAtOnce() throws Exception {
    CountDownLatch bothIn = new CountDownLatch(2);
    Threads.Body reader =
        () ->
            buffer.read(
                segment -> {
                  bothIn.countDown();
                  try {
                    bothIn.await();
                  } catch (InterruptedException e) {
                    throw new AssertionError(e);
                  }
                  return 0;
                });
    Threads.together(reader, reader);
  }

  @ParameterizedTest
  @ValueSource(strings = {"read", "write", "beginCpuAccess"})
  void bytesWithTheReservationHeld_areRefused(String name) throws InterruptedException {
    Reservation reservation = buffer.reservation();
    reservation.lock();
    assertThatIllegalStateException()
        .isThrownBy(() -> useMap().get(name).use(buffer))
        .withMessageContaining("reentrant");
    reservation.unlock();
    assertThat(buffer.info().holds()).isZero();
    buffer.write(segment -> {});
  }

  // ---- every exporter callback fails ----

  private static List<Throwable> failures() {
    return List.of(
        new IllegalStateException("thrown on purpose"), new AssertionError("thrown on purpose"));
  }

  static Stream<Call> callsOfAnAccess() {
    return Stream.of(Call.VMAP, Call.SEGMENT, Call.BEGIN, Call.END);
  }

  private void assertNothingLeft() throws InterruptedException {
    assertThat(buffer.info().holds()).isZero();
    assertThat(buffer.info().fences()).isEmpty();
    assertThat(buffer.reservation().isLocked()).isFalse();
    assertThat(buffer.info().references()).isEqualTo(2);
    buffer.write(segment -> segment.set(JAVA_BYTE, 0, (byte) 1)); // all as before
  }

  @ParameterizedTest
  @MethodSource("callsOfAnAccess")
  void closure_withAFailingExporter_leavesNothing(Call call) throws InterruptedException {
    for (Throwable failure : failures()) {
      exporter.failNext(call, failure);
      if (call == Call.VMAP && exporter.count(Call.VMAP) > 0) {
        return; // it is asked once
      }
      assertThatExceptionOfType(Throwable.class)
          .isThrownBy(() -> buffer.write(segment -> {}))
          .isSameAs(failure);
      assertNothingLeft();
    }
    buffer.close();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
  }

  @ParameterizedTest
  @MethodSource("callsOfAnAccess")
  void bracket_withAFailingExporter_leavesNothing(Call call) throws InterruptedException {
    for (Throwable failure : failures()) {
      exporter.failNext(call, failure);
      if (call == Call.VMAP && exporter.count(Call.VMAP) > 0) {
        return;
      }
      assertThatExceptionOfType(Throwable.class)
          .isThrownBy(
              () -> {
                try (CpuAccess access = buffer.beginCpuAccess(Access.READ)) {
                  assertThat(access.segment()).isNotNull();
                }
              })
          .isSameAs(failure);
      assertNothingLeft();
    }
    buffer.close();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
  }

  @ParameterizedTest
  @EnumSource(
      value = Call.class,
      names = {"VMAP", "SEGMENT"})
  void hold_withAFailingExporter_leavesNothing(Call call) throws InterruptedException {
    for (Throwable failure : failures()) {
      exporter.failNext(call, failure);
      if (call == Call.VMAP && exporter.count(Call.VMAP) > 0) {
        return;
      }
      assertThatExceptionOfType(Throwable.class)
          .isThrownBy(() -> buffer.hold(ArenaKind.SHARED))
          .isSameAs(failure);
      assertNothingLeft();
    }
  }

  @Test
  void failingEnd_failsThePublishedFence() throws Exception {
    AtomicReference<Fence> published = new AtomicReference<>();
    RuntimeException failure = new IllegalStateException("thrown on purpose");
    exporter.failNext(Call.END, failure);
    assertThatExceptionOfType(RuntimeException.class)
        .isThrownBy(
            () ->
                buffer.write(
                    segment ->
                        published.set(
                            exporter.object.reservation().fences(FenceUsage.WRITE).getFirst())))
        .isSameAs(failure);
    assertThat(published.get().error()).containsSame(failure);
  }

  @ParameterizedTest
  @EnumSource(
      value = Call.class,
      names = {"VUNMAP", "RELEASE"})
  void release_withAFailingExporter_stillGivesTheMemoryBack(Call call) throws InterruptedException {
    buffer.write(segment -> {});
    RuntimeException failure = new IllegalStateException("thrown on purpose");
    exporter.failNext(call, failure);
    assertThatExceptionOfType(RuntimeException.class).isThrownBy(buffer::close).isSameAs(failure);
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
    assertThat(exporter.object.isReferenced()).isFalse();
    exporter.export().close();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(2);
  }

  @Test
  void fn5_uninterruptibleClosures_waitForTheOthersAndKeepTheInterrupt() throws Exception {
    FenceContext device = FenceContext.create("device");
    Fence busy = device.newFence();
    Reservation reservation = buffer.reservation();
    reservation.lock();
    reservation.reserve(1);
    reservation.add(busy, FenceUsage.WRITE);
    reservation.unlock();
    Threads.Started user =
        Threads.platform(
            () -> {
              Thread.currentThread().interrupt();
              buffer.writeUninterruptibly(segment -> segment.set(JAVA_BYTE, 0, (byte) 5));
              byte seen = buffer.readUninterruptibly(segment -> segment.get(JAVA_BYTE, 0));
              assertThat(seen).isEqualTo((byte) 5);
              assertThat(Thread.interrupted()).isTrue();
            });
    Threads.until(() -> buffer.info().fences().size() == 2); // the writer waits behind the device
    assertThat(exporter.raw(0)).isZero();
    device.signal(busy);
    user.join();
    device.close();
  }
}

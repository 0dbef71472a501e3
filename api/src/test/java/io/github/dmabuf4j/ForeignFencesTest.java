package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.spi.Exporter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Design rule RL8: what devices and other processes do to a buffer is asked for at each wait. */
final class ForeignFencesTest {
  /** Knows of a device that uses the buffer, too. */
  private static final class DeviceExporter extends TestExporter {
    final FenceContext device =
        FenceContext.builder("device").kernel().foreign(Duration.ofSeconds(20)).build();
    final List<Fence> writing = new CopyOnWriteArrayList<>();
    final List<Fence> reading = new CopyOnWriteArrayList<>();
    final AtomicInteger asked = new AtomicInteger();
    final List<Fence> told = new CopyOnWriteArrayList<>();
    volatile @Nullable RuntimeException failure;

    DeviceExporter() {}

    DeviceExporter(Reservation shared) {
      super(shared);
    }

    Fence writes() {
      Fence fence = device.newFence();
      writing.add(fence);
      return fence;
    }

    @Override
    public List<Fence> foreignFences(FenceUsage usage) {
      asked.incrementAndGet();
      RuntimeException refused = failure;
      if (refused != null) {
        throw refused;
      }
      List<Fence> pending = new ArrayList<>(writing);
      if (usage.includes(FenceUsage.READ)) {
        pending.addAll(reading);
      }
      pending.removeIf(Fence::isSignaled);
      return pending;
    }

    @Override
    public void publish(Fence fence, Access access) {
      assertThat(object.reservation().isHeldByCurrentThread()).isFalse();
      RuntimeException refused = failure;
      if (refused != null) {
        throw refused;
      }
      told.add(fence);
    }
  }

  private final DeviceExporter exporter = new DeviceExporter();
  private final DmaBuf buffer = exporter.export();

  /** What waits for the device, on a thread of its own, and ends once the device has signaled. */
  private void assertWaitsForTheDevice(Threads.Body wait) throws Exception {
    Fence work = exporter.writes();
    Threads.Started waiter =
        Threads.platform(
            () -> {
              wait.run();
              assertThat(work.isSignaled()).isTrue();
            });
    waiter.awaitBlocked();
    exporter.device.signal(work);
    waiter.join();
  }

  @Test
  void rl8_brackets_waitForTheDevice() throws Exception {
    assertWaitsForTheDevice(() -> buffer.beginCpuAccess(Access.READ).close());
    assertWaitsForTheDevice(() -> buffer.beginCpuAccessUninterruptibly(Access.WRITE).close());
  }

  @Test
  void rl8_closures_waitForTheDevice() throws Exception {
    assertWaitsForTheDevice(() -> buffer.read(segment -> segment.byteSize()));
    assertWaitsForTheDevice(() -> buffer.write(segment -> segment.fill((byte) 1)));
  }

  @Test
  void rl8_jobs_dependOnTheDevice() throws Exception {
    Fence work = exporter.writes();
    try (Job job = Job.named("after the device").reads(buffer).publish()) {
      assertThat(job.dependencies()).containsExactly(work);
      exporter.device.signal(work);
      job.run(access -> {});
    }
    try (Job job = Job.named("nothing to wait for").writes(buffer).publish()) {
      assertThat(job.dependencies()).isEmpty();
    }
  }

  @Test
  void rl8_waitsOfTheReservation_waitForTheDevice() throws Exception {
    Reservation reservation = buffer.reservation();
    assertWaitsForTheDevice(() -> reservation.await(FenceUsage.WRITE));
    assertWaitsForTheDevice(() -> reservation.awaitUninterruptibly(FenceUsage.READ));
    assertWaitsForTheDevice(() -> reservation.await(FenceUsage.WRITE, Duration.ofSeconds(30)));
    assertWaitsForTheDevice(() -> reservation.merged(FenceUsage.WRITE).await());
  }

  @Test
  void rl8_answers_areAskedForEachTime_andNeverRemembered() {
    Reservation reservation = buffer.reservation();
    assertThat(reservation.isSignaled(FenceUsage.BOOKKEEP)).isTrue();
    Fence first = exporter.writes();
    assertThat(reservation.isSignaled(FenceUsage.WRITE)).isFalse();
    assertThat(reservation.fences(FenceUsage.WRITE)).containsExactly(first);
    exporter.writing.clear(); // the device has taken it back
    assertThat(reservation.isSignaled(FenceUsage.BOOKKEEP)).isTrue();
    assertThat(reservation.fences(FenceUsage.BOOKKEEP)).isEmpty();
    assertThat(exporter.asked).hasValue(5);
  }

  @Test
  void cp1_readersOfADevice_keepWritersOutAlone() throws Exception {
    Fence reads = exporter.device.newFence();
    exporter.reading.add(reads);
    buffer.beginCpuAccess(Access.READ).close();
    Reservation reservation = buffer.reservation();
    assertThat(reservation.await(FenceUsage.READ, Duration.ZERO)).isFalse();
    exporter.device.signal(reads);
    buffer.beginCpuAccess(Access.WRITE).close();
  }

  @Test
  void rl8_sharedReservation_leavesTheAskingToTheBuffers() throws Exception {
    Reservation shared = new Reservation();
    DeviceExporter sharing = new DeviceExporter(shared);
    Fence work = sharing.writes();
    try (DmaBuf one = sharing.export()) {
      assertThat(shared.isSignaled(FenceUsage.READ)).isTrue();
      try (Job job = Job.named("reader").reads(one).publish()) {
        assertThat(job.dependencies()).containsExactly(work);
      }
      sharing.device.signal(work);
    }
  }

  @Test
  void pn2_bufferThatADeviceUses_isBusy() {
    Reservation reservation = buffer.reservation();
    Fence work = exporter.writes();
    reservation.lock();
    try {
      assertThat(exporter.object.isBusyLocked()).isTrue();
      assertThatIllegalStateException().isThrownBy(exporter.object::moveNotifyLocked);
      exporter.device.signal(work);
      assertThat(exporter.object.isBusyLocked()).isFalse();
    } finally {
      reservation.unlock();
    }
  }

  @Test
  void askingThatFails_leavesNothing() {
    exporter.failure = new DmaBufException("poll", Errno.ENOMEM, "refused on purpose", null);
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(() -> buffer.beginCpuAccess(Access.READ));
    assertThatExceptionOfType(DmaBufException.class).isThrownBy(() -> buffer.write(segment -> {}));
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(() -> Job.named("refused").writes(buffer).publish());
    exporter.failure = null;
    assertThat(buffer.info().holds()).isZero();
    assertThat(buffer.info().fences()).isEmpty();
    assertThat(buffer.reservation().isLocked()).isFalse();
    assertThat(buffer.info().references()).isEqualTo(2); // the handle's, and that of info() itself
  }

  @Test
  void silentDevice_isGivenUp() {
    try (FenceContext silent =
        FenceContext.builder("silent").kernel().foreign(Duration.ofMillis(5)).build()) {
      exporter.writing.add(silent.newFence());
      assertThatExceptionOfType(FenceTimeoutException.class)
          .isThrownBy(() -> buffer.beginCpuAccess(Access.READ));
      assertThat(buffer.info().holds()).isZero();
    }
  }

  @Test
  void keptReservation_doesNotAskAfterTheBuffersEnd() {
    Reservation kept = buffer.reservation();
    buffer.close();
    Fence next = exporter.writes();
    assertThat(kept.fences(FenceUsage.BOOKKEEP)).isEmpty();
    try (DmaBuf successor = exporter.export()) {
      assertThat(successor.reservation().fences(FenceUsage.BOOKKEEP)).containsExactly(next);
      assertThat(kept.fences(FenceUsage.BOOKKEEP)).isEmpty();
    }
  }

  @Test
  void exportersWithoutDevices_knowNothingOfOthers() {
    Exporter plain = new TestExporter();
    assertThat(plain.foreignFences(FenceUsage.BOOKKEEP)).isEmpty();
  }

  // ---- the other way round ----

  @Test
  void fn6_publishedKernelFence_isToldToOthersAndAddedHere() {
    Fence fence = exporter.device.newFence();
    buffer.publish(fence, Access.WRITE);
    assertThat(exporter.told).containsExactly(fence);
    assertThat(buffer.reservation().fences(FenceUsage.WRITE)).containsExactly(fence);
    exporter.device.signal(fence);
  }

  @Test
  void fn6_publishedHostFence_staysHere() {
    try (FenceContext host = FenceContext.create("host")) {
      Fence fence = host.newFence();
      buffer.publish(fence, Access.READ);
      assertThat(exporter.told).isEmpty();
      assertThat(buffer.reservation().fences(FenceUsage.WRITE)).isEmpty();
      assertThat(buffer.reservation().fences(FenceUsage.READ)).containsExactly(fence);
    }
  }

  @Test
  void cp7_publishedContainers_areTakenApart_andWhatHasSignaledIsLeftOut() {
    Fence first = exporter.device.newFence();
    try (FenceContext other = FenceContext.builder("other device").kernel().build()) {
      Fence second = other.newFence();
      buffer.publish(FenceArray.all(List.of(first, second)), Access.WRITE);
      assertThat(exporter.told).containsExactlyInAnyOrder(first, second);
      assertThat(buffer.reservation().fences(FenceUsage.WRITE))
          .containsExactlyInAnyOrder(first, second);
    }
    exporter.device.signal(first);
    buffer.publish(first, Access.WRITE);
    buffer.publish(Fence.stub(), Access.WRITE);
    assertThat(exporter.told).hasSize(2);
  }

  @Test
  void publishingThatFails_addsNothing() {
    exporter.failure = new DmaBufException("import", Errno.ENOMEM, "refused on purpose", null);
    Fence fence = exporter.device.newFence();
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(() -> buffer.publish(fence, Access.WRITE));
    exporter.failure = null;
    assertThat(buffer.reservation().fences(FenceUsage.BOOKKEEP)).isEmpty();
    exporter.device.signal(fence);
  }

  @ParameterizedTest
  @EnumSource(names = {"WRITE", "READ_WRITE"})
  void readOnlyHandle_publishesNoWriter(Access access) {
    try (DmaBuf reader = buffer.dupReadOnly()) {
      assertThatIllegalStateException().isThrownBy(() -> reader.publish(Fence.stub(), access));
      reader.publish(Fence.stub(), Access.READ);
    }
  }
}

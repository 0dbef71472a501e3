package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.TestExporter.Call;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;

/** An exporter that moves or purges buffers while their users come and go. */
final class ReclaimTest {
  private final TestExporter exporter = new TestExporter();
  private final DmaBuf buffer = exporter.export();

  private void offer(DmaBuf handle) {
    Reservation reservation = handle.reservation();
    reservation.lock();
    var _ = handle.advise(Advice.DONT_NEED);
    reservation.unlock();
  }

  @Test
  void reclaim_holdsTheReservationAndAReference() {
    assertThat(exporter.object.tryBeginReclaim()).isTrue();
    assertThat(buffer.reservation().isHeldByCurrentThread()).isTrue();
    assertThat(buffer.info().references()).isEqualTo(3);
    assertThat(exporter.object.isBusyLocked()).isFalse();
    assertThat(exporter.object.tryBeginReclaim()).as("held").isFalse();
    exporter.object.endReclaim();
    assertThat(buffer.reservation().isLocked()).isFalse();
    assertThat(buffer.info().references()).isEqualTo(2);
    assertThatIllegalStateException().isThrownBy(exporter.object::endReclaim);
    assertThat(buffer.info().references()).isEqualTo(2);
  }

  @Test
  void reclaim_passesByWhatNobodyRefersTo() {
    FenceContext device = FenceContext.create("device");
    Reservation reservation = buffer.reservation();
    reservation.lock();
    reservation.reserve(1);
    reservation.add(device.newFence(), FenceUsage.BOOKKEEP);
    reservation.unlock();
    buffer.close();
    assertThat(exporter.object.tryBeginReclaim()).as("in quarantine").isFalse();
    device.close();
    assertThat(exporter.object.tryBeginReclaim()).as("released").isFalse();
    assertThat(reservation.isLocked()).isFalse();
  }

  @Test
  void closeUnderReclaim_isReleasedAfterIt_andTheNextOwnerStartsAnew() throws Exception {
    offer(buffer);
    assertThat(exporter.object.tryBeginReclaim()).isTrue();
    Threads.platform(buffer::close).join();
    assertThat(exporter.isReleased()).isFalse();
    assertThat(exporter.object.purgeLocked()).isTrue();
    exporter.object.endReclaim();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
    try (DmaBuf next = exporter.export();
        Hold hold = next.hold()) {
      assertThat(hold.segment().byteSize()).isEqualTo(TestExporter.SIZE);
      assertThat(next.info().residency()).isEqualTo(BufferObject.Residency.RESIDENT);
    }
  }

  @Test
  void reclaimBesideUsersOfManyGenerations_neverMeetsAReleasedBlock() throws Exception {
    AtomicBoolean reclaiming = new AtomicBoolean();
    AtomicBoolean stop = new AtomicBoolean();
    AtomicInteger releasedUnderReclaim = new AtomicInteger();
    AtomicReference<DmaBuf> current = new AtomicReference<>(buffer);
    exporter.onRelease =
        () -> {
          if (reclaiming.get()) {
            releasedUnderReclaim.incrementAndGet();
          }
          if (!stop.get()) {
            current.set(exporter.export());
          }
        };
    BooleanSupplier going = Threads.stressTime();
    AtomicInteger purged = new AtomicInteger();
    Threads.together(
        () -> {
          try {
            while (going.getAsBoolean()) {
              DmaBuf mine = current.get();
              try {
                offer(mine);
                mine.hold().close();
              } catch (BufferPurgedException | IllegalStateException gone) {
                assertThat(gone).hasMessageContaining("test-exporter");
              }
              mine.close();
            }
          } finally {
            stop.set(true);
          }
        },
        () -> {
          while (!stop.get()) {
            if (exporter.object.tryBeginReclaim()) {
              reclaiming.set(true);
              if (exporter.object.purgeLocked()) {
                purged.incrementAndGet();
              }
              reclaiming.set(false);
              exporter.object.endReclaim();
            }
          }
        });
    current.get().close();
    assertThat(releasedUnderReclaim).hasValue(0);
    assertThat(exporter.object.isReferenced()).isFalse();
  }
}

package io.github.dmabuf4j;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.github.dmabuf4j.TestExporter.Call;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class HoldTest {
  private final TestExporter exporter = new TestExporter();
  private final DmaBuf buffer = exporter.export();

  @ParameterizedTest
  @EnumSource(ArenaKind.class)
  void segment_isDeadAfterClose(ArenaKind kind) {
    assumeThat(kind != ArenaKind.POOL || Lockdep.isEnabled()).isTrue();
    Hold hold = buffer.hold(kind);
    MemorySegment segment = hold.segment();
    ByteBuffer bytes = hold.byteBuffer();
    assertThat(segment.byteSize()).isEqualTo(TestExporter.SIZE);
    assertThat(segment.address()).isEqualTo(hold.address());
    segment.set(JAVA_BYTE, 7, (byte) 42);
    assertThat(bytes.get(7)).isEqualTo((byte) 42);
    assertThat(exporter.raw(7)).isEqualTo((byte) 42);
    hold.close();
    hold.close();
    assertThatIllegalStateException().isThrownBy(() -> segment.get(JAVA_BYTE, 7));
    assertThatIllegalStateException().isThrownBy(() -> segment.asSlice(1, 1).get(JAVA_BYTE, 0));
    assertThatIllegalStateException().isThrownBy(() -> bytes.get(7));
    assertThat(buffer.info().holds()).isZero();
    assertThat(buffer.info().references()).isEqualTo(2); // the handle's, and that of info() itself
  }

  @Test
  void confined_isForItsThreadAlone_alsoToClose() throws Exception {
    Hold hold = buffer.hold();
    Threads.platform(
            () -> {
              assertThatExceptionOfType(WrongThreadException.class)
                  .isThrownBy(() -> hold.segment().get(JAVA_BYTE, 0));
              assertThatExceptionOfType(WrongThreadException.class).isThrownBy(hold::close);
            })
        .join();
    assertThat(hold.segment().get(JAVA_BYTE, 0)).isZero();
    assertThat(buffer.info().holds()).isEqualTo(1);
    hold.close();
    Threads.platform(hold::close).join(); // closing again does nothing, wherever
    assertThat(buffer.info().holds()).isZero();
  }

  @ParameterizedTest
  @EnumSource(
      value = ArenaKind.class,
      names = {"SHARED", "POOL"})
  void shared_isForAnyThread_alsoToClose(ArenaKind kind) throws Exception {
    Hold hold = buffer.hold(kind);
    Threads.platform(
            () -> {
              hold.segment().set(JAVA_BYTE, 0, (byte) 1);
              hold.close();
            })
        .join();
    assertThat(buffer.info().holds()).isZero();
  }

  @Test
  void closedFromManyThreads_dropsOnce() throws Exception {
    for (int i = 0; i < 50; i++) {
      Hold hold = buffer.hold(ArenaKind.SHARED);
      Threads.together(hold::close, hold::close, hold::close);
      assertThat(buffer.info().holds()).isZero();
      assertThat(buffer.info().references()).isEqualTo(2);
    }
  }

  @Test
  void hold_keepsTheBufferAliveBeyondItsLastHandle() {
    Hold hold = buffer.hold();
    buffer.close();
    assertThat(exporter.isReleased()).isFalse();
    assertThat(hold.segment().get(JAVA_BYTE, 0)).isZero();
    hold.close();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
    hold.close();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
  }

  @Test
  void hold_waitsForNoFence_andMakesReclaimPassBy() {
    Fence fence = new Fence(FenceOrigin.CPU_ACCESS, FenceOrigin.nextSingle());
    Reservation reservation = buffer.reservation();
    reservation.lock();
    reservation.reserve(1);
    reservation.add(fence, FenceUsage.WRITE);
    assertThat(exporter.object.isBusyLocked()).isTrue();
    reservation.unlock();
    Hold hold = buffer.hold();
    fence.signal(null);
    reservation.lock();
    assertThat(exporter.object.isBusyLocked()).isTrue();
    assertThatIllegalStateException()
        .isThrownBy(exporter.object::moveNotifyLocked)
        .withMessageContaining("busy");
    hold.close();
    assertThat(exporter.object.isBusyLocked()).isFalse();
    reservation.unlock();
  }

  @Test
  void secondHold_costsNoExporterCall() {
    buffer.hold().close();
    buffer.hold(ArenaKind.SHARED).close();
    assertThat(exporter.count(Call.VMAP)).isEqualTo(1);
    assertThat(exporter.count(Call.VUNMAP)).isZero();
    buffer.close();
    assertThat(exporter.count(Call.VUNMAP)).isEqualTo(1);
  }

  @Test
  void holdOfAReadOnlyHandle_canNotWrite() {
    try (DmaBuf readOnly = buffer.dupReadOnly();
        Hold hold = readOnly.hold()) {
      assertThat(hold.segment().isReadOnly()).isTrue();
      assertThat(hold.byteBuffer().isReadOnly()).isTrue();
    }
  }

  @Test
  void hold_withTheReservationHeld_isRefusedAndLeaksNothing() {
    Reservation reservation = buffer.reservation();
    reservation.lock();
    assertThatIllegalStateException()
        .isThrownBy(buffer::hold)
        .withMessageContaining("not reentrant");
    reservation.unlock();
    assertThat(buffer.info().holds()).isZero();
    buffer.close();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
  }
}

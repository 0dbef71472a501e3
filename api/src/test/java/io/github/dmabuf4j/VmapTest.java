package io.github.dmabuf4j;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.TestExporter.Call;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The two ways to the bytes that go by the reservation (design rule VM2). */
final class VmapTest {
  private final TestExporter exporter = new TestExporter();
  private final DmaBuf buffer = exporter.export();

  @AfterEach
  void nothingIsLeft() {
    buffer.close();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
    assertThat(exporter.count(Call.VMAP)).isEqualTo(exporter.count(Call.VUNMAP));
    assertThat(exporter.count(Call.PIN)).isEqualTo(exporter.count(Call.UNPIN));
  }

  private void locked(Threads.Body body) {
    Reservation reservation = buffer.reservation();
    reservation.lock();
    try {
      body.run();
    } catch (Exception e) {
      throw new AssertionError(e);
    } finally {
      reservation.unlock();
    }
  }

  @Test
  void vm2_vmapLocked_endsWithTheLock() {
    MemorySegment[] seen = new MemorySegment[2];
    locked(
        () -> {
          seen[0] = buffer.vmapLocked().segment(); // left to the unlock
          seen[1] = buffer.vmapLocked().segment();
          seen[0].set(JAVA_BYTE, 0, (byte) 1);
          assertThat(seen[1].get(JAVA_BYTE, 0)).isEqualTo((byte) 1);
          assertThat(exporter.object.isBusyLocked()).isTrue();
        });
    for (MemorySegment segment : seen) {
      assertThatIllegalStateException().isThrownBy(() -> segment.get(JAVA_BYTE, 0));
    }
    assertThat(buffer.info().holds()).isZero();
    assertThat(buffer.info().references()).isEqualTo(2); // the handle, and the one that asks
    assertThat(exporter.count(Call.VMAP)).isEqualTo(1);
  }

  @Test
  void vm2_vmapLocked_inAnAcquireContext_endsWithItsLock() throws Exception {
    MemorySegment[] seen = new MemorySegment[1];
    AcquireContext.run(
        context -> {
          context.lock(buffer.reservation());
          seen[0] = buffer.vmapLocked().segment();
        });
    assertThatIllegalStateException().isThrownBy(() -> seen[0].get(JAVA_BYTE, 0));
    assertThat(buffer.info().holds()).isZero();
  }

  @Test
  void vm2_vmapLocked_closedInAnyOrder_leavesTheOthers() {
    locked(
        () -> {
          Vmap[] vmaps = {buffer.vmapLocked(), buffer.vmapLocked(), buffer.vmapLocked()};
          vmaps[1].close();
          vmaps[1].close();
          vmaps[2].close();
          assertThat(vmaps[0].segment().byteSize()).isEqualTo(TestExporter.SIZE);
          assertThat(buffer.info().holds()).isEqualTo(1);
          assertThatIllegalStateException().isThrownBy(() -> vmaps[1].segment().get(JAVA_BYTE, 0));
        });
    assertThat(buffer.info().holds()).isZero();
  }

  @Test
  void vm2_vmapLocked_closedAfterTheUnlock_doesNothing() {
    Vmap[] kept = new Vmap[1];
    locked(() -> kept[0] = buffer.vmapLocked());
    kept[0].close();
    assertThat(buffer.info().holds()).isZero();
  }

  @Test
  void cl1_vmap_withoutTheReservation_isRefused() {
    assertThatIllegalStateException().isThrownBy(buffer::vmapLocked).withMessageContaining("held");
    assertThatIllegalStateException()
        .isThrownBy(() -> buffer.vmapPinned(Pin.Term.LONG, ArenaKind.SHARED))
        .withMessageContaining("held");
    assertThat(buffer.info().references()).isEqualTo(2);
  }

  @Test
  void vm2_vmapLocked_lastReference_endsTheBufferWithTheLock_notUnderIt() {
    TestExporter other = new TestExporter();
    DmaBuf last = other.export();
    Reservation reservation = other.object.reservation();
    other.onRelease = () -> assertThat(reservation.isLocked()).isFalse();
    reservation.lock();
    Vmap vmap = last.vmapLocked();
    last.close();
    vmap.segment().set(JAVA_BYTE, 0, (byte) 1);
    assertThat(other.isReleased()).isFalse();
    reservation.unlock();
    assertThat(other.isReleased()).isTrue();
  }

  @ParameterizedTest
  @EnumSource
  void vm2_vmapPinned_lastsBeyondTheLock_andKeepsTheBytesInPlace(ArenaKind kind) {
    Vmap[] made = new Vmap[1];
    locked(() -> made[0] = buffer.vmapPinned(Pin.Term.LONG, kind));
    made[0].segment().set(JAVA_BYTE, 7, (byte) 7);
    assertThat(made[0].address()).isEqualTo(exporter.memory().address());
    assertThat(buffer.info().pins()).isEqualTo(1);
    locked(
        () ->
            assertThatIllegalStateException()
                .isThrownBy(exporter.object::moveNotifyLocked)
                .withMessageContaining("PN2"));
    assertThatIllegalStateException().isThrownBy(made[0]::close).withMessageContaining("held");
    locked(made[0]::close);
    assertThat(buffer.info().pins()).isZero();
    assertThat(buffer.info().holds()).isZero();
    assertThat(exporter.raw(7)).isEqualTo((byte) 7);
    locked(made[0]::close); // again
  }

  @Test
  void pn3_vmapPinned_offeredBuffer_isRefusedAndLeavesNothing() {
    locked(
        () -> {
          buffer.advise(Advice.DONT_NEED);
          assertThatIllegalStateException()
              .isThrownBy(() -> buffer.vmapPinned(Pin.Term.SHORT, ArenaKind.CONFINED))
              .withMessageContaining("PN3");
        });
    assertThat(buffer.info().references()).isEqualTo(2);
  }

  @ParameterizedTest
  @EnumSource(names = {"VMAP", "SEGMENT", "PIN"})
  void vmapPinned_whereTheExporterFails_leavesNothing(Call call) {
    TestExporter failing = new TestExporter();
    IllegalStateException failure = new IllegalStateException("thrown on purpose");
    failing.failNext(call, failure);
    try (DmaBuf refused = failing.export()) {
      Reservation reservation = refused.reservation();
      reservation.lock();
      assertThatExceptionOfType(IllegalStateException.class)
          .isThrownBy(() -> refused.vmapPinned(Pin.Term.SHORT, ArenaKind.SHARED))
          .isSameAs(failure);
      reservation.unlock();
      assertThat(refused.info().pins()).isZero();
      assertThat(refused.info().holds()).isZero();
      assertThat(refused.info().references()).isEqualTo(2);
    }
    assertThat(failing.isReleased()).isTrue();
  }

  @Test
  void readOnlyHandle_givesReadOnlySegments() {
    try (DmaBuf readOnly = buffer.dupReadOnly()) {
      locked(() -> assertThat(readOnly.vmapLocked().segment().isReadOnly()).isTrue());
    }
  }
}

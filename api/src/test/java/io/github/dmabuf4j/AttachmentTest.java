package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.TestExporter.Call;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

final class AttachmentTest {
  private static class Device implements Importer {
    private final boolean dynamic;
    final List<Attachment> moved = new ArrayList<>();
    RuntimeException failure;

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

    @Override
    public void moveNotify(Attachment attachment) {
      assertThat(attachment.reservation().isHeldByCurrentThread()).isTrue();
      moved.add(attachment);
      if (failure != null) {
        throw failure;
      }
    }
  }

  private final TestExporter exporter = new TestExporter();
  private final DmaBuf buffer = exporter.export();

  private void locked(Threads.Body body) throws Exception {
    Reservation reservation = exporter.object.reservation();
    reservation.lock();
    try {
      body.run();
    } finally {
      reservation.unlock();
    }
  }

  @Test
  void attachment_keepsTheBufferAlive() {
    Attachment attachment = buffer.attach(new Device(true));
    buffer.close();
    assertThat(exporter.isReleased()).isFalse();
    attachment.close();
    attachment.close();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
    assertThat(exporter.count(Call.DETACH)).isEqualTo(1);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void map_needsTheReservation_andPinsForStaticImporters(boolean dynamic) throws Exception {
    Attachment attachment = buffer.attach(new Device(dynamic));
    assertThatIllegalStateException()
        .isThrownBy(() -> attachment.map(Access.READ))
        .withMessageContaining("held");
    locked(
        () -> {
          assertThat(attachment.map(Access.READ).byteSize()).isEqualTo(TestExporter.SIZE);
          assertThatIllegalStateException()
              .isThrownBy(() -> attachment.map(Access.READ))
              .withMessageContaining("mapped already");
          assertThat(exporter.object.isBusyLocked()).isEqualTo(!dynamic);
          assertThat(exporter.count(Call.PIN)).isEqualTo(dynamic ? 0 : 1);
          attachment.unmap();
          assertThatIllegalStateException()
              .isThrownBy(attachment::unmap)
              .withMessageContaining("not mapped");
          assertThat(exporter.count(Call.UNPIN)).isEqualTo(dynamic ? 0 : 1);
          attachment.map(Access.READ_WRITE);
        });
    attachment.close(); // unmaps what is mapped
    assertThat(exporter.count(Call.MAP)).isEqualTo(2);
    assertThat(exporter.count(Call.UNMAP)).isEqualTo(2);
    assertThat(buffer.info().pins()).isZero();
    assertThat(buffer.info().attachments()).isEmpty();
    locked(() -> assertThatIllegalStateException().isThrownBy(() -> attachment.map(Access.READ)));
  }

  @Test
  void moveNotify_reachesDynamicImportersAndVoidsTheirMapping() throws Exception {
    Device device = new Device(true);
    Attachment attachment = buffer.attach(device);
    locked(
        () -> {
          attachment.map(Access.READ);
          exporter.object.moveNotifyLocked();
          assertThat(device.moved).containsExactly(attachment);
          assertThat(exporter.count(Call.UNMAP)).isEqualTo(1);
          attachment.map(Access.READ); // at its next use
        });
    attachment.close();
    assertThat(exporter.count(Call.UNMAP)).isEqualTo(2);
  }

  @Test
  void moveNotify_importerThatMapsAtOnce_isRefused_forItWouldGetTheOldPlace() throws Exception {
    Importer device =
        new Device(true) {
          @Override
          public void moveNotify(Attachment attachment) {
            attachment.map(Access.WRITE);
          }
        };
    Attachment attachment = buffer.attach(device);
    locked(
        () -> {
          attachment.map(Access.READ);
          assertThatIllegalStateException()
              .isThrownBy(exporter.object::moveNotifyLocked)
              .withMessageContaining("being told");
          attachment.map(Access.WRITE);
        });
    attachment.close();
    assertThat(exporter.unmapped).containsExactly(Access.READ, Access.WRITE);
  }

  @ParameterizedTest
  @ValueSource(strings = {"vmapLocked", "vmapPinned", "pin", "another attachment", "move"})
  void moveNotify_importerThatUsesAnotherWayIn_isRefused_forItWouldGetTheOldPlace(String way)
      throws Exception {
    Attachment other = buffer.attach(new Device(true)); // told first, and not mapped
    Importer device =
        new Device(true) {
          @Override
          public void moveNotify(Attachment attachment) {
            switch (way) {
              case "vmapLocked" -> buffer.vmapLocked();
              case "vmapPinned" -> buffer.vmapPinned(Pin.Term.SHORT, ArenaKind.SHARED);
              case "pin" -> buffer.pin(Pin.Term.LONG);
              case "move" -> exporter.object.moveNotifyLocked();
              default -> other.map(Access.WRITE);
            }
          }
        };
    Attachment attachment = buffer.attach(device);
    buffer.hold().close(); // leaves an idle mapping
    locked(
        () -> {
          assertThatIllegalStateException()
              .isThrownBy(exporter.object::moveNotifyLocked)
              .withMessageContaining("being told");
          assertThat(exporter.object.isBusyLocked()).isFalse();
          assertThat(exporter.object.isMapped()).isFalse();
          assertThat(exporter.count(Call.MAP)).isZero();
          buffer.vmapLocked().close(); // at the next use
        });
    attachment.close();
    other.close();
    buffer.close();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
  }

  @Test
  void moveNotify_thatThrows_stillTellsTheOthers() throws Exception {
    Device first = new Device(true);
    Device second = new Device(true);
    first.failure = new IllegalStateException("thrown on purpose");
    Attachment one = buffer.attach(first);
    Attachment two = buffer.attach(second);
    locked(
        () -> {
          one.map(Access.READ);
          two.map(Access.READ);
          assertThatExceptionOfType(IllegalStateException.class)
              .isThrownBy(exporter.object::moveNotifyLocked)
              .isSameAs(first.failure);
        });
    assertThat(second.moved).containsExactly(two);
    assertThat(exporter.count(Call.UNMAP)).isEqualTo(2);
    one.close();
    two.close();
  }

  @Test
  void attach_refusedByTheExporter_leavesNothing() {
    DmaBufException refusal = new DmaBufException("attach", Errno.EBUSY, "can't serve it", null);
    exporter.failNext(Call.ATTACH, refusal);
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(() -> buffer.attach(new Device(true)))
        .isSameAs(refusal);
    assertThat(buffer.info().attachments()).isEmpty();
    buffer.close();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
    assertThat(exporter.count(Call.DETACH)).isZero();
  }

  @Test
  void attach_thatFailsAfterTheExporterHasAttached_detaches() {
    TestExporter forgetful =
        new TestExporter() {
          @Override
          public void attach(Attachment attachment) {
            super.attach(attachment);
            attachment.reservation().lock(); // and forgets to unlock it
          }

          @Override
          public void detach(Attachment attachment) {
            attachment.reservation().unlock();
            super.detach(attachment);
          }
        };
    DmaBuf refused = forgetful.export();
    assertThatIllegalStateException().isThrownBy(() -> refused.attach(new Device(true)));
    assertThat(forgetful.count(Call.DETACH)).isEqualTo(1);
    refused.close();
    assertThat(forgetful.isReleased()).isTrue();
  }

  @Test
  void attach_withTheReservationHeld_isRefusedAndBalanced() throws Exception {
    // The exporter checks that its attach runs without the reservation: so the refusal has to come
    // first.
    locked(
        () ->
            assertThatIllegalStateException()
                .isThrownBy(() -> buffer.attach(new Device(true)))
                .withMessageContaining("reentrant"));
    assertThat(exporter.count(Call.ATTACH)).isEqualTo(exporter.count(Call.DETACH));
    buffer.close();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"UNMAP", "UNPIN", "DETACH"})
  void close_withAFailingExporter_stillEndsEverything(String call) throws Exception {
    Attachment attachment = buffer.attach(new Device(false));
    locked(() -> attachment.map(Access.READ));
    RuntimeException failure = new IllegalStateException("thrown on purpose");
    exporter.failNext(Call.valueOf(call), failure);
    assertThatExceptionOfType(RuntimeException.class)
        .isThrownBy(attachment::close)
        .isSameAs(failure);
    attachment.close();
    assertThat(buffer.info().pins()).isZero();
    assertThat(buffer.info().attachments()).isEmpty();
    assertThat(exporter.count(Call.DETACH)).isEqualTo(1);
    buffer.close();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"PIN", "MAP"})
  void map_withAFailingExporter_leavesNothing(String call) throws Exception {
    Attachment attachment = buffer.attach(new Device(false));
    RuntimeException failure = new IllegalStateException("thrown on purpose");
    exporter.failNext(Call.valueOf(call), failure);
    locked(
        () ->
            assertThatExceptionOfType(RuntimeException.class)
                .isThrownBy(() -> attachment.map(Access.READ))
                .isSameAs(failure));
    assertThat(buffer.info().pins()).isZero();
    locked(
        () -> {
          attachment.map(Access.READ);
          attachment.unmap();
        });
    attachment.close();
    buffer.close();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
  }

  @Test
  void staleAttachment_neverTouchesTheNextOwnersBuffer() throws Exception {
    Attachment stale = buffer.attach(new Device(true));
    Reservation old = stale.reservation();
    stale.close();
    buffer.close();
    DmaBuf next = exporter.export();
    assertThat(next.reservation()).isNotSameAs(old);
    locked(
        () -> { // the new owner's reservation
          stale.close();
          assertThatIllegalStateException().isThrownBy(() -> stale.map(Access.READ));
        });
    next.close();
  }

  @Test
  void staleAttachment_whoseReservationNobodyAskedFor_leavesItToTheNextOwner() {
    Attachment stale = buffer.attach(new Device(true));
    Reservation own = exporter.object.reservation();
    stale.close();
    buffer.close();
    DmaBuf next = exporter.export();
    assertThat(exporter.object.reservation()).isSameAs(own);
    assertThatIllegalStateException()
        .isThrownBy(stale::reservation)
        .withMessageContaining("closed attachment");
    next.close();
  }

  @Test
  void reservation_ofAnAttachmentThatIsBeingClosed_canBeAskedForByTheExporter() throws Exception {
    List<Boolean> held = new ArrayList<>();
    TestExporter asking =
        new TestExporter() {
          @Override
          public void unmap(Attachment attachment, ScatterList pieces, Access access) {
            held.add(attachment.reservation().isHeldByCurrentThread());
          }

          @Override
          public void detach(Attachment attachment) {
            held.add(attachment.reservation().isHeldByCurrentThread());
          }
        };
    DmaBuf asked = asking.export();
    Attachment attachment = asked.attach(new Device(true));
    attachment.reservation().lock();
    attachment.map(Access.READ);
    attachment.reservation().unlock();
    attachment.close();
    asked.close();
    assertThat(held).containsExactly(true, false);
  }

  @Test
  void walk_thatStandsOnOneThatWasDetached_missesNobodyWhoStays() {
    Attachment first = buffer.attach(new Device(true));
    Attachment second = buffer.attach(new Device(true));
    Attachment third = buffer.attach(new Device(true));
    Attachment fourth = buffer.attach(new Device(true));
    Attachment stand = exporter.object.newestAttachment();
    assertThat(walk(stand)).containsExactly(fourth, third, second, first);
    fourth.close();
    second.close();
    third.close();
    Attachment fifth = buffer.attach(new Device(true));
    assertThat(walk(stand)).contains(first).doesNotContain(second, fifth);
    assertThat(walk(exporter.object.newestAttachment())).containsExactly(fifth, first);
    first.close();
    fifth.close();
    assertThat(exporter.object.newestAttachment()).isNull();
  }

  private static List<Attachment> walk(Attachment from) {
    return Stream.iterate(from, Objects::nonNull, Attachment::older).toList();
  }

  @Test
  void stalePin_neverTouchesTheNextOwnersBuffer() throws Exception {
    Pin[] stale = new Pin[1];
    Reservation reservation = buffer.reservation();
    reservation.lock();
    stale[0] = buffer.pin(Pin.Term.LONG);
    stale[0].close();
    reservation.unlock();
    buffer.close();
    DmaBuf next = exporter.export();
    stale[0].close(); // without any lock: it is closed already
    assertThat(next.info().pins()).isZero();
    assertThat(next.info().references()).isEqualTo(2);
    next.close();
  }

  @Test
  void pin_isCountedPerTerm_andNeedsTheReservation() throws Exception {
    assertThatIllegalStateException()
        .isThrownBy(() -> buffer.pin(Pin.Term.SHORT))
        .withMessageContaining("pin needs");
    List<Pin> pins = new ArrayList<>();
    locked(
        () -> {
          pins.add(buffer.pin(Pin.Term.SHORT));
          pins.add(buffer.pin(Pin.Term.SHORT));
          pins.add(buffer.pin(Pin.Term.LONG));
          assertThat(exporter.count(Call.PIN)).isEqualTo(2);
          assertThatIllegalStateException()
              .isThrownBy(() -> buffer.advise(Advice.DONT_NEED))
              .withMessageContaining("pinned");
        });
    assertThat(buffer.info().pins()).isEqualTo(3);
    assertThatIllegalStateException()
        .isThrownBy(pins.getFirst()::close)
        .withMessageContaining("unpin needs");
    buffer.close();
    assertThat(exporter.isReleased()).as("a pin owns a reference").isFalse();
    locked(
        () -> {
          pins.get(0).close();
          pins.get(0).close();
          assertThat(exporter.count(Call.UNPIN)).isZero();
          pins.get(1).close();
          assertThat(exporter.pinned).containsExactly(Pin.Term.LONG);
        });
    Reservation reservation = exporter.object.reservation();
    reservation.lock();
    pins.get(2).close();
    reservation.unlock();
    assertThat(exporter.pinned).isEmpty();
    assertThat(exporter.count(Call.UNPIN)).isEqualTo(2);
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
  }

  @Test
  void pin_ofBothTermsAnyNumberOfTimes_theExporterIsUnpinnedForEachPin() throws Exception {
    locked(
        () -> {
          try (Pin kept = buffer.pin(Pin.Term.SHORT)) {
            for (int i = 1; i <= 3; i++) {
              Pin pin = buffer.pin(Pin.Term.LONG);
              assertThat(exporter.pinned).containsExactlyInAnyOrder(Pin.Term.values());
              pin.close();
              assertThat(exporter.pinned).containsExactly(kept.term());
              assertThat(exporter.count(Call.PIN)).isEqualTo(1 + i);
              assertThat(exporter.count(Call.UNPIN)).isEqualTo(i);
            }
          }
        });
    assertThat(exporter.pinned).isEmpty();
    assertThat(exporter.count(Call.UNPIN)).isEqualTo(4);
    buffer.close();
  }

  @ParameterizedTest
  @EnumSource
  void pin_ofTheOtherTermFails_leavesTheFirstPinned(Pin.Term second) throws Exception {
    Pin.Term first = second == Pin.Term.LONG ? Pin.Term.SHORT : Pin.Term.LONG;
    RuntimeException failure = new IllegalStateException("thrown on purpose");
    locked(
        () -> {
          try (Pin _ = buffer.pin(first)) {
            exporter.failNext(Call.PIN, failure);
            assertThatExceptionOfType(RuntimeException.class)
                .isThrownBy(() -> buffer.pin(second))
                .isSameAs(failure);
            assertThat(buffer.info().pins()).isEqualTo(1);
            assertThat(buffer.info().references()).isEqualTo(3); // handle, pin, who asks
            assertThat(exporter.pinned).containsExactly(first);
          }
        });
    assertThat(exporter.pinned).isEmpty();
    buffer.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"PIN", "UNPIN"})
  void pin_withAFailingExporter_leavesCountsRight(String call) throws Exception {
    RuntimeException failure = new IllegalStateException("thrown on purpose");
    exporter.failNext(Call.valueOf(call), failure);
    locked(
        () -> {
          if (call.equals("PIN")) {
            assertThatExceptionOfType(RuntimeException.class)
                .isThrownBy(() -> buffer.pin(Pin.Term.LONG))
                .isSameAs(failure);
          } else {
            Pin pin = buffer.pin(Pin.Term.LONG);
            assertThatExceptionOfType(RuntimeException.class)
                .isThrownBy(pin::close)
                .isSameAs(failure);
            pin.close();
          }
        });
    assertThat(buffer.info().pins()).isZero();
    buffer.close();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
  }

  @Test
  void purgeable_canNotBePinned_andPurgedStaysPurged() throws Exception {
    locked(
        () -> {
          assertThat(exporter.object.purgeLocked()).as("needed").isFalse();
          assertThat(buffer.advise(Advice.DONT_NEED)).isTrue();
          assertThatIllegalStateException()
              .isThrownBy(() -> buffer.pin(Pin.Term.SHORT))
              .withMessageContaining("WILL_NEED");
          exporter.evicts = false;
          assertThat(exporter.object.purgeLocked()).as("the exporter can't").isFalse();
          exporter.evicts = true;
          assertThat(exporter.object.purgeLocked()).isTrue();
          assertThat(exporter.object.purgeLocked()).as("already").isFalse();
          assertThat(buffer.advise(Advice.WILL_NEED)).isFalse();
          assertThatExceptionOfType(BufferPurgedException.class)
              .isThrownBy(() -> buffer.pin(Pin.Term.SHORT));
        });
    assertThatExceptionOfType(BufferPurgedException.class).isThrownBy(buffer::hold);
    assertThatExceptionOfType(BufferPurgedException.class)
        .isThrownBy(() -> buffer.beginCpuAccess(Access.READ));
    assertThatExceptionOfType(BufferPurgedException.class)
        .isThrownBy(() -> buffer.read(segment -> 0));
    assertThatExceptionOfType(BufferPurgedException.class)
        .isThrownBy(() -> Job.named("j").reads(buffer).publish());
    assertThat(buffer.info().holds()).isZero();
    assertThat(buffer.info().fences()).isEmpty();
    buffer.close();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
    try (DmaBuf next = exporter.export();
        Hold hold = next.hold()) { // the next owner starts anew
      assertThat(hold.segment().byteSize()).isEqualTo(TestExporter.SIZE);
    }
  }

  @Test
  void info_besideAttachAndDetach_neverFails() throws Exception {
    BooleanSupplier going = Threads.stressTime();
    AtomicBoolean stop = new AtomicBoolean();
    Threads.Body attacher =
        () -> {
          try {
            while (going.getAsBoolean()) {
              List<Attachment> some = new ArrayList<>();
              for (int i = 0; i < 5; i++) {
                some.add(buffer.attach(new Device(true)));
              }
              some.forEach(Attachment::close);
            }
          } finally {
            stop.set(true);
          }
        };
    Threads.Body reader =
        () -> {
          while (!stop.get()) {
            assertThat(buffer.info().attachments())
                .allMatch(one -> one.importer().equals("test-device"));
          }
        };
    Threads.together(attacher, attacher, reader);
    assertThat(buffer.info().attachments()).isEmpty();
    assertThat(exporter.count(Call.ATTACH)).isEqualTo(exporter.count(Call.DETACH));
  }
}

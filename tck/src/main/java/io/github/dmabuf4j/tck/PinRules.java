package io.github.dmabuf4j.tck;

import static io.github.dmabuf4j.tck.Bench.SIZE;
import static io.github.dmabuf4j.tck.Bench.locked;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Advice;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.Importer;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.tck.exporters.Callback;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/**
 * What keeps bytes where they are and what doesn't: design rules PN1, PN3, PN4, PN6, rules CM1 to
 * CM3, CG1 and CG2, and row M3 of the kernel's test of shmem objects. Being busy has a group of its
 * own, {@link BusyRules}.
 */
public abstract class PinRules extends Rules {
  /** For subclasses. */
  protected PinRules() {}

  private static Pin pin(DmaBuf buffer, Pin.Term term) {
    Reservation reservation = buffer.reservation();
    reservation.lock();
    try {
      return buffer.pin(term);
    } finally {
      reservation.unlock();
    }
  }

  private static void unpin(DmaBuf buffer, Pin pin) throws Exception {
    locked(buffer, pin::close);
  }

  // ---- PN1 ----

  @Test
  @Rule({"PN1", "CL1"})
  void pn1_pinWithoutTheReservation_isRefused(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    assertThrows(IllegalStateException.class, () -> buffer.pin(Pin.Term.SHORT));
    assertThrows(IllegalStateException.class, () -> buffer.pin(Pin.Term.LONG));
    assertEquals(0, buffer.info().pins());
    Worker holder =
        Worker.start(
            () ->
                locked(
                    buffer,
                    () -> assertThrows(IllegalStateException.class, () -> pinElsewhere(buffer))));
    holder.join();
    assertEquals(0, buffer.info().pins(), "another thread's lock is no lock of one's own");
  }

  private static void pinElsewhere(DmaBuf buffer) throws InterruptedException {
    IllegalStateException[] refusal = new IllegalStateException[1];
    Worker.start(
            () ->
                refusal[0] =
                    assertThrows(IllegalStateException.class, () -> buffer.pin(Pin.Term.SHORT)))
        .join();
    throw refusal[0];
  }

  @Test
  @Rule({"PN1", "CL1"})
  void pn1_unpinWithoutTheReservation_isRefused_andThePinStays(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pin pin = pin(buffer, Pin.Term.SHORT);
    assertThrows(IllegalStateException.class, pin::close);
    assertEquals(1, buffer.info().pins());
    unpin(buffer, pin);
    assertEquals(0, buffer.info().pins());
    pin.close(); // again, without the lock: nothing
    assertEquals(0, buffer.info().pins());
  }

  @Test
  @Rule({"PN1", "CL4"})
  void pn1_pinAndUnpin_leaveTheReservationHeld(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Reservation reservation = buffer.reservation();
    for (Pin.Term term : Pin.Term.values()) {
      locked(
          buffer,
          () -> {
            Pin pin = buffer.pin(term);
            assertTrue(reservation.isHeldByCurrentThread(), "after pin " + term);
            assertEquals(term, pin.term());
            pin.close();
            assertTrue(reservation.isHeldByCurrentThread(), "after unpin " + term);
          });
    }
  }

  // ---- PN3 ----

  @Test
  @Rule({"PN3", "CG4"})
  void pn3_bufferThatMayBeDropped_isNotPinned(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    locked(
        buffer,
        () -> {
          assertTrue(buffer.advise(Advice.DONT_NEED));
          for (Pin.Term term : Pin.Term.values()) {
            assertThrows(IllegalStateException.class, () -> buffer.pin(term));
          }
          assertEquals(0, buffer.info().pins());
          assertTrue(buffer.advise(Advice.WILL_NEED));
          buffer.pin(Pin.Term.SHORT).close(); // needed again
        });
  }

  @Test
  @Rule("PN3")
  void pn3_pinnedBuffer_isNotOfferedForDropping(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    for (Pin.Term term : Pin.Term.values()) {
      Pin pin = pin(buffer, term);
      locked(
          buffer,
          () -> assertThrows(IllegalStateException.class, () -> buffer.advise(Advice.DONT_NEED)));
      unpin(buffer, pin);
    }
    locked(buffer, () -> assertTrue(buffer.advise(Advice.DONT_NEED)));
  }

  @Test
  @Rule("PN3")
  void pn3_fixedImporter_doesNotMapABufferThatMayBeDropped(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    locked(buffer, () -> buffer.advise(Advice.DONT_NEED));
    try (Device device = Device.fixed(buffer)) {
      assertThrows(IllegalStateException.class, device::map);
      assertEquals(0, buffer.info().pins());
      locked(buffer, () -> buffer.advise(Advice.WILL_NEED));
      device.map();
      assertEquals(1, buffer.info().pins());
      locked(
          buffer,
          () -> assertThrows(IllegalStateException.class, () -> buffer.advise(Advice.DONT_NEED)));
    }
  }

  @Test
  @Rule({"PN3", "PN2"})
  @Needs(Capability.PURGES)
  void pn3_pinnedContent_isNeverDropped(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 3);
    for (Pin.Term term : Pin.Term.values()) {
      Pin pin = pin(buffer, term);
      assertEquals(0, bench.under().purgeAll(), "pinned " + term);
      unpin(buffer, pin);
      Pattern.assertIn(buffer, 3);
    }
  }

  @Test
  @Rule({"PN3", "CG3"})
  @Needs(Capability.PURGES)
  void pn3_contentThatIsNeeded_isNeverDropped(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 4);
    assertEquals(0, bench.under().purgeAll(), "nobody said that it isn't needed");
    locked(
        buffer,
        () -> {
          buffer.advise(Advice.DONT_NEED);
          buffer.advise(Advice.WILL_NEED);
        });
    assertEquals(0, bench.under().purgeAll(), "needed after all");
    Pattern.assertIn(buffer, 4);
  }

  // ---- PN4 ----

  @Test
  @Rule({"PN4", "PN2", "CM6"})
  @Needs({Capability.MOVES, Capability.HOST_PIECES})
  void pn4_workInFlight_needsAFenceAndNoPin(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 5);
    FenceContext ring = bench.device("ring");
    try (Device device = Device.following(buffer)) {
      device.map();
      Fence work = Bench.publish(ring, buffer, FenceUsage.BOOKKEEP);
      assertEquals(0, bench.under().moveAll(), "work is in flight");
      assertEquals(0, buffer.info().pins());
      device.assertStillSees(SIZE, 5);
      ring.signal(work);
      assertEquals(1, bench.under().moveAll(), "the work is done");
      device.assertSees(SIZE, 5);
    }
  }

  @Test
  @Rule({"PN4", "PN2", "CM1", "CM3"})
  @Needs({Capability.MOVES, Capability.HOST_PIECES})
  void pn4_pin_keepsTheBytesInPlaceWithoutAFence(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 6);
    try (Device device = Device.following(buffer)) {
      for (Pin.Term term : Pin.Term.values()) {
        Pin pin = pin(buffer, term);
        device.map();
        int told = device.moves();
        assertEquals(0, bench.under().moveAll(), "pinned " + term);
        assertTrue(buffer.info().fences().isEmpty());
        assertEquals(told, device.moves(), "nobody is told of a move that isn't made");
        device.assertStillSees(SIZE, 6);
        unpin(buffer, pin);
        assertEquals(1, bench.under().moveAll(), "unpinned");
        device.assertSees(SIZE, 6);
      }
    }
  }

  // ---- PN6 ----

  @Test
  @Rule({"PN6", "CM2", "PN5"})
  @Needs({Capability.CONTIGUOUS_REGION, Capability.MOVES, Capability.HOST_PIECES})
  void pn6_longPin_firstMovesTheBufferOutOfTheRegion(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    assertEquals(1, bench.under().buffersInRegion(), "where a fresh buffer lies");
    Pattern.write(buffer, 7);
    try (Device device = Device.following(buffer)) {
      device.map();
      Pin pin = pin(buffer, Pin.Term.LONG);
      assertEquals(0, bench.under().buffersInRegion());
      assertEquals(1, device.moves(), "who had it mapped was told");
      device.assertSees(SIZE, 7); // ready when pin returns, with nothing to wait for
      assertEquals(0, bench.under().moveAll());
      assertEquals(0, bench.under().buffersInRegion(), "and it stays outside");
      unpin(buffer, pin);
    }
  }

  @Test
  @Rule("PN6")
  @Needs({Capability.CONTIGUOUS_REGION, Capability.MOVES})
  void pn6_shortPin_mayStayInTheRegion(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 8);
    Pin pin = pin(buffer, Pin.Term.SHORT);
    Pattern.assertIn(buffer, 8);
    int there = bench.under().buffersInRegion();
    assertEquals(0, bench.under().moveAll(), "pinned where it is, inside or outside");
    assertEquals(there, bench.under().buffersInRegion());
    Pattern.assertIn(buffer, 8);
    unpin(buffer, pin);
  }

  @Test
  @Rule({"PN6", "PN2"})
  @Needs(Capability.CONTIGUOUS_REGION)
  void pn6_longPinOfABufferInUse_isRefusedAndLeavesItAlone(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 9);
    try (Hold hold = buffer.hold()) {
      DmaBufException refusal =
          assertThrows(DmaBufException.class, () -> pin(buffer, Pin.Term.LONG));
      assertEquals(Optional.of(Errno.EBUSY), refusal.errno());
      assertEquals(1, bench.under().buffersInRegion());
      assertEquals(0, buffer.info().pins());
      assertEquals(SIZE, hold.segment().byteSize());
    }
    Pattern.assertIn(buffer, 9);
    unpin(buffer, pin(buffer, Pin.Term.LONG)); // once nobody uses it
  }

  // ---- CM: pins ----

  @Test
  @Rule({"CM2", "CM1"})
  @Needs(Capability.HOST_PIECES)
  void cm2_afterPin_theContentIsThere(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 10);
    try (Device device = Device.following(buffer)) {
      for (Pin.Term term : Pin.Term.values()) {
        locked(
            buffer,
            () -> {
              Pin pin = buffer.pin(term);
              device.mapLocked();
              device.assertStillSees(SIZE, 10);
              device.unmapLocked();
              pin.close();
            });
      }
    }
  }

  @Test
  @Rule("CM3")
  @Needs(Capability.MOVES)
  void cm3_afterTheLastUnpin_theBufferMovesAgain(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 11);
    for (Pin.Term left : Pin.Term.values()) {
      Pin first = pin(buffer, Pin.Term.LONG);
      Pin second = pin(buffer, Pin.Term.SHORT);
      unpin(buffer, left == Pin.Term.LONG ? second : first);
      assertEquals(0, bench.under().moveAll(), "a pin is left, for " + left);
      unpin(buffer, left == Pin.Term.LONG ? first : second);
      assertEquals(1, bench.under().moveAll());
    }
    Pattern.assertIn(buffer, 11);
  }

  // ---- counts ----

  @Test
  @Rule("CG1")
  void m3_pin_isCounted_andItsPiecesAreThere(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    assertEquals(0, buffer.info().pins(), "before");
    Pin pin = pin(buffer, Pin.Term.SHORT);
    assertEquals(1, buffer.info().pins(), "pinned");
    Importer importer = () -> "looks at the pieces";
    try (var attachment = buffer.attach(importer)) {
      locked(
          buffer,
          () -> {
            var pieces = attachment.map(Access.READ);
            assertFalse(pieces.pieces().isEmpty());
            assertTrue(pieces.byteSize() >= SIZE);
            attachment.unmap();
          });
    }
    unpin(buffer, pin);
    assertEquals(0, buffer.info().pins(), "after");
  }

  @Test
  @Rule({"CG1", "CM1"})
  void cg1_pins_areCountedOverAllHandles(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (DmaBuf second = buffer.dup();
        DmaBuf reader = buffer.dupReadOnly()) {
      List<Pin> pins =
          List.of(
              pin(reader, Pin.Term.LONG), pin(second, Pin.Term.SHORT), pin(buffer, Pin.Term.SHORT));
      for (int left = pins.size(); left > 0; left--) {
        assertEquals(left, buffer.info().pins());
        unpin(buffer, pins.get(left - 1));
      }
      assertEquals(0, buffer.info().pins());
    }
  }

  @Test
  @Rule({"CG1", "CM4"})
  @Needs(Capability.OBSERVABLE)
  void cg1_exporter_hearsOfTheFirstPinOfATermAndOfItsLastUnpin(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pin other = pin(buffer, Pin.Term.LONG); // the terms are counted apart
    for (Pin.Term term : List.of(Pin.Term.SHORT, Pin.Term.LONG)) {
      int before = bench.recorder().count(Callback.UNPIN);
      Pin first = pin(buffer, term);
      Pin second = pin(buffer, term);
      assertEquals(2, bench.recorder().count(Callback.PIN), "one for each term");
      if (term == Pin.Term.LONG) {
        unpin(buffer, other);
      }
      unpin(buffer, first);
      assertEquals(before, bench.recorder().count(Callback.UNPIN));
      unpin(buffer, second);
      assertEquals(before + 1, bench.recorder().count(Callback.UNPIN));
      assertEquals(term, bench.recorder().entries().getLast().argument());
    }
  }

  @Test
  @Rule({"CG2", "CB4"})
  void cg2_whatIsCounted_keepsTheBufferAlive(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Reservation reservation = buffer.reservation();
    Pin pin = pin(buffer, Pin.Term.LONG);
    buffer.close();
    assertEquals(1, bench.heap().statistics().liveBuffers(), "a pin owns a reference");
    locked(reservation, pin::close);
    assertEquals(0, bench.heap().statistics().liveBuffers());
  }
}

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
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.tck.exporters.Callback;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/**
 * What importers hear when bytes move, and what they find afterwards: design rule PN5, rules CL5,
 * CM6, CM9, CM10, CM12 and CM13.
 */
@Needs({Capability.MOVES, Capability.HOST_PIECES})
public abstract class MoveRules extends Rules {
  /** For subclasses. */
  protected MoveRules() {}

  @Test
  @Rule({"PN5", "CL5", "CM13"})
  void pn5_importer_isToldUnderTheReservation_beforeTheBytesGo(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 1);
    try (Device device = Device.following(buffer)) {
      device.map();
      List<Thread> tellers = new ArrayList<>();
      device.onMove(
          () -> {
            assertTrue(device.reservation().isHeldByCurrentThread());
            tellers.add(Thread.currentThread());
            device.assertStillSees(SIZE, 1); // the old pieces are good until it has been told
          });
      Worker mover = Worker.start(() -> assertEquals(1, bench.under().moveAll()));
      mover.join();
      assertEquals(List.of(mover.thread()), tellers);
      assertFalse(device.isMapped());
    }
  }

  @Test
  @Rule({"PN5", "CM9"})
  void pn5_importer_mapsAgainAtItsNextUse_andFindsItsBytes(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 0);
    try (Device device = Device.following(buffer)) {
      device.map();
      for (int move = 1; move <= 4; move++) {
        assertEquals(1, bench.under().moveAll());
        assertEquals(move, device.moves());
        device.assertSees(SIZE, move - 1);
        device.write(SIZE, move);
        Pattern.assertIn(buffer, move); // and everybody else finds what it wrote
      }
    }
  }

  @Test
  @Rule({"PN5", "CM13"})
  void pn5_everyDynamicImporter_isTold_mappedOrNot(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (Device mapped = Device.following(buffer);
        Device idle = Device.following(buffer);
        Device fixed = Device.fixed(buffer)) {
      mapped.map();
      assertEquals(1, bench.under().moveAll());
      assertEquals(1, mapped.moves());
      assertEquals(1, idle.moves());
      assertEquals(0, fixed.moves(), "it has nothing mapped, and can't follow");
      assertEquals(1, bench.under().moveAll());
      assertEquals(2, mapped.moves());
    }
  }

  @Test
  @Rule({"PN5", "CB9"})
  void pn5_importerThatHasLeft_isNotTold(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Device gone = Device.following(buffer);
    gone.map();
    gone.close();
    assertEquals(1, bench.under().moveAll());
    assertEquals(0, gone.moves());
  }

  @Test
  @Rule({"PN5", "SH2"})
  @Needs(Capability.PURGES)
  void pn5_importer_isToldBeforeContentIsDropped(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 2);
    try (Device device = Device.following(buffer)) {
      device.map();
      device.onMove(() -> device.assertStillSees(SIZE, 2));
      locked(buffer, () -> buffer.advise(Advice.DONT_NEED));
      assertEquals(1, bench.under().purgeAll());
      assertEquals(1, device.moves());
      assertFalse(device.isMapped());
    }
  }

  @Test
  @Rule({"CM6", "PN4", "CM9"})
  void cm6_importerWithAFence_keepsItsPiecesUntilItSignals(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 3);
    FenceContext ring = bench.device("ring");
    try (Device device = Device.following(buffer)) {
      device.map();
      Fence work = Bench.publish(ring, buffer, FenceUsage.READ);
      assertEquals(0, bench.under().moveAll());
      assertEquals(0, device.moves(), "not even told");
      device.assertStillSees(SIZE, 3);
      ring.signal(work);
      assertEquals(1, bench.under().moveAll());
      device.assertSees(SIZE, 3);
    }
  }

  @Test
  @Rule({"CM9", "CM12"})
  void cm9_mappingWhileBeingTold_isRefused_andWorksAfterwards(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 4);
    try (Device device = Device.following(buffer)) {
      device.map();
      device.onMove(
          () -> {
            assertThrows(IllegalStateException.class, () -> device.attachment().map(Access.READ));
            assertThrows(IllegalStateException.class, buffer::vmapLocked);
            assertThrows(IllegalStateException.class, () -> buffer.pin(Pin.Term.SHORT));
          });
      assertEquals(1, bench.under().moveAll());
      device.assertSees(SIZE, 4);
    }
  }

  @Test
  @Rule({"CM10", "CM13"})
  @Needs(Capability.OBSERVABLE)
  void cm10_whatWasMapped_isUnmappedBeforeTheMoveEnds(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (Device device = Device.following(buffer)) {
      device.map();
      assertEquals(0, bench.recorder().count(Callback.UNMAP));
      assertEquals(1, bench.under().moveAll());
      assertEquals(1, bench.recorder().count(Callback.UNMAP));
      device.map();
      assertEquals(2, bench.recorder().count(Callback.MAP));
    }
  }

  @Test
  @Rule({"CM12", "CM8"})
  @Needs(Capability.OBSERVABLE)
  void cm12_newMapping_doesNotWaitForOtherImporters(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 5);
    try (Device quick = Device.following(buffer);
        Device slow = Device.following(buffer)) {
      quick.map();
      slow.map();
      assertEquals(1, bench.under().moveAll());
      quick.assertSees(SIZE, 5); // while the slow one hasn't mapped again
      assertFalse(slow.isMapped());
      slow.assertSees(SIZE, 5);
    }
  }

  @Test
  @Rule({"CM13", "PN5", "CL5"})
  void cm13_importerThatThrows_keepsNobodyElseFromBeingTold(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 6);
    IllegalStateException failure = new IllegalStateException("thrown on purpose");
    try (Device bad = Device.following(buffer);
        Device good = Device.following(buffer)) {
      bad.onMove(
          () -> {
            throw failure;
          });
      bad.map();
      good.map();
      try {
        bench.under().moveAll();
      } catch (IllegalStateException e) {
        assertEquals(failure, e);
      }
      assertEquals(1, good.moves());
      assertFalse(good.isMapped());
      bad.onMove(() -> {});
      assertFalse(buffer.reservation().isLocked(), "the reservation was given back");
      good.assertSees(SIZE, 6);
      bad.assertSees(SIZE, 6);
    }
  }

  @Test
  @Rule({"CM13", "CB2"})
  @Needs(Capability.SHARED_RESERVATION)
  void cm13_neighbourOnTheSameReservation_isNotTold(Bench bench) throws Exception {
    Reservation shared = new Reservation();
    DmaBuf one = bench.track(bench.under().allocate(SIZE, shared));
    DmaBuf two = bench.track(bench.under().allocate(SIZE, shared));
    Pattern.write(one, 7);
    Pattern.write(two, 8);
    try (Device first = Device.following(one);
        Device second = Device.following(two)) {
      first.map();
      second.map();
      assertEquals(2, bench.under().moveAll());
      assertEquals(List.of(1, 1), List.of(first.moves(), second.moves()), "each of its own");
      first.assertSees(SIZE, 7);
      second.assertSees(SIZE, 8);
    }
  }

  @Test
  @Rule({"PN5", "CM9", "CM13"})
  void pn5_deviceBesideAMover_neverLosesAByte(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (Device device = Device.following(buffer)) {
      Worker worker =
          Worker.start(
              () -> {
                for (int round = 0; round < 100; round++) {
                  byte value = (byte) round;
                  locked(
                      device.reservation(),
                      () -> // while it has the lock, the pieces are good
                      IntStream.range(0, 16).forEach(i -> put(device, i, value)));
                  locked(
                      device.reservation(),
                      () ->
                          IntStream.range(0, 16).forEach(i -> assertEquals(value, get(device, i))));
                }
              });
      int moves = 0;
      while (worker.isAlive()) {
        moves += bench.under().moveAll();
      }
      worker.join();
      assertEquals(1, bench.under().moveAll(), "the device has let go");
      assertEquals(moves + 1, device.moves(), "told of each move, once");
    }
  }

  private static void put(Device device, long offset, byte value) {
    device.mapLocked().segments().getFirst().set(ValueLayout.JAVA_BYTE, offset, value);
  }

  private static byte get(Device device, long offset) {
    return device.mapLocked().segments().getFirst().get(ValueLayout.JAVA_BYTE, offset);
  }
}

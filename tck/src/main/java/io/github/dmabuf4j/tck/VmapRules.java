package io.github.dmabuf4j.tck;

import static io.github.dmabuf4j.tck.Bench.SIZE;
import static io.github.dmabuf4j.tck.Bench.locked;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dmabuf4j.AcquireContext;
import io.github.dmabuf4j.Advice;
import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.Vmap;
import io.github.dmabuf4j.tck.exporters.Callback;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * The two ways to the bytes beside a hold: under the reservation, and with a pin (design rules VM2,
 * VM4 and PN4, rules CL1 and CV2).
 */
public abstract class VmapRules extends Rules {
  /** For subclasses. */
  protected VmapRules() {}

  private static void assertDead(MemorySegment segment) {
    assertThrows(IllegalStateException.class, () -> segment.get(ValueLayout.JAVA_BYTE, 0));
  }

  private static Vmap pinned(DmaBuf buffer, Pin.Term term, ArenaKind kind) {
    Reservation reservation = buffer.reservation();
    reservation.lock();
    try {
      return buffer.vmapPinned(term, kind);
    } finally {
      reservation.unlock();
    }
  }

  // ---- under the reservation ----

  @Test
  @Rule({"VM2", "CL1"})
  void vm2_bothWays_needTheReservation(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    assertThrows(IllegalStateException.class, buffer::vmapLocked);
    assertThrows(
        IllegalStateException.class, () -> buffer.vmapPinned(Pin.Term.SHORT, ArenaKind.SHARED));
    locked(
        buffer,
        () ->
            Worker.start(() -> assertThrows(IllegalStateException.class, buffer::vmapLocked))
                .join());
    assertEquals(0, buffer.info().holds());
    assertEquals(0, buffer.info().pins());
  }

  @Test
  @Rule({"VM2", "VM4"})
  void vm2_vmapUnderTheLock_diesAtItsClose(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    locked(
        buffer,
        () -> {
          Vmap vmap = buffer.vmapLocked();
          MemorySegment segment = vmap.segment();
          assertEquals(SIZE, segment.byteSize());
          assertEquals(segment.address(), vmap.address());
          Pattern.put(segment, 1);
          Pattern.assertIn(segment, 1);
          assertEquals(1, buffer.info().holds());
          vmap.close();
          vmap.close(); // again: nothing
          assertDead(segment);
          assertEquals(0, buffer.info().holds());
        });
  }

  @Test
  @Rule({"VM2", "VM4", "CL1"})
  void vm2_vmapUnderTheLock_diesAtTheUnlock(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Vmap[] left = new Vmap[3];
    MemorySegment[] segments = new MemorySegment[3];
    locked(
        buffer,
        () -> {
          for (int i = 0; i < left.length; i++) {
            left[i] = buffer.vmapLocked();
            segments[i] = left[i].segment();
            segments[i].fill((byte) i);
          }
          left[1].close();
          assertDead(segments[1]);
          assertEquals((byte) 2, segments[0].get(ValueLayout.JAVA_BYTE, 0));
        });
    List.of(segments).forEach(VmapRules::assertDead);
    assertEquals(0, buffer.info().holds());
    assertEquals(2, buffer.info().references(), "the handle's, and that of the report");
    left[0].close(); // late, and without the lock: nothing
  }

  @Test
  @Rule({"VM2", "RL2"})
  void vm2_vmapUnderAContext_diesWhenTheContextUnlocks(Bench bench) throws Exception {
    DmaBuf one = bench.allocate();
    DmaBuf two = bench.allocate();
    MemorySegment late;
    try (AcquireContext _ = AcquireContext.lockAll(one.reservation(), two.reservation())) {
      Vmap from = one.vmapLocked();
      Vmap to = two.vmapLocked();
      Pattern.put(from.segment(), 2);
      to.segment().copyFrom(from.segment());
      Pattern.assertIn(to.segment(), 2);
      late = to.segment();
    }
    assertDead(late);
    assertEquals(0, one.info().holds() + two.info().holds());
  }

  @Test
  @Rule({"VM2", "PN2"})
  @Needs(Capability.MOVES)
  void vm2_vmapUnderTheLock_keepsTheBytesInPlaceUntilTheUnlock(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    locked(
        buffer,
        () -> {
          Vmap vmap = buffer.vmapLocked();
          Pattern.put(vmap.segment(), 3);
          assertEquals(0, bench.under().moveAll(), "from the thread that has the lock");
          Worker.start(() -> assertEquals(0, bench.under().moveAll())).join();
          Pattern.assertIn(vmap.segment(), 3);
        });
    assertEquals(1, bench.under().moveAll());
  }

  @Test
  @Rule({"VM2", "CV1", "VM1"})
  void vm2_allThreeWays_showTheSameBytes(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Vmap pinned = pinned(buffer, Pin.Term.SHORT, ArenaKind.SHARED);
    try (Hold hold = buffer.hold()) {
      Pattern.put(hold.segment(), 4);
      locked(
          buffer,
          () -> {
            Vmap vmap = buffer.vmapLocked();
            Pattern.assertIn(vmap.segment(), 4);
            assertEquals(hold.address(), vmap.address());
            assertEquals(hold.address(), pinned.address());
            Pattern.put(vmap.segment(), 5);
          });
      Pattern.assertIn(pinned.segment(), 5);
    }
    locked(buffer, pinned::close);
  }

  @Test
  @Rule("VM2")
  void vm2_vmap_waitsForNoFence(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    FenceContext ring = bench.device("ring");
    Fence writer = Bench.publish(ring, buffer, FenceUsage.WRITE);
    locked(buffer, () -> assertEquals(SIZE, buffer.vmapLocked().segment().byteSize()));
    ring.signal(writer);
  }

  @Test
  @Rule({"VM3", "VM2"})
  void vm3_vmapUnderTheLock_countsNoPin(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    locked(
        buffer,
        () -> {
          Vmap vmap = buffer.vmapLocked();
          assertEquals(0, buffer.info().pins());
          vmap.close();
        });
    if (bench.has(Capability.OBSERVABLE)) {
      assertEquals(0, bench.recorder().count(Callback.PIN));
    }
  }

  // ---- with a pin ----

  @Test
  @Rule({"VM2", "PN1", "PN4"})
  void vm2_vmapWithAPin_outlivesTheLock_andIsClosedUnderIt(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    for (Pin.Term term : Pin.Term.values()) {
      for (ArenaKind kind : ArenaKind.values()) {
        Vmap vmap = pinned(buffer, term, kind);
        MemorySegment segment = vmap.segment();
        segment.fill((byte) 6); // without the lock
        assertEquals(1, buffer.info().pins());
        assertThrows(IllegalStateException.class, vmap::close);
        assertEquals((byte) 6, segment.get(ValueLayout.JAVA_BYTE, SIZE - 1), "still open");
        locked(buffer, vmap::close);
        vmap.close(); // again, without the lock: nothing
        assertEquals(0, buffer.info().pins());
        assertEquals(0, buffer.info().holds());
        if (kind != ArenaKind.POOL) {
          assertDead(segment);
        }
      }
    }
  }

  @Test
  @Rule({"VM2", "PN2"})
  @Needs(Capability.MOVES)
  void vm2_vmapWithAPin_keepsTheBytesInPlace(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Vmap vmap = pinned(buffer, Pin.Term.LONG, ArenaKind.SHARED);
    Pattern.put(vmap.segment(), 7);
    assertEquals(0, bench.under().moveAll());
    Pattern.assertIn(vmap.segment(), 7);
    locked(buffer, vmap::close);
    assertEquals(1, bench.under().moveAll());
  }

  @Test
  @Rule({"VM2", "PN3"})
  void vm2_vmapWithAPin_ofABufferThatMayBeDropped_isRefused(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    locked(
        buffer,
        () -> {
          buffer.advise(Advice.DONT_NEED);
          assertThrows(
              IllegalStateException.class,
              () -> buffer.vmapPinned(Pin.Term.SHORT, ArenaKind.SHARED));
          assertEquals(0, buffer.info().pins());
          assertEquals(0, buffer.info().holds());
          buffer.vmapLocked().close(); // needs no pin
        });
  }

  @Test
  @Rule({"VM2", "CG2"})
  void vm2_vmap_keepsTheBufferAlive(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Reservation reservation = buffer.reservation();
    Vmap vmap = pinned(buffer, Pin.Term.SHORT, ArenaKind.SHARED);
    buffer.close();
    assertEquals(1, bench.heap().statistics().liveBuffers());
    vmap.segment().fill((byte) 8);
    locked(reservation, vmap::close);
    assertEquals(0, bench.heap().statistics().liveBuffers());

    DmaBuf other = bench.allocate();
    locked(
        other.reservation(),
        () -> {
          Vmap locked = other.vmapLocked();
          other.close();
          locked.segment().fill((byte) 9);
          assertEquals(1, bench.heap().statistics().liveBuffers());
        });
    assertEquals(0, bench.heap().statistics().liveBuffers(), "the unlock was its end");
  }

  @Test
  @Rule({"VM2", "CB11"})
  void vm2_vmapOfAReadOnlyHandle_isReadOnly(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (DmaBuf reader = buffer.dupReadOnly()) {
      locked(buffer, () -> assertTrue(reader.vmapLocked().segment().isReadOnly()));
      Vmap vmap = pinned(reader, Pin.Term.SHORT, ArenaKind.SHARED);
      assertTrue(vmap.segment().isReadOnly());
      locked(buffer, vmap::close);
    }
  }
}

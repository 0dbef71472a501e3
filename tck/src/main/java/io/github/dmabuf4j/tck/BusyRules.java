package io.github.dmabuf4j.tck;

import static io.github.dmabuf4j.tck.Bench.SIZE;
import static io.github.dmabuf4j.tck.Bench.extent;
import static io.github.dmabuf4j.tck.Bench.locked;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Advice;
import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.CpuAccess;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.Job;
import io.github.dmabuf4j.tck.Bench.Extent;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/**
 * A busy buffer is neither moved nor dropped nor given to somebody else, and everything that makes
 * it busy does so on its own: design rules PN2, FN1 and VM2, rule CG10.
 */
public abstract class BusyRules extends Rules {
  /** For subclasses. */
  protected BusyRules() {}

  // ---- neither moved ----

  @Test
  @Rule({"PN2", "VM2", "CM13"})
  @Needs(Capability.MOVES)
  void pn2_heldBuffer_neverMoves(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    int seed = 0;
    for (ArenaKind kind : ArenaKind.values()) {
      seed++;
      try (CpuAccess inside = buffer.beginCpuAccess(Access.READ_WRITE);
          Hold hold = buffer.hold(kind)) {
        Pattern.put(inside.segment(), seed);
        assertEquals(0, bench.under().moveAll(), "held as " + kind);
        assertEquals(hold.address(), inside.segment().address(), "one place");
        Pattern.assertIn(hold.segment(), seed);
      }
      assertEquals(1, bench.under().moveAll(), "let go");
      Pattern.assertIn(buffer, seed);
    }
  }

  @Test
  @Rule({"PN2", "VM2"})
  @Needs(Capability.MOVES)
  void pn2_bareHold_isEnough(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (Hold hold = buffer.hold()) {
      hold.segment().fill((byte) 0x11);
      assertEquals(0, bench.under().moveAll());
      assertEquals((byte) 0x11, hold.segment().get(ValueLayout.JAVA_BYTE, SIZE - 1));
    }
    assertEquals(1, bench.under().moveAll());
  }

  @Test
  @Rule({"PN2", "VM2", "CA2"})
  @Needs(Capability.MOVES)
  void pn2_bufferInAClosure_neverMoves(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    buffer.write(
        segment -> {
          Pattern.put(segment, 1);
          assertEquals(0, bench.under().moveAll());
          Pattern.assertIn(segment, 1);
        });
    buffer.read(
        segment -> {
          assertEquals(0, bench.under().moveAll());
          Pattern.assertIn(segment, 1);
          return true;
        });
    assertEquals(1, bench.under().moveAll());
    Pattern.assertIn(buffer, 1);
  }

  @Test
  @Rule({"PN2", "JB1"})
  @Needs(Capability.MOVES)
  void pn2_bufferOfAJob_neverMovesUntilTheJobEnds(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Job job = Job.named("job").writes(buffer).publish();
    assertEquals(0, bench.under().moveAll(), "published");
    long address = job.address(buffer);
    try (var access = job.open()) {
      Pattern.put(access.segment(buffer), 2);
      assertEquals(0, bench.under().moveAll(), "running");
      assertEquals(address, access.segment(buffer).address());
    }
    assertEquals(0, bench.under().moveAll(), "not signaled yet");
    assertTrue(job.signal());
    assertEquals(1, bench.under().moveAll());
    Pattern.assertIn(buffer, 2);
  }

  @Test
  @Rule({"PN2", "CG10", "CM13"})
  @Needs(Capability.MOVES)
  void pn2_bufferWithAPendingFenceOfAnyUsage_neverMoves(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 3);
    FenceContext ring = bench.device("ring");
    for (FenceUsage usage : FenceUsage.values()) {
      Fence fence = Bench.publish(ring, buffer, usage);
      assertEquals(0, bench.under().moveAll(), usage + " is pending");
      ring.signal(fence);
      assertEquals(1, bench.under().moveAll(), usage + " has signaled");
      Pattern.assertIn(buffer, 3);
    }
  }

  @Test
  @Rule({"PN2", "SH3"})
  @Needs(Capability.MOVES)
  void pn2_bufferWhoseReservationIsTaken_isPassedByWithoutWaiting(Bench bench) throws Exception {
    DmaBuf taken = bench.allocate();
    Pattern.write(taken, 4);
    locked(
        taken,
        () -> {
          int[] moved = new int[1];
          Worker.start(() -> moved[0] = bench.under().moveAll()).join(); // while it is taken
          assertEquals(0, moved[0]);
        });
    assertEquals(1, bench.under().moveAll());
    Pattern.assertIn(taken, 4);
  }

  @Test
  @Rule("PN2")
  @Needs(Capability.MOVES)
  void pn2_busyBuffer_doesNotKeepOthersFromMoving(Bench bench) throws Exception {
    DmaBuf busy = bench.allocate();
    DmaBuf idle = bench.allocate();
    Pattern.write(idle, 5);
    try (Hold hold = busy.hold()) {
      assertEquals(1, bench.under().moveAll());
      assertEquals(SIZE, hold.segment().byteSize());
    }
    Pattern.assertIn(idle, 5);
    assertEquals(2, bench.under().moveAll());
    Pattern.assertIn(idle, 5);
  }

  @Test
  @Rule({"PN2", "VM2", "CM4"})
  @Needs({Capability.MOVES, Capability.HOST_PIECES})
  void pn2_bufferMappedByAFixedImporter_neverMoves(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 6);
    try (Device device = Device.fixed(buffer)) {
      device.map();
      assertEquals(0, bench.under().moveAll());
      device.assertStillSees(SIZE, 6);
      device.unmap();
      assertEquals(1, bench.under().moveAll());
      assertEquals(0, device.moves(), "who can't follow isn't told");
      device.assertSees(SIZE, 6);
    }
  }

  // ---- nor dropped ----

  @Test
  @Rule({"PN2", "CG3", "CG6"})
  @Needs(Capability.PURGES)
  void pn2_heldBuffer_isNeverDropped(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 7);
    locked(buffer, () -> buffer.advise(Advice.DONT_NEED));
    try (CpuAccess access = buffer.beginCpuAccess(Access.READ)) {
      assertEquals(0, bench.under().purgeAll());
      Pattern.assertIn(access.segment(), 7);
    }
    assertEquals(1, bench.under().purgeAll(), "let go, and not needed");
  }

  @Test
  @Rule({"PN2", "CG10"})
  @Needs(Capability.PURGES)
  void pn2_bufferWithAPendingFence_isNeverDropped(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    locked(buffer, () -> buffer.advise(Advice.DONT_NEED));
    FenceContext ring = bench.device("ring");
    for (FenceUsage usage : FenceUsage.values()) {
      Fence fence = Bench.publish(ring, buffer, usage);
      assertEquals(0, bench.under().purgeAll(), usage + " is pending");
      ring.signal(fence);
    }
    assertEquals(1, bench.under().purgeAll());
  }

  @Test
  @Rule({"PN2", "SH3"})
  @Needs(Capability.PURGES)
  void pn2_bufferWhoseReservationIsTaken_isNotDropped(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    locked(
        buffer,
        () -> {
          buffer.advise(Advice.DONT_NEED);
          int[] dropped = new int[1];
          Worker.start(() -> dropped[0] = bench.under().purgeAll()).join();
          assertEquals(0, dropped[0]);
        });
    assertEquals(1, bench.under().purgeAll());
  }

  // ---- nor given to somebody else ----

  @Test
  @Rule({"PN2", "FN1"})
  void pn2_memoryInQuarantine_isNotGivenToAnother(Bench bench) throws Exception {
    FenceContext ring = bench.device("ring");
    for (FenceUsage usage : FenceUsage.values()) {
      DmaBuf buffer = bench.allocate();
      Extent inFlight = extent(buffer);
      Fence fence = Bench.publish(ring, buffer, usage);
      buffer.close();
      bench.heap().trim();
      List<DmaBuf> others = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        DmaBuf other = bench.allocate();
        others.add(other);
        assertFalse(extent(other).overlaps(inFlight), usage + " is pending on that memory");
        Pattern.write(other, i);
      }
      ring.signal(fence);
      others.forEach(DmaBuf::close);
    }
  }

  @Test
  @Rule({"PN2", "FN1"})
  @Needs(Capability.MOVES)
  void pn2_memoryInQuarantine_isNotMoved(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    FenceContext ring = bench.device("ring");
    Fence fence = Bench.publish(ring, buffer, FenceUsage.READ);
    buffer.close();
    assertEquals(0, bench.under().moveAll());
    ring.signal(fence);
    assertEquals(0, bench.under().moveAll(), "nobody's buffer any more");
  }

  @Test
  @Rule("FN1")
  void fn1_quarantine_isSeenAndCounted_andEndsWithTheSignal(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    buffer.setName("frame in flight");
    FenceContext ring = bench.device("ring");
    Fence fence = Bench.publish(ring, buffer, FenceUsage.READ);
    buffer.close();
    List<BufInfo.Buffer> seen = bench.heap().info().buffers();
    assertEquals(1, seen.size());
    assertTrue(seen.getFirst().isQuarantined(), () -> "seen " + seen);
    assertEquals("frame in flight", seen.getFirst().name());
    assertEquals(1, bench.heap().statistics().liveBuffers());
    assertTrue(bench.heap().statistics().committedBytes() >= SIZE);
    ring.signal(fence);
    assertTrue(bench.heap().info().buffers().isEmpty());
    assertEquals(0, bench.heap().statistics().liveBuffers());
  }

  @Test
  @Rule("FN1")
  void fn1_lostProducer_endsTheQuarantine(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    FenceContext lost = bench.device("lost device");
    Bench.publish(lost, buffer, FenceUsage.WRITE);
    buffer.close();
    assertEquals(1, bench.heap().statistics().liveBuffers());
    lost.close();
    assertEquals(0, bench.heap().statistics().liveBuffers());
  }

  @Test
  @Rule({"PN2", "VM4"})
  void pn2_heldMemory_outlivesEveryHandle(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (Hold hold = buffer.hold()) {
      hold.segment().fill((byte) 0x22);
      Extent held = new Extent(hold.address(), SIZE);
      buffer.close();
      for (int i = 0; i < 8; i++) {
        DmaBuf other = bench.allocate();
        assertFalse(extent(other).overlaps(held), "somebody still holds that memory");
        Pattern.write(other, i);
      }
      assertEquals((byte) 0x22, hold.segment().get(ValueLayout.JAVA_BYTE, SIZE - 1));
    }
    assertEquals(8, bench.heap().statistics().liveBuffers());
  }

  // ---- all at once ----

  @Test
  @Rule({"PN2", "CM13", "CA1"})
  @Needs(Capability.MOVES)
  void pn2_moverBesideUsers_neverTearsTheirBytes(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 0);
    CountDownLatch users = new CountDownLatch(2);
    Worker.Body user =
        () -> {
          try {
            for (int i = 0; i < 50; i++) {
              int seed = i;
              buffer.write(
                  segment -> {
                    Pattern.put(segment, seed);
                    Thread.onSpinWait();
                    Pattern.assertIn(segment, seed);
                  });
            }
          } finally {
            users.countDown();
          }
        };
    Worker one = Worker.start(user);
    Worker two = Worker.start(user);
    int moves = 0;
    while (users.getCount() > 0) {
      moves += bench.under().moveAll();
    }
    one.join();
    two.join();
    assertTrue(moves + bench.under().moveAll() > 0, "it moved at least once");
    Pattern.assertIn(buffer, 49);
  }
}

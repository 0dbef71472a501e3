package io.github.dmabuf4j.tck;

import static io.github.dmabuf4j.tck.Bench.SIZE;
import static io.github.dmabuf4j.tck.Bench.locked;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Advice;
import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.BufferObject.Residency;
import io.github.dmabuf4j.BufferPurgedException;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.Job;
import io.github.dmabuf4j.Lockdep;
import io.github.dmabuf4j.LockdepException;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.ReclaimStatistics;
import io.github.dmabuf4j.Shrinker;
import io.github.dmabuf4j.Signalling;
import io.github.dmabuf4j.tck.exporters.Callback;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * Content that goes to a store when memory is short, and comes back: design rules SH2, SH3, SH6,
 * SH7 and SH8, rules CG7, CG8, CG10, CG11 and CG12.
 */
@Needs(Capability.EVICTS)
public abstract class ReclaimRules extends Rules {
  /** For subclasses. */
  protected ReclaimRules() {}

  private static Residency residency(DmaBuf buffer) {
    return buffer.info().residency();
  }

  private static List<DmaBuf> written(Bench bench, int count) throws InterruptedException {
    List<DmaBuf> buffers = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      buffers.add(bench.allocate());
      Pattern.write(buffers.get(i), i);
    }
    return buffers;
  }

  private static boolean advise(DmaBuf buffer, Advice advice) {
    buffer.reservation().lock();
    try {
      return buffer.advise(advice);
    } finally {
      buffer.reservation().unlock();
    }
  }

  /** As when memory is short, and nothing is idle. */
  private static void reclaim(Bench bench, long bytes) {
    bench.heap().trim();
    bench.heap().shrinker().reclaim(bytes, AllocPolicy.NORMAL);
  }

  // ---- it comes back ----

  private static void assertComesBack(Bench bench, int seed, Bench.Body use, DmaBuf buffer)
      throws Exception {
    Pattern.write(buffer, seed);
    assertEquals(1, bench.under().evictAll());
    assertEquals(Residency.EVICTED, residency(buffer));
    use.run();
    assertEquals(Residency.RESIDENT, residency(buffer));
    Pattern.assertIn(buffer, seed);
  }

  @Test
  @Rule({"SH2", "SH7", "CG12"})
  void sh2_evictedContent_comesBackAtEachKindOfUse(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    assertComesBack(bench, 1, () -> buffer.hold().close(), buffer);
    assertComesBack(bench, 2, () -> buffer.hold(ArenaKind.SHARED).close(), buffer);
    assertComesBack(bench, 3, () -> Pattern.assertIn(buffer, 3), buffer);
    assertComesBack(bench, 4, () -> buffer.write(segment -> Pattern.assertIn(segment, 4)), buffer);
    assertComesBack(bench, 5, () -> buffer.beginCpuAccess(Access.READ).close(), buffer);
    assertComesBack(bench, 6, () -> locked(buffer, buffer::vmapLocked), buffer);
    assertComesBack(
        bench, 7, () -> locked(buffer, () -> buffer.pin(Pin.Term.SHORT).close()), buffer);
    assertComesBack(
        bench, 8, () -> Job.named("job").reads(buffer).publish().run(access -> {}), buffer);
  }

  @Test
  @Rule({"SH2", "SH7", "CM9"})
  @Needs(Capability.HOST_PIECES)
  void sh2_evictedContent_comesBackForImporters(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    for (boolean dynamic : new boolean[] {true, false}) {
      Pattern.write(buffer, 9);
      try (Device device = dynamic ? Device.following(buffer) : Device.fixed(buffer)) {
        assertEquals(1, bench.under().evictAll());
        assertEquals(Residency.EVICTED, residency(buffer), "attaching isn't a use");
        device.assertSees(SIZE, 9);
        device.write(SIZE, 10);
        device.unmap();
        assertEquals(1, bench.under().evictAll());
        device.assertSees(SIZE, 10);
      }
    }
  }

  @Test
  @Rule({"SH2", "CG12"})
  void sh2_eachBuffer_getsItsOwnContentBack_theLatest(Bench bench) throws Exception {
    List<DmaBuf> buffers = written(bench, 5);
    for (int round = 1; round < 4; round++) {
      assertEquals(5, bench.under().evictAll());
      assertEquals(0, bench.under().evictAll(), "once");
      for (int i = 4; i >= 0; i--) {
        Pattern.assertIn(buffers.get(i), i + (round - 1) * 16);
        Pattern.write(buffers.get(i), i + round * 16);
      }
    }
  }

  @Test
  @Rule({"SH7", "VM1"})
  @Needs(Capability.OBSERVABLE)
  void sh7_whoeverNeedsTheBytes_bringsThemBack_andIsTheFirstToMapThem(Bench bench)
      throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 1);
    int before = bench.recorder().callbacks().size();
    assertEquals(1, bench.under().evictAll());
    List<Callback> saving = bench.recorder().callbacksAfter(before);
    assertEquals(Callback.EVICT, saving.getLast(), "nothing is mapped then");
    assertEquals(Callback.VUNMAP, saving.get(saving.size() - 2));
    int evicted = bench.recorder().callbacks().size();
    buffer.hold().close();
    List<Callback> filling = bench.recorder().callbacksAfter(evicted);
    assertEquals(List.of(Callback.RESTORE, Callback.VMAP), filling.subList(0, 2));
    assertEquals(1, bench.recorder().count(Callback.RESTORE));
    buffer.hold().close();
    assertEquals(1, bench.recorder().count(Callback.RESTORE), "once");
  }

  // ---- what is busy stays ----

  @Test
  @Rule({"PN2", "VM2"})
  void pn2_heldBuffer_isNeverEvicted(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 1);
    for (ArenaKind kind : ArenaKind.values()) {
      try (Hold hold = buffer.hold(kind)) {
        assertEquals(0, bench.under().evictAll(), "held as " + kind);
        Pattern.assertIn(hold.segment(), 1);
      }
    }
    int[] whileRead = {-1};
    buffer.read(
        segment -> { // others may wait for the closure: it must not reclaim itself (FN4)
          Worker.start(() -> whileRead[0] = bench.under().evictAll()).join();
          return segment.isReadOnly();
        });
    assertEquals(0, whileRead[0], "read by a closure");
    assertEquals(Residency.RESIDENT, residency(buffer));
    locked(
        buffer,
        () -> {
          Pin pin = buffer.pin(Pin.Term.SHORT);
          int[] evicted = new int[1];
          Worker.start(() -> evicted[0] = bench.under().evictAll()).join();
          assertEquals(0, evicted[0], "pinned, and its reservation taken");
          pin.close();
        });
    assertEquals(1, bench.under().evictAll(), "let go");
    Pattern.assertIn(buffer, 1);
  }

  @Test
  @Rule({"PN2", "CG10", "FN1"})
  void pn2_bufferWithAPendingFence_isNeverEvicted(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 2);
    FenceContext ring = bench.device("ring");
    for (FenceUsage usage : FenceUsage.values()) {
      Fence fence = Bench.publish(ring, buffer, usage);
      assertEquals(0, bench.under().evictAll(), usage + " is pending");
      ring.signal(fence);
    }
    Fence last = Bench.publish(ring, buffer, FenceUsage.READ);
    buffer.close();
    assertEquals(0, bench.under().evictAll(), "in quarantine");
    ring.signal(last);
    assertEquals(0, bench.under().evictAll(), "nobody's any more");
  }

  @Test
  @Rule({"PN2", "PN4", "CM4"})
  @Needs(Capability.HOST_PIECES)
  void pn2_pinnedBuffer_isNeverEvicted(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 3);
    try (Device device = Device.fixed(buffer)) {
      device.map();
      assertEquals(0, bench.under().evictAll(), "an importer that can't follow has it mapped");
      device.assertStillSees(SIZE, 3);
      device.unmap();
    }
    List<Pin> pins = new ArrayList<>();
    locked(buffer, () -> pins.add(buffer.pin(Pin.Term.LONG)));
    assertEquals(0, bench.under().evictAll());
    locked(buffer, pins.getFirst()::close);
    assertEquals(1, bench.under().evictAll());
  }

  @Test
  @Rule({"CG8", "SH3"})
  void cg8_busyBuffers_arePassedByWithoutWaiting_andDoNotKeepOthersThere(Bench bench)
      throws Exception {
    List<DmaBuf> buffers = written(bench, 4);
    FenceContext ring = bench.device("ring");
    Fence work = Bench.publish(ring, buffers.get(1), FenceUsage.BOOKKEEP);
    try (Hold hold = buffers.get(2).hold()) {
      locked(
          buffers.get(0),
          () -> {
            int[] evicted = new int[1];
            Worker.start(() -> evicted[0] = bench.under().evictAll()).join(); // while it is taken
            assertEquals(1, evicted[0]);
          });
      assertEquals(SIZE, hold.segment().byteSize());
    }
    ring.signal(work);
    assertEquals(Residency.EVICTED, residency(buffers.get(3)));
    assertEquals(3, bench.under().evictAll(), "the others, once they are let go");
    for (int i = 0; i < 4; i++) {
      Pattern.assertIn(buffers.get(i), i);
    }
  }

  // ---- importers ----

  @Test
  @Rule({"PN5", "CL5", "CM13"})
  @Needs(Capability.HOST_PIECES)
  void pn5_importer_isToldBeforeContentIsStored_andFindsItAgain(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 4);
    try (Device device = Device.following(buffer)) {
      device.map();
      device.onMove(() -> device.assertStillSees(SIZE, 4));
      assertEquals(1, bench.under().evictAll());
      assertEquals(1, device.moves());
      assertFalse(device.isMapped());
      device.assertSees(SIZE, 4);
    }
  }

  @Test
  @Rule({"PN2", "CM6", "PN5"})
  @Needs(Capability.HOST_PIECES)
  void pn2_importerThatAddsAFenceWhenTold_keepsItsBytes(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 5);
    FenceContext ring = bench.device("ring");
    List<Fence> work = new ArrayList<>();
    try (Device device = Device.following(buffer)) {
      device.map();
      device.onMove(
          () -> {
            if (work.isEmpty()) {
              device.reservation().reserve(1);
              work.add(ring.newFence());
              device.reservation().add(work.getFirst(), FenceUsage.WRITE);
            }
          });
      assertEquals(0, bench.under().evictAll());
      assertEquals(Residency.RESIDENT, residency(buffer));
      ring.signal(work.getFirst());
      assertEquals(1, bench.under().evictAll());
      device.assertSees(SIZE, 5);
    }
  }

  // ---- which, and in what order ----

  @Test
  @Rule({"SH6", "CG8"})
  void sh6_leastRecentlyUsed_goesFirst_whateverTheUse(Bench bench) throws Exception {
    List<DmaBuf> buffers = written(bench, 4);
    buffers.get(0).hold().close();
    locked(buffers.get(2), buffers.get(2)::vmapLocked);
    Job.named("job").reads(buffers.get(1)).publish().run(access -> {});
    for (int next : new int[] {3, 0, 2, 1}) {
      assertEquals(Residency.RESIDENT, residency(buffers.get(next)));
      reclaim(bench, 1);
      assertEquals(Residency.EVICTED, residency(buffers.get(next)), "buffer " + next);
    }
    for (int i = 0; i < 4; i++) {
      Pattern.assertIn(buffers.get(i), i);
    }
  }

  @Test
  @Rule({"CG11", "SH2"})
  @Needs(Capability.PURGES)
  void cg11_whatIsNotNeeded_goesBeforeWhatIs(Bench bench) throws Exception {
    List<DmaBuf> buffers = written(bench, 3);
    assertTrue(advise(buffers.get(2), Advice.DONT_NEED)); // used last
    reclaim(bench, 1);
    assertEquals(Residency.PURGED, residency(buffers.get(2)));
    assertEquals(Residency.RESIDENT, residency(buffers.get(0)));
    reclaim(bench, 1);
    assertEquals(Residency.EVICTED, residency(buffers.get(0)));
    assertEquals(Residency.RESIDENT, residency(buffers.get(1)));
    Pattern.assertIn(buffers.get(0), 0);
  }

  @Test
  @Rule("CG11")
  void cg11_noWait_reclaimsNothing_andFailFast_evictsNothing(Bench bench) throws Exception {
    List<DmaBuf> buffers = written(bench, 2);
    Shrinker shrinker = bench.heap().shrinker();
    bench.heap().trim();
    assertEquals(0, shrinker.reclaim(Long.MAX_VALUE, AllocPolicy.NOWAIT));
    assertEquals(0, shrinker.reclaim(Long.MAX_VALUE, AllocPolicy.FAIL_FAST));
    assertEquals(0, shrinker.reclaim(0, AllocPolicy.NORMAL));
    assertThrows(IllegalArgumentException.class, () -> shrinker.reclaim(-1, AllocPolicy.NORMAL));
    for (DmaBuf buffer : buffers) {
      assertEquals(Residency.RESIDENT, residency(buffer));
    }
  }

  @Test
  @Rule({"CG11", "FN3"})
  void cg11_whatIsWorkedOn_isWaitedForLast_andOnlyIfThePolicySaysSo(Bench bench) throws Exception {
    List<DmaBuf> buffers = written(bench, 2);
    FenceContext ring = bench.device("ring");
    Fence work = Bench.publish(ring, buffers.get(0), FenceUsage.READ);
    reclaim(bench, 2 * SIZE);
    assertEquals(Residency.RESIDENT, residency(buffers.get(0)));
    assertEquals(Residency.EVICTED, residency(buffers.get(1)));
    Worker waiting =
        Worker.start(() -> bench.heap().shrinker().reclaim(Long.MAX_VALUE, AllocPolicy.NO_FAIL))
            .awaitBlocked();
    ring.signal(work);
    waiting.join();
    assertEquals(Residency.EVICTED, residency(buffers.get(0)));
    Pattern.assertIn(buffers.get(0), 0);
    Pattern.assertIn(buffers.get(1), 1);
  }

  @Test
  @Rule({"SH8", "AL9"})
  void sh8_allocationAtTheLimit_getsWhatOthersCanDoWithout_andNobodyLosesAByte(Bench bench)
      throws Exception {
    long size = 1 << 20;
    int count = Math.toIntExact(bench.heap().limitBytes() / size + 4);
    List<DmaBuf> buffers = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      byte value = (byte) i;
      DmaBuf buffer = bench.allocate(size);
      buffers.add(buffer);
      buffer.write(segment -> segment.fill(value));
      assertTrue(bench.heap().statistics().committedBytes() <= bench.heap().limitBytes());
    }
    assertTrue(bench.heap().shrinker().statistics().evictedBuffers() >= 4);
    for (int round = 0; round < 2; round++) {
      for (int i = 0; i < count; i++) {
        byte value = (byte) i;
        byte[] expected = new byte[(int) size];
        Arrays.fill(expected, value);
        MemorySegment wanted = MemorySegment.ofArray(expected);
        assertEquals(-1L, buffers.get(i).read(segment -> segment.mismatch(wanted)).longValue());
      }
    }
    assertTrue(bench.heap().statistics().committedBytes() <= bench.heap().limitBytes());
  }

  // ---- advice, figures, and the end ----

  @Test
  @Rule({"CG4", "CG12"})
  @Needs(Capability.PURGES)
  void cg4_adviceOnWhatIsStored_worksBothWays(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 6);
    assertEquals(1, bench.under().evictAll());
    assertTrue(advise(buffer, Advice.DONT_NEED));
    assertTrue(advise(buffer, Advice.WILL_NEED));
    assertEquals(0, bench.under().purgeAll());
    Pattern.assertIn(buffer, 6);
    assertEquals(1, bench.under().evictAll());
    assertTrue(advise(buffer, Advice.DONT_NEED));
    assertEquals(1, bench.under().purgeAll());
    assertEquals(Residency.PURGED, residency(buffer));
    assertFalse(advise(buffer, Advice.WILL_NEED));
    assertThrows(BufferPurgedException.class, buffer::hold);
    assertEquals(0, bench.heap().shrinker().statistics().evictedBuffers());
  }

  @Test
  @Rule({"PN3", "CG12"})
  void pn3_storedContentThatIsNotNeeded_isNotPinned(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 7);
    assertEquals(1, bench.under().evictAll());
    assertTrue(advise(buffer, Advice.DONT_NEED));
    locked(
        buffer,
        () -> {
          assertThrows(IllegalStateException.class, () -> buffer.pin(Pin.Term.SHORT));
          assertTrue(buffer.advise(Advice.WILL_NEED));
          Pin pin = buffer.pin(Pin.Term.SHORT);
          assertThrows(IllegalStateException.class, () -> buffer.advise(Advice.DONT_NEED));
          pin.close();
        });
    Pattern.assertIn(buffer, 7);
  }

  @Test
  @Rule({"CG7", "SH1"})
  void cg7_whatIsStored_isCounted_untilItIsBackOrGone(Bench bench) throws Exception {
    List<DmaBuf> buffers = written(bench, 3);
    Shrinker shrinker = bench.heap().shrinker();
    assertEquals(3, bench.under().evictAll());
    ReclaimStatistics all = shrinker.statistics();
    assertEquals(3, all.evictedBuffers());
    assertEquals(3 * SIZE, all.evictedBytes());
    assertEquals(3, all.evictions());
    buffers.get(0).hold().close();
    assertEquals(2, shrinker.statistics().evictedBuffers());
    assertEquals(1, shrinker.statistics().refaults());
    buffers.get(1).close();
    assertEquals(1, shrinker.statistics().evictedBuffers());
    assertEquals(SIZE, shrinker.statistics().evictedBytes());
    buffers.get(2).close();
    assertEquals(0, shrinker.statistics().evictedBuffers());
    assertEquals(0, shrinker.statistics().storedBytes());
  }

  @Test
  @Rule({"CB5", "SH2"})
  void cb5_nextOwner_neverMeetsWhatWasStored(Bench bench) throws Exception {
    for (int i = 0; i < 6; i++) {
      DmaBuf buffer = bench.allocate();
      assertEquals(Residency.RESIDENT, residency(buffer));
      boolean _ =
          buffer.read(
              segment -> {
                assertEquals(0, segment.get(ValueLayout.JAVA_BYTE, SIZE - 1));
                return true;
              });
      Pattern.write(buffer, i);
      assertEquals(1, bench.under().evictAll());
      if (i % 2 == 0) {
        buffer.hold().close();
      }
      buffer.close();
      assertEquals(0, bench.heap().statistics().liveBuffers());
    }
  }

  @Test
  @Rule("FN4")
  @ReportsOnPurpose
  void fn4_touchingWhatIsStored_beforeAFenceCanSignal_isReported(Bench bench) throws Exception {
    if (!Lockdep.isEnabled()) {
      return;
    }
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 8);
    assertEquals(1, bench.under().evictAll());
    FenceContext ring = bench.device("ring");
    Fence fence = ring.newFence();
    locked(
        buffer,
        () -> {
          try (Signalling section = Signalling.begin(fence)) {
            assertThrows(LockdepException.class, buffer::vmapLocked, section::toString);
          }
        });
    ring.signal(fence);
    assertEquals(Residency.EVICTED, residency(buffer));
    Pattern.assertIn(buffer, 8);
  }
}

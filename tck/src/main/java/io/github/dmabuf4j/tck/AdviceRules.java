package io.github.dmabuf4j.tck;

import static io.github.dmabuf4j.tck.Bench.locked;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Advice;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.BufferPurgedException;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Job;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.tck.exporters.Callback;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/**
 * What an owner says about the need for content, and what becomes of it: rules CG3 to CG6, design
 * rule SH2, and row M7 of the kernel's test of shmem objects.
 */
public abstract class AdviceRules extends Rules {
  /** For subclasses. */
  protected AdviceRules() {}

  private static boolean advise(DmaBuf buffer, Advice advice) {
    buffer.reservation().lock();
    try {
      return buffer.advise(advice);
    } finally {
      buffer.reservation().unlock();
    }
  }

  @Test
  @Rule({"CG4", "CL1"})
  void cg4_advice_needsTheReservation(Bench bench) {
    DmaBuf buffer = bench.allocate();
    assertThrows(IllegalStateException.class, () -> buffer.advise(Advice.DONT_NEED));
    assertTrue(advise(buffer, Advice.DONT_NEED));
    assertTrue(advise(buffer, Advice.WILL_NEED));
  }

  @Test
  @Rule("CG4")
  void cg4_adviceAlone_changesNoByte(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 1);
    assertTrue(advise(buffer, Advice.DONT_NEED), "still there");
    Pattern.assertIn(buffer, 1);
    assertTrue(advise(buffer, Advice.WILL_NEED), "still there");
    Pattern.assertIn(buffer, 1);
  }

  @Test
  @Rule({"CG4", "SH4"})
  @Needs(Capability.PURGES)
  void m7_onceDropped_contentIsGoneForGood(Bench bench) {
    DmaBuf buffer = bench.allocate();
    assertTrue(advise(buffer, Advice.WILL_NEED), "state 0");
    assertTrue(advise(buffer, Advice.DONT_NEED), "state 1");
    assertEquals(1, bench.under().purgeAll());
    assertEquals(BufferObject.Residency.PURGED, buffer.info().residency(), "state -1");
    assertFalse(advise(buffer, Advice.WILL_NEED));
    assertFalse(advise(buffer, Advice.DONT_NEED));
    assertEquals(BufferObject.Residency.PURGED, buffer.info().residency(), "sticky");
    assertEquals(0, bench.under().purgeAll(), "once");
  }

  @Test
  @Rule({"CG3", "CG5"})
  @Needs({Capability.PURGES, Capability.HOST_PIECES})
  void m8_purge_takesWhatWasOffered_andItsMappings(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    assertEquals(0, bench.under().purgeAll(), "a new object isn't purgeable");
    try (Device device = Device.following(buffer)) {
      device.map();
      assertEquals(0, bench.under().purgeAll(), "nor one with a table");
      assertTrue(advise(buffer, Advice.DONT_NEED));
      assertEquals(1, bench.under().purgeAll());
      assertFalse(device.isMapped(), "the table is gone");
    }
    assertEquals(BufferObject.Residency.PURGED, buffer.info().residency(), "state -1");
  }

  @Test
  @Rule({"CG6", "SH2"})
  @Needs(Capability.PURGES)
  void cg6_everyUseOfDroppedContent_isAnExceptionAndLeavesNothing(Bench bench) {
    DmaBuf buffer = bench.allocate();
    advise(buffer, Advice.DONT_NEED);
    assertEquals(1, bench.under().purgeAll());
    assertPurged(buffer::hold);
    assertPurged(() -> buffer.read(segment -> 0));
    assertPurged(() -> buffer.write(segment -> {}));
    assertPurged(() -> buffer.beginCpuAccess(Access.READ));
    assertPurged(() -> Job.named("late").reads(buffer).publish());
    assertPurged(() -> locked(buffer, buffer::vmapLocked));
    assertPurged(() -> locked(buffer, () -> buffer.pin(Pin.Term.SHORT)));
    for (boolean dynamic : new boolean[] {true, false}) {
      try (Device device = dynamic ? Device.following(buffer) : Device.fixed(buffer)) {
        assertPurged(device::map);
      }
    }
    assertEquals(0, buffer.info().holds());
    assertEquals(0, buffer.info().pins());
    assertEquals(List.of(), buffer.info().fences());
    assertEquals(buffer.size(), buffer.info().size(), "the handle is as good as ever");
  }

  private static void assertPurged(Worker.Body use) {
    BufferPurgedException gone = assertThrows(BufferPurgedException.class, use::run);
    assertEquals(Optional.of(Errno.ENOMEM), gone.errno());
  }

  @Test
  @Rule({"CG5", "CM10"})
  @Needs({Capability.PURGES, Capability.OBSERVABLE})
  void cg5_dropping_firstUnmapsWhatIsMapped(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 2);
    try (Device device = Device.following(buffer)) {
      device.map();
      advise(buffer, Advice.DONT_NEED);
      int before = bench.recorder().callbacks().size();
      assertEquals(1, bench.under().purgeAll());
      List<Callback> calls = bench.recorder().callbacksAfter(before);
      assertEquals(Callback.EVICT, calls.getLast());
      assertTrue(
          calls.contains(Callback.UNMAP) && calls.contains(Callback.VUNMAP), calls::toString);
    }
  }

  @Test
  @Rule({"CG3", "SH2"})
  @Needs(Capability.PURGES)
  void cg3_nextOwnerOfDroppedMemory_hasABufferLikeAnyOther(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 3);
    advise(buffer, Advice.DONT_NEED);
    assertEquals(1, bench.under().purgeAll());
    buffer.close();
    for (int i = 0; i < 4; i++) {
      DmaBuf next = bench.allocate();
      Pattern.write(next, i);
      assertEquals(0, bench.under().purgeAll());
      Pattern.assertIn(next, i);
    }
  }
}

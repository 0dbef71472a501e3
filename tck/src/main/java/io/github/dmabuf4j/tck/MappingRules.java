package io.github.dmabuf4j.tck;

import static io.github.dmabuf4j.tck.Bench.SIZE;
import static io.github.dmabuf4j.tck.Bench.locked;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Advice;
import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.CpuAccess;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.Lockdep;
import io.github.dmabuf4j.tck.exporters.Callback;
import io.github.dmabuf4j.tck.exporters.Recorder;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/**
 * How the CPU comes to the bytes, and what becomes of those who use them too long: design rules VM1
 * to VM4, rules CV1 to CV3, and row M4 of the kernel's test of shmem objects.
 */
public abstract class MappingRules extends Rules {
  /** For subclasses. */
  protected MappingRules() {}

  // ---- VM1 ----

  @Test
  @Rule({"VM1", "CV1"})
  void vm1_allMappingsOfABuffer_showTheSameBytes(Bench bench) {
    DmaBuf buffer = bench.allocate();
    try (Hold first = buffer.hold();
        Hold second = buffer.hold(ArenaKind.SHARED);
        DmaBuf other = buffer.dup();
        Hold third = other.hold(ArenaKind.POOL)) {
      Pattern.put(first.segment(), 1);
      Pattern.assertIn(second.segment(), 1);
      Pattern.put(second.segment(), 2);
      Pattern.assertIn(third.segment(), 2);
      assertEquals(first.address(), second.address());
      assertEquals(first.address(), third.address());
      assertEquals(3, buffer.info().holds());
    }
    assertEquals(0, buffer.info().holds());
  }

  @Test
  @Rule({"VM1", "CV1", "CV2"})
  void vm1_pairsOfMappingAndUnmapping_keepTheAddress(Bench bench) {
    DmaBuf buffer = bench.allocate();
    long address;
    try (Hold hold = buffer.hold()) {
      address = hold.address();
    }
    for (int i = 0; i < 100; i++) {
      try (Hold hold = buffer.hold()) {
        assertEquals(address, hold.address(), "nothing moved it");
      }
    }
  }

  @Test
  @Rule({"VM1", "CV1"})
  @Needs(Capability.OBSERVABLE)
  void vm1_fromTheSecondMappingOn_theExporterIsNotAsked(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    buffer.hold().close();
    for (int i = 0; i < 10; i++) {
      buffer.hold().close();
      buffer.hold(ArenaKind.SHARED).close();
    }
    buffer.read(segment -> segment.get(ValueLayout.JAVA_BYTE, 0));
    buffer.close();
    assertEquals(
        List.of(
            Callback.VMAP,
            Callback.BEGIN_CPU_ACCESS,
            Callback.END_CPU_ACCESS, // a bracket asks for coherency, not for a mapping
            Callback.VUNMAP,
            Callback.RELEASE),
        bench.recorder().callbacks());
  }

  @Test
  @Rule({"VM1", "CV1"})
  @Needs({Capability.OBSERVABLE, Capability.MOVES})
  void vm1_afterAMove_theExporterIsAskedOnce(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 3);
    assertEquals(1, bench.recorder().count(Callback.VMAP));
    assertEquals(0, bench.recorder().count(Callback.VUNMAP));
    assertEquals(1, bench.under().moveAll());
    assertEquals(1, bench.recorder().count(Callback.VUNMAP), "the idle mapping is gone");
    Pattern.assertIn(buffer, 3);
    Pattern.assertIn(buffer, 3);
    assertEquals(2, bench.recorder().count(Callback.VMAP));
  }

  @Test
  @Rule({"VM1", "CB5", "CV2"})
  @Needs(Capability.OBSERVABLE)
  void vm1_vunmap_comesBeforeTheReleaseWithWhatWasMapped(Bench bench) {
    DmaBuf buffer = bench.allocate();
    Hold hold = buffer.hold();
    buffer.close();
    assertEquals(0, bench.recorder().count(Callback.VUNMAP), "somebody uses it");
    hold.close();
    assertEquals(
        List.of(Callback.VMAP, Callback.VUNMAP, Callback.RELEASE), bench.recorder().callbacks());
  }

  @Test
  @Rule({"VM1", "VM4"})
  @Needs(Capability.DROPS_MAPPINGS)
  void vm1_mappingGivenUp_staysForItsUsers(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 6);
    try (CpuAccess access = buffer.beginCpuAccess(Access.READ_WRITE);
        Hold hold = buffer.hold(ArenaKind.POOL)) {
      assertEquals(1, bench.under().dropIdleMappings());
      assertEquals(0, bench.under().dropIdleMappings(), "given up already");
      Pattern.assertIn(access.segment(), 6);
      Pattern.put(access.segment(), 7);
      try (Hold late = buffer.hold()) {
        assertEquals(hold.address(), late.address(), "the mapping that is there");
      }
      Pattern.assertIn(hold.segment(), 7);
    }
    Pattern.assertIn(buffer, 7);
  }

  @Test
  @Rule({"VM1", "CV1", "CV2"})
  @Needs({Capability.DROPS_MAPPINGS, Capability.OBSERVABLE})
  void vm1_mappingGivenUp_isUnmappedWithItsLastUser_once(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Hold first = buffer.hold();
    Hold second = buffer.hold(ArenaKind.SHARED);
    assertEquals(1, bench.under().dropIdleMappings());
    first.close();
    assertEquals(0, bench.recorder().count(Callback.VUNMAP), "one user is left");
    Worker.start(second::close).join(); // on any thread
    assertEquals(1, bench.recorder().count(Callback.VUNMAP));
    buffer.hold().close();
    assertEquals(2, bench.recorder().count(Callback.VMAP), "mapped anew");
    assertEquals(1, bench.under().dropIdleMappings());
    assertEquals(2, bench.recorder().count(Callback.VUNMAP), "nobody uses it");
    buffer.close();
    assertEquals(2, bench.recorder().count(Callback.VUNMAP));
  }

  @Test
  @Rule({"VM1", "VM4"})
  @Needs(Capability.DROPS_MAPPINGS)
  void vm1_cacheBesideUsers_neverTakesTheirBytes(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    CountDownLatch users = new CountDownLatch(2);
    Worker.Body user =
        () -> {
          try {
            for (int i = 0; i < 200; i++) {
              int seed = i;
              buffer.write(
                  segment -> {
                    Pattern.put(segment, seed);
                    Pattern.assertIn(segment, seed);
                  });
              buffer.hold(ArenaKind.SHARED).close();
            }
          } finally {
            users.countDown();
          }
        };
    Worker one = Worker.start(user);
    Worker two = Worker.start(user);
    while (users.getCount() > 0) {
      bench.under().dropIdleMappings();
    }
    one.join();
    two.join();
    Pattern.assertIn(buffer, 199);
    assertEquals(0, buffer.info().holds());
  }

  @Test
  @Rule({"VM1", "CG5", "SH2"})
  @Needs({Capability.DROPS_MAPPINGS, Capability.PURGES, Capability.OBSERVABLE})
  void vm1_vunmapThatIsUnderWay_isOverBeforeTheMemoryIsGivenUp(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    locked(buffer, () -> buffer.advise(Advice.DONT_NEED));
    Hold last = buffer.hold(ArenaKind.SHARED);
    assertEquals(1, bench.under().dropIdleMappings());
    CountDownLatch unmapping = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    boolean[] over = new boolean[1];
    boolean[] early = new boolean[1];
    bench
        .recorder()
        .intercept(
            call -> {
              if (call.callback() == Callback.VUNMAP) {
                unmapping.countDown();
                Worker.await(goOn);
                Object answer = call.proceed();
                over[0] = true;
                return answer;
              }
              early[0] |= call.callback() == Callback.EVICT && !over[0];
              return call.proceed();
            });
    Worker closer = Worker.start(last::close);
    Worker.await(unmapping);
    bench.under().purgeAll();
    goOn.countDown();
    closer.join();
    assertFalse(early[0], "the memory was given up while it was still being unmapped");
  }

  // ---- VM2 ----

  @Test
  @Rule("VM2")
  void vm2_hold_waitsForNoFence(Bench bench) {
    DmaBuf buffer = bench.allocate();
    FenceContext ring = bench.device("ring");
    Fence writer = Bench.publish(ring, buffer, FenceUsage.WRITE);
    try (Hold hold = buffer.hold()) {
      assertEquals(SIZE, hold.segment().byteSize());
      assertFalse(writer.isSignaled());
    }
    ring.signal(writer);
  }

  @Test
  @Rule({"VM2", "CA1"})
  void vm2_bracketThatStillWaits_holdsAlready(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    FenceContext ring = bench.device("ring");
    Fence writer = Bench.publish(ring, buffer, FenceUsage.WRITE);
    Worker reader = Worker.start(() -> buffer.beginCpuAccess(Access.READ).close()).awaitBlocked();
    assertEquals(1, buffer.info().holds(), "taken before it waits");
    assertTrue(buffer.reservation().tryLock(), "and it waits without the reservation");
    buffer.reservation().unlock();
    ring.signal(writer);
    reader.join();
    assertEquals(0, buffer.info().holds());
  }

  @Test
  @Rule({"VM2", "CL2"})
  void vm2_holdWithTheReservationHeld_isRefused(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    locked(buffer, () -> assertThrows(IllegalStateException.class, buffer::hold));
    assertEquals(0, buffer.info().holds());
    buffer.hold().close();
  }

  @Test
  @Rule({"VM2", "CB5"})
  void vm2_hold_keepsTheBufferAlive(Bench bench) {
    DmaBuf buffer = bench.allocate();
    Hold hold = buffer.hold();
    buffer.close();
    assertEquals(1, bench.heap().statistics().liveBuffers());
    Pattern.put(hold.segment(), 4);
    Pattern.assertIn(hold.segment(), 4);
    hold.close();
    assertEquals(0, bench.heap().statistics().liveBuffers());
  }

  // ---- VM3 ----

  @Test
  @Rule({"VM3", "CG1"})
  void vm3_mapping_countsNoPin(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (Hold hold = buffer.hold()) {
      assertEquals(0, buffer.info().pins());
      assertEquals(1, buffer.info().holds());
      assertEquals(SIZE, hold.segment().byteSize());
    }
    buffer.read(
        segment -> {
          assertEquals(0, buffer.info().pins());
          return true;
        });
  }

  @Test
  @Rule("VM3")
  @Needs(Capability.OBSERVABLE)
  void vm3_mapping_neverAsksTheExporterToPin(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    buffer.hold().close();
    Pattern.write(buffer, 5);
    assertEquals(0, bench.recorder().count(Callback.PIN));
  }

  @Test
  @Rule("VM3")
  @Needs(Capability.MOVES)
  void vm3_idleMapping_doesNotKeepTheBufferInPlace(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    for (int i = 0; i < 3; i++) {
      Pattern.write(buffer, i);
      assertEquals(1, bench.under().moveAll(), "mapped before, held by nobody");
      Pattern.assertIn(buffer, i);
    }
  }

  // ---- VM4 ----

  @Test
  @Rule("VM4")
  void vm4_segmentAfterItsHold_isDead(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    for (ArenaKind kind : List.of(ArenaKind.CONFINED, ArenaKind.SHARED)) {
      MemorySegment late;
      try (Hold hold = buffer.hold(kind)) {
        late = hold.segment();
        assertEquals(SIZE, late.byteSize());
      }
      assertDead(late);
    }
    MemorySegment[] late = new MemorySegment[1];
    buffer.write(segment -> late[0] = segment);
    assertDead(late[0]);
    CpuAccess access = buffer.beginCpuAccess(Access.WRITE);
    MemorySegment inside = access.segment();
    access.close();
    assertDead(inside);
  }

  private static void assertDead(MemorySegment segment) {
    assertThrows(
        IllegalStateException.class, () -> segment.get(ValueLayout.JAVA_BYTE, 0), "read late");
    assertThrows(
        IllegalStateException.class,
        () -> segment.set(ValueLayout.JAVA_BYTE, 0, (byte) 1),
        "written late");
  }

  @Test
  @Rule("VM4")
  void vm4_poolSegmentAfterItsHold_isDeadWhereTheValidatorLooks(Bench bench) {
    DmaBuf buffer = bench.allocate();
    MemorySegment late;
    try (Hold hold = buffer.hold(ArenaKind.POOL)) {
      late = hold.segment();
      late.fill((byte) 1);
    }
    if (Lockdep.isEnabled()) {
      assertDead(late);
    } else {
      assertEquals((byte) 1, late.get(ValueLayout.JAVA_BYTE, 0), "unnoticed, and no crash");
    }
  }

  @Test
  @Rule("VM4")
  void vm4_confinedSegment_isForItsThreadAlone(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (Hold confined = buffer.hold();
        Hold shared = buffer.hold(ArenaKind.SHARED)) {
      Worker.start(
              () -> {
                assertThrows(
                    WrongThreadException.class,
                    () -> confined.segment().get(ValueLayout.JAVA_BYTE, 0));
                assertThrows(WrongThreadException.class, confined::close);
                shared.segment().set(ValueLayout.JAVA_BYTE, 0, (byte) 7);
              })
          .join();
      assertEquals((byte) 7, confined.segment().get(ValueLayout.JAVA_BYTE, 0));
    }
  }

  @Test
  @Rule("VM4")
  void vm4_closingOneHold_leavesTheOthersAlive(Bench bench) {
    DmaBuf buffer = bench.allocate();
    try (Hold stays = buffer.hold()) {
      byte value = 0;
      for (ArenaKind kind : ArenaKind.values()) {
        value++;
        Hold goes = buffer.hold(kind);
        goes.segment().fill(value);
        goes.close();
        goes.close(); // again: nothing
        assertEquals(value, stays.segment().get(ValueLayout.JAVA_BYTE, SIZE - 1));
      }
      assertEquals(1, buffer.info().holds());
    }
  }

  // ---- CV ----

  @Test
  @Rule({"CV3", "CB3"})
  void cv3_segment_spansTheBufferAndNoMore(Bench bench) {
    for (long size : new long[] {1, 4095, 4096, 4097, SIZE, 65_537}) {
      DmaBuf buffer = bench.allocate(size);
      for (ArenaKind kind : ArenaKind.values()) {
        try (Hold hold = buffer.hold(kind)) {
          MemorySegment segment = hold.segment();
          assertEquals(size, segment.byteSize());
          segment.set(ValueLayout.JAVA_BYTE, size - 1, (byte) 9);
          assertThrows(
              IndexOutOfBoundsException.class,
              () -> segment.set(ValueLayout.JAVA_BYTE, size, (byte) 9));
          assertThrows(
              IndexOutOfBoundsException.class, () -> segment.get(ValueLayout.JAVA_BYTE, -1));
        }
      }
    }
  }

  @Test
  @Rule({"CV3", "CB11"})
  void cv3_readOnlyHandle_givesReadOnlySegments(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (DmaBuf reader = buffer.dupReadOnly()) {
      for (ArenaKind kind : ArenaKind.values()) {
        try (Hold hold = reader.hold(kind)) {
          assertTrue(hold.segment().isReadOnly());
          assertThrows(
              IllegalArgumentException.class,
              () -> hold.segment().set(ValueLayout.JAVA_BYTE, 0, (byte) 1));
        }
      }
      assertThrows(IllegalStateException.class, () -> reader.write(segment -> {}));
    }
    try (CpuAccess access = buffer.beginCpuAccess(Access.READ)) {
      assertTrue(access.segment().isReadOnly(), "who only reads can't write by mistake");
    }
  }

  @Test
  @Rule({"CV2", "VM1"})
  @Needs({Capability.OBSERVABLE, Capability.MOVES})
  void cv2_eachVunmap_getsWhatItsVmapReturned(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    for (int i = 0; i < 3; i++) {
      Pattern.write(buffer, i);
      assertEquals(1, bench.under().moveAll());
    }
    List<Recorder.Entry> undone =
        bench.recorder().entries().stream()
            .filter(entry -> entry.callback() == Callback.VUNMAP)
            .toList();
    assertEquals(3, undone.size());
    assertNotEquals(undone.get(0).argument(), undone.get(1).argument());
    assertNotEquals(undone.get(1).argument(), undone.get(2).argument());
  }

  // ---- the kernel's test ----

  @Test
  @Rule({"CV1", "CG1"})
  void m4_vmap_isCounted_andEveryByteIsThere(Bench bench) {
    DmaBuf buffer = bench.allocate(1 << 20);
    assertEquals(0, buffer.info().holds(), "before");
    Hold hold = buffer.hold();
    assertEquals(1, buffer.info().holds(), "mapped");
    MemorySegment segment = hold.segment();
    assertNotEquals(0, hold.address());
    assertSame(segment, hold.segment());
    segment.fill((byte) 0xae);
    for (long i = 0; i < segment.byteSize(); i++) {
      if (segment.get(ValueLayout.JAVA_BYTE, i) != (byte) 0xae) {
        assertEquals((byte) 0xae, segment.get(ValueLayout.JAVA_BYTE, i), "the byte at " + i);
      }
    }
    hold.close();
    assertEquals(0, buffer.info().holds(), "after");
    assertDead(segment);
  }
}

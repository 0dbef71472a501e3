package io.github.dmabuf4j.tck;

import static io.github.dmabuf4j.tck.Bench.SIZE;
import static io.github.dmabuf4j.tck.Bench.extent;
import static io.github.dmabuf4j.tck.Bench.locked;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Advice;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.tck.Bench.Extent;
import io.github.dmabuf4j.tck.exporters.Callback;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** From export to release: rules CB1 to CB5 and CB10 to CB12, design rules FN1 and FN6. */
public abstract class LifeRules extends Rules {
  /** For subclasses. */
  protected LifeRules() {}

  // ---- M1, CB1, CB2 ----

  @Test
  @Rule({"CB3", "CG1"})
  void m1_newBuffer_hasItsSizeAndContent_andNobodyUsesIt(Bench bench) {
    DmaBuf buffer = bench.allocate(1 << 20);
    assertEquals(1 << 20, buffer.size());
    assertEquals(BufferObject.Residency.RESIDENT, buffer.info().residency());
    assertEquals(0, buffer.info().holds());
    assertEquals(0, buffer.info().pins());
  }

  @Test
  @Rule("CB1")
  void cb1_exporter_hasItsMandatoryCallbacks_orDoesNotCompile(Bench bench) {
    Set<String> mandatory =
        Stream.of(Exporter.class.getMethods())
            .filter(method -> Modifier.isAbstract(method.getModifiers()))
            .map(Method::getName)
            .collect(Collectors.toSet());
    assertEquals(Set.of("name", "vmap", "map", "release"), mandatory);
    DmaBuf buffer = bench.allocate();
    assertFalse(buffer.name().isEmpty());
    assertEquals(bench.heap().name(), buffer.info().exporter());
  }

  @Test
  @Rule("CB2")
  void cb2_buffer_hasAReservationOfItsOwn_andItsHandlesShareIt(Bench bench) throws Exception {
    DmaBuf one = bench.allocate();
    DmaBuf two = bench.allocate();
    assertNotSame(one.reservation(), two.reservation());
    try (DmaBuf again = one.dup();
        DmaBuf reader = one.dupReadOnly()) {
      assertSame(one.reservation(), again.reservation());
      assertSame(one.reservation(), reader.reservation());
    }
  }

  @Test
  @Rule("CB2")
  void cb2_nextOwnerOfTheMemory_hasNothingOfTheLast(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    buffer.setName("the last owner's");
    Reservation old = buffer.reservation();
    locked(buffer, () -> buffer.advise(Advice.DONT_NEED));
    buffer.close();
    for (int i = 0; i < 4; i++) {
      DmaBuf next = bench.allocate();
      assertNotSame(old, next.reservation());
      assertFalse(next.name().equals("the last owner's"));
      assertTrue(next.info().fences().isEmpty());
      locked(next, () -> next.pin(Pin.Term.SHORT).close()); // nobody offered it
    }
    locked(old, () -> {}); // whoever kept the old one disturbs nobody
  }

  @Test
  @Rule({"CB2", "FN1"})
  @Needs(Capability.SHARED_RESERVATION)
  void cb2_sharedReservation_isOneForAll_andABusyNeighbourKeepsNobody(Bench bench)
      throws Exception {
    Reservation shared = new Reservation();
    DmaBuf one = bench.track(bench.under().allocate(SIZE, shared));
    DmaBuf two = bench.track(bench.under().allocate(SIZE, shared));
    assertSame(shared, one.reservation());
    assertSame(shared, two.reservation());
    FenceContext ring = bench.device("ring");
    Fence before = Bench.publish(ring, one, FenceUsage.WRITE);
    one.close();
    assertEquals(2, bench.heap().statistics().liveBuffers(), "in quarantine");
    Fence after = Bench.publish(ring, two, FenceUsage.WRITE);
    ring.signal(before);
    assertEquals(1, bench.heap().statistics().liveBuffers(), "what came later isn't its business");
    ring.signal(after);
  }

  // ---- CB3 ----

  @Test
  @Rule("CB3")
  void cb3_size_isWhatWasAskedForAndStays(Bench bench) throws Exception {
    for (long size : new long[] {1, 4095, 4096, 4097, SIZE, 1_000_003}) {
      DmaBuf buffer = bench.allocate(size);
      assertEquals(size, buffer.size());
      try (DmaBuf reader = buffer.dupReadOnly();
          Hold hold = reader.hold()) {
        assertEquals(size, reader.size());
        assertEquals(size, hold.segment().byteSize());
      }
      if (bench.has(Capability.MOVES)) {
        bench.under().moveAll();
      }
      assertEquals(size, buffer.size());
      assertEquals(size, buffer.info().size());
    }
    assertThrows(IllegalArgumentException.class, () -> bench.heap().allocate(0));
    assertThrows(IllegalArgumentException.class, () -> bench.heap().allocate(-1));
  }

  // ---- CB4 ----

  @Test
  @Rule("CB4")
  void cb4_buffer_livesUntilItsLastHandleIsClosed(Bench bench) {
    DmaBuf first = bench.allocate();
    DmaBuf second = first.dup();
    DmaBuf third = second.dupReadOnly();
    first.close();
    first.close(); // again: nothing
    third.close();
    assertEquals(1, bench.heap().statistics().liveBuffers());
    assertEquals(SIZE, second.size());
    second.close();
    assertEquals(0, bench.heap().statistics().liveBuffers());
    second.close();
    for (DmaBuf closed : List.of(first, second, third)) {
      assertTrue(closed.isClosed());
      assertThrows(IllegalStateException.class, closed::size);
      assertThrows(IllegalStateException.class, closed::hold);
      assertThrows(IllegalStateException.class, closed::dup);
    }
  }

  @Test
  @Rule("CB4")
  @Needs(Capability.OBSERVABLE)
  void cb4_release_comesOnceForEachBuffer(Bench bench) throws Exception {
    for (int round = 1; round <= 5; round++) {
      DmaBuf buffer = bench.allocate();
      List<DmaBuf> handles = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        handles.add(buffer.dup());
      }
      Worker.Body closing =
          () -> {
            handles.forEach(DmaBuf::close);
            buffer.close();
          };
      Worker one = Worker.start(closing);
      Worker two = Worker.start(closing);
      one.join();
      two.join();
      assertEquals(round, bench.recorder().count(Callback.RELEASE));
    }
  }

  @Test
  @Rule({"CB4", "PN2"})
  void cb4_memory_isNeverGivenToTwo(Bench bench) throws Exception {
    for (int round = 0; round < 3; round++) {
      List<DmaBuf> buffers = new ArrayList<>();
      List<Extent> extents = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        DmaBuf buffer = bench.allocate();
        Extent mine = extent(buffer);
        for (Extent other : extents) {
          assertFalse(mine.overlaps(other), "two live buffers have the same memory");
        }
        buffers.add(buffer);
        extents.add(mine);
        Pattern.write(buffer, i);
      }
      for (int i = 0; i < buffers.size(); i++) {
        Pattern.assertIn(buffers.get(i), i);
      }
      buffers.forEach(DmaBuf::close);
    }
    assertEquals(0, bench.heap().statistics().liveBuffers());
  }

  @Test
  @Rule("CB4")
  void cb4_staleHandle_neverTouchesTheNextOwner(Bench bench) throws Exception {
    DmaBuf stale = bench.allocate();
    stale.close();
    List<DmaBuf> next = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      DmaBuf buffer = bench.allocate();
      Pattern.write(buffer, i);
      next.add(buffer);
    }
    stale.close();
    assertThrows(IllegalStateException.class, () -> stale.write(segment -> segment.fill((byte) 0)));
    assertThrows(IllegalStateException.class, () -> stale.setName("late"));
    assertThrows(IllegalStateException.class, () -> stale.isSameBuffer(next.getFirst()));
    for (int i = 0; i < next.size(); i++) {
      Pattern.assertIn(next.get(i), i);
    }
    assertEquals(4, bench.heap().statistics().liveBuffers());
  }

  // ---- CB5 ----

  @Test
  @Rule({"CB5", "CV1"})
  @Needs(Capability.OBSERVABLE)
  void cb5_release_isTheLastOfAll(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 1);
    Device device = Device.fixed(buffer);
    device.map();
    Pin pin = pinOf(buffer);
    Reservation reservation = buffer.reservation();
    buffer.close();
    assertEquals(0, bench.recorder().count(Callback.RELEASE));
    device.close();
    assertEquals(0, bench.recorder().count(Callback.RELEASE));
    locked(reservation, pin::close);
    List<Callback> all = bench.recorder().callbacks();
    assertEquals(Callback.RELEASE, all.getLast());
    assertEquals(Callback.VUNMAP, all.get(all.size() - 2));
    assertEquals(all.indexOf(Callback.RELEASE), all.size() - 1, "once");
  }

  private static Pin pinOf(DmaBuf buffer) {
    Reservation reservation = buffer.reservation();
    reservation.lock();
    try {
      return buffer.pin(Pin.Term.SHORT);
    } finally {
      reservation.unlock();
    }
  }

  @Test
  @Rule({"CB5", "CB4"})
  @Needs(Capability.OBSERVABLE)
  void cb5_release_comesWithTheSignalThatEndsTheQuarantine(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    FenceContext ring = bench.device("ring");
    Fence work = Bench.publish(ring, buffer, FenceUsage.READ);
    buffer.close();
    assertEquals(0, bench.recorder().count(Callback.RELEASE));
    Worker signaler = Worker.start(() -> ring.signal(work));
    signaler.join();
    assertEquals(1, bench.recorder().count(Callback.RELEASE));
    assertSame(signaler.thread(), bench.recorder().entries().getLast().thread());
  }

  // ---- CB10 to CB12 ----

  @Test
  @Rule("CB10")
  void cb10_name_isSetAtAnyTime_whoeverHasTheReservation(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (Device device = Device.fixed(buffer);
        DmaBuf second = buffer.dup()) {
      device.map();
      locked(
          buffer,
          () ->
              Worker.start(() -> second.setName("a name of rather more than thirty-two bytes"))
                  .join());
      assertEquals("a name of rather more than thirty-two bytes", buffer.name());
      assertEquals(buffer.name(), buffer.info().name());
      buffer.setName("another");
      assertEquals("another", second.name());
    }
  }

  @Test
  @Rule("CB11")
  void cb11_readOnlyHandle_isReadOnlyFromTheStart(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (DmaBuf reader = buffer.dupReadOnly();
        DmaBuf again = reader.dup()) {
      for (DmaBuf handle : List.of(reader, again)) {
        assertTrue(handle.isReadOnly());
        assertThrows(IllegalStateException.class, () -> handle.write(segment -> {}));
        assertThrows(IllegalStateException.class, () -> handle.beginCpuAccess(Access.WRITE));
        assertThrows(IllegalStateException.class, () -> handle.setName("no"));
        locked(
            buffer,
            () -> assertThrows(IllegalStateException.class, () -> handle.advise(Advice.DONT_NEED)));
        handle.read(segment -> true);
      }
      assertFalse(buffer.isReadOnly());
    }
  }

  @Test
  @Rule("CB12")
  void cb12_handles_knowThatTheyAreOfOneBuffer(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    DmaBuf other = bench.allocate();
    try (DmaBuf again = buffer.dupReadOnly()) {
      assertTrue(buffer.isSameBuffer(again));
      assertFalse(buffer.isSameBuffer(other));
      Optional<Exporter> exporter = BufferObject.exporterOf(buffer, Exporter.class);
      assertTrue(exporter.isPresent());
      assertSame(
          exporter.orElseThrow(),
          BufferObject.exporterOf(again, Exporter.class).orElseThrow(),
          "the original, not a second one");
      assertNotSame(
          exporter.orElseThrow(), BufferObject.exporterOf(other, Exporter.class).orElseThrow());
      assertTrue(BufferObject.exporterOf(buffer, Foreign.class).isEmpty());
    }
  }

  /** An exporter of somebody else. */
  private abstract static class Foreign implements Exporter {}

  // ---- FN6 ----

  @Test
  @Rule("FN6")
  @Needs(without = Capability.SHAREABLE)
  void fn6_bufferWithoutAFile_isNotShared_andTheMessageSaysWhatWould(Bench bench) {
    DmaBuf buffer = bench.allocate();
    UnsupportedOperationException refusal =
        assertThrows(UnsupportedOperationException.class, buffer::exportFd);
    assertTrue(String.valueOf(refusal.getMessage()).contains("heap"));
    assertEquals(2, buffer.info().references(), "the handle's, and that of the report");
  }
}

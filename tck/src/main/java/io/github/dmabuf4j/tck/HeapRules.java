package io.github.dmabuf4j.tck;

import static io.github.dmabuf4j.tck.Bench.SIZE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapStatistics;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.Pin;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * What a heap promises about its buffers, whatever its policy: design rules AL7, AL9 and AL11, rule
 * CH3, and row H2 of the kernel's test of heaps.
 */
public abstract class HeapRules extends Rules {
  /** For subclasses. */
  protected HeapRules() {}

  private static void assertZero(DmaBuf buffer) throws InterruptedException {
    boolean _ =
        buffer.read(
            segment -> {
              MemorySegment zeros = MemorySegment.ofArray(new byte[Math.toIntExact(buffer.size())]);
              assertEquals(-1, segment.mismatch(zeros), "the first byte that isn't zero");
              return true;
            });
  }

  // ---- AL7 ----

  @Test
  @Rule({"AL7", "CH3"})
  void h2_everyFreshBuffer_isZero_howeverItsMemoryWasUsed(Bench bench) throws Exception {
    for (long size : new long[] {4096, SIZE, 100_000}) {
      for (int round = 0; round < 3; round++) {
        List<DmaBuf> buffers = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
          DmaBuf buffer = bench.allocate(size);
          assertZero(buffer);
          buffer.write(segment -> segment.fill((byte) 0xff));
          buffers.add(buffer);
        }
        buffers.forEach(DmaBuf::close);
      }
    }
  }

  @Test
  @Rule("AL7")
  @Needs(Capability.HOST_PIECES)
  void al7_freshBuffer_isZeroForDevicesToo(Bench bench) throws Exception {
    for (int round = 0; round < 4; round++) {
      DmaBuf buffer = bench.allocate();
      try (Device device = Device.following(buffer)) {
        for (MemorySegment piece : device.map().segments()) {
          for (long i = 0; i < piece.byteSize(); i++) {
            assertEquals(0, piece.get(ValueLayout.JAVA_BYTE, i));
          }
        }
        device.write(SIZE, 0x55); // dirty for the next one, behind the CPU's back
      }
      buffer.close();
    }
  }

  @Test
  @Rule({"AL7", "CH2"})
  void al7_uninitializedBuffer_isAsLargeAndAsGood(Bench bench) throws Exception {
    for (int round = 0; round < 4; round++) {
      DmaBuf buffer =
          bench.track(bench.heap().allocate(AllocationRequest.of(SIZE).uninitialized().build()));
      assertEquals(SIZE, buffer.size());
      Pattern.write(buffer, round);
      Pattern.assertIn(buffer, round);
      buffer.close();
    }
  }

  @Test
  @Rule("AL7")
  void al7_alignment_isWhatWasAskedFor(Bench bench) throws Exception {
    for (long alignment : new long[] {1, 64, 256, 4096}) {
      DmaBuf buffer =
          bench.track(
              bench.heap().allocate(AllocationRequest.of(SIZE).alignment(alignment).build()));
      try (Hold hold = buffer.hold()) {
        assertEquals(0, hold.address() % alignment, "aligned to " + alignment);
      }
    }
  }

  // ---- AL9 ----

  @Test
  @Rule("AL9")
  void al9_limit_countsWhatIsLiveAndInQuarantine_andIsNeverExceeded(Bench bench) throws Exception {
    Heap heap = bench.heap();
    long size = 1 << 20;
    FenceContext ring = bench.device("ring");
    List<Fence> work = new ArrayList<>();
    List<DmaBuf> buffers = new ArrayList<>();
    @Nullable OutOfBuffersException full = null;
    while (full == null && buffers.size() * size <= heap.limitBytes()) {
      try {
        DmaBuf buffer = bench.allocate(size);
        buffers.add(buffer);
        work.add(Bench.publish(ring, buffer, FenceUsage.READ));
        buffer.close(); // its memory is no freer for that
      } catch (OutOfBuffersException e) {
        full = e;
      }
      assertTrue(heap.statistics().committedBytes() <= heap.limitBytes());
    }
    assertFalse(buffers.isEmpty());
    assertEquals(
        size, Objects.requireNonNull(full, "gave out more than its limit").requestedBytes());
    work.forEach(ring::signal);
    bench.allocate(size).close(); // there is room again
    assertThrows(
        OutOfBuffersException.class, () -> heap.allocate(Math.addExact(heap.limitBytes(), 1)));
  }

  @Test
  @Rule({"AL9", "FN1"})
  @Needs(Capability.FREED_BY_ANY_THREAD)
  void al9_memory_isFreeAgain_whicheverThreadLetsGoLast(Bench bench) throws Exception {
    Heap heap = bench.heap();
    long before = heap.statistics().committedBytes();
    List<DmaBuf> buffers = new CopyOnWriteArrayList<>();
    Worker.start(() -> buffers.add(bench.allocate())).join(); // that thread has ended
    buffers.add(bench.allocate());
    FenceContext ring = bench.device("ring");
    Fence work = Bench.publish(ring, buffers.getLast(), FenceUsage.READ);
    buffers.forEach(DmaBuf::close);
    Worker.start(() -> ring.signal(work)).join();
    Worker.start(() -> heap.trim()).join();
    assertEquals(before, heap.statistics().committedBytes());
  }

  @Test
  @Rule({"PN4", "AL9"})
  void pn4_pinnedBytes_areCounted_andNeverBeyondTheirLimit(Bench bench) throws Exception {
    Heap heap = bench.heap();
    long size = 1 << 20;
    List<DmaBuf> buffers = new ArrayList<>();
    List<Pin> pins = new ArrayList<>();
    boolean refused = false;
    while (!refused && pins.size() < 3) {
      DmaBuf buffer = bench.allocate(size);
      buffers.add(buffer);
      refused = !pinned(buffer, pins);
      HeapStatistics now = heap.statistics();
      assertTrue(now.pinnedBytes() >= pins.size() * size, () -> "counted in " + now);
      assertTrue(now.pinnedBytes() <= now.pinnedLimitBytes(), () -> "limited in " + now);
      assertTrue(now.pinnedBytes() <= now.committedBytes(), () -> "a part of all in " + now);
    }
    for (int i = 0; i < pins.size(); i++) {
      Bench.locked(buffers.get(i), pins.get(i)::close);
    }
    assertEquals(0, heap.statistics().pinnedBytes());
  }

  /** Pins a buffer unless the limit is reached. */
  private static boolean pinned(DmaBuf buffer, List<Pin> pins) throws Exception {
    buffer.reservation().lock();
    try {
      pins.add(buffer.pin(Pin.Term.LONG));
      return true;
    } catch (DmaBufException refusal) {
      assertEquals(Optional.of(Errno.ENOMEM), refusal.errno());
      assertEquals(0, buffer.info().pins());
      return false;
    } finally {
      buffer.reservation().unlock();
    }
  }

  // ---- AL11 ----

  @Test
  @Rule("AL11")
  void al11_close_refusesWhileABufferLives_andNamesIt(Bench bench) {
    DmaBuf buffer = bench.allocate();
    buffer.setName("the one that lives");
    IllegalStateException refusal = assertThrows(IllegalStateException.class, bench.heap()::close);
    assertTrue(String.valueOf(refusal.getMessage()).contains("the one that lives"));
    assertFalse(bench.heap().isClosed());
    bench.allocate().close(); // as if nothing had happened
    buffer.close();
    bench.heap().close();
    assertTrue(bench.heap().isClosed());
    bench.heap().close(); // again: nothing
  }

  @Test
  @Rule({"AL11", "FN1"})
  void al11_close_refusesWhileABufferIsInQuarantine(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    FenceContext ring = bench.device("ring");
    Fence work = Bench.publish(ring, buffer, FenceUsage.READ);
    buffer.close();
    assertThrows(IllegalStateException.class, bench.heap()::close);
    ring.signal(work);
    bench.heap().close();
  }

  @Test
  @Rule("AL11")
  void al11_closedHeap_allocatesNothing_andItsFiguresCanBeRead(Bench bench) {
    Heap heap = bench.heap();
    bench.allocate().close();
    heap.close();
    AllocationRequest request = AllocationRequest.of(SIZE).build();
    assertThrows(IllegalStateException.class, () -> heap.allocate(SIZE));
    assertThrows(IllegalStateException.class, () -> heap.allocate(request));
    assertThrows(IllegalStateException.class, () -> heap.allocateUninterruptibly(request));
    assertThrows(IllegalStateException.class, () -> heap.allocateBulk(request, 2));
    assertTrue(heap.allocateAsync(request).handle((buffer, error) -> error != null).join());
    assertEquals(0, heap.statistics().liveBuffers());
    assertEquals(0, heap.statistics().committedBytes());
    assertEquals(List.of(), heap.info().buffers());
    assertEquals(0, heap.trim());
  }

  @Test
  @Rule("AL11")
  void al11_drain_letsTheLiveOnesLive_andTheLastOneEndsTheHeap(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    assertFalse(bench.heap().drain(Duration.ZERO));
    assertThrows(IllegalStateException.class, () -> bench.heap().allocate(SIZE));
    Pattern.write(buffer, 1);
    Pattern.assertIn(buffer, 1);
    Worker drainer = Worker.start(() -> assertTrue(bench.heap().drain(Worker.limit())));
    buffer.close();
    drainer.join();
    assertEquals(0, bench.heap().statistics().committedBytes());
  }

  @Test
  @Rule({"AL11", "AL9"})
  void al11_trim_leavesLiveBuffersAlone(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 2);
    bench.allocate().close();
    bench.heap().trim();
    Pattern.assertIn(buffer, 2);
    bench.allocate().close();
    assertEquals(1, bench.heap().statistics().liveBuffers());
  }
}

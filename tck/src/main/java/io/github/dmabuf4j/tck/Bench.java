package io.github.dmabuf4j.tck;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapStatistics;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.Lockdep;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.tck.exporters.Callback;
import io.github.dmabuf4j.tck.exporters.Recorder;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.UnaryOperator;

/**
 * What a test works with: an open heap, the buffers and fence contexts that it made, and the record
 * of the exporters' callbacks where they can be seen. At the end it closes those handles, and then
 * nothing may be left.
 *
 * <p><b>Threads.</b> Any thread of the test.
 */
final class Bench {
  /** The size of buffers where it doesn't matter: several pages, and no power of two. */
  static final long SIZE = 5 * 4096;

  /** What a test does under a lock. */
  @FunctionalInterface
  interface Body {
    void run() throws Exception;
  }

  private final HeapUnderTest under;
  private final Capabilities row;
  private final Recorder recorder;
  private final boolean reportsOnPurpose;
  private final long reportsBefore = Lockdep.reports();
  private final List<DmaBuf> handles = new CopyOnWriteArrayList<>();
  private final List<FenceContext> contexts = new CopyOnWriteArrayList<>();

  private Bench(HeapUnderTest under, Capabilities row, Recorder recorder, boolean reports) {
    this.under = under;
    this.row = row;
    this.recorder = recorder;
    this.reportsOnPurpose = reports;
  }

  static Bench open(Subject subject, boolean reportsOnPurpose) {
    Capabilities row = subject.capabilities();
    Recorder recorder = new Recorder();
    try {
      HeapUnderTest under =
          subject.open(row.has(Capability.OBSERVABLE) ? recorder : UnaryOperator.identity());
      return new Bench(under, row, recorder, reportsOnPurpose);
    } catch (Exception e) {
      throw new AssertionError("no heap for the test could be opened", e);
    }
  }

  HeapUnderTest under() {
    return under;
  }

  Heap heap() {
    return under.heap();
  }

  boolean has(Capability capability) {
    return row.has(capability);
  }

  /** The callbacks of the heap's exporters, for tests that need OBSERVABLE. */
  Recorder recorder() {
    return recorder;
  }

  // ---- buffers ----

  DmaBuf allocate() {
    return allocate(SIZE);
  }

  DmaBuf allocate(long size) {
    return track(heap().allocate(size));
  }

  /** Closes the handle at the end of the test, and sees whether its reservation is held. */
  DmaBuf track(DmaBuf buffer) {
    handles.add(buffer);
    recorder.watch(buffer.reservation());
    return buffer;
  }

  static void locked(DmaBuf buffer, Body body) throws Exception {
    locked(buffer.reservation(), body);
  }

  static void locked(Reservation reservation, Body body) throws Exception {
    reservation.lock();
    try {
      body.run();
    } finally {
      reservation.unlock();
    }
  }

  // ---- fences ----

  /**
   * Somebody who works on buffers and says so with fences. Who waits for one that never comes gives
   * up before the test does.
   */
  FenceContext device(String name) {
    FenceContext context = FenceContext.builder(name).foreign(Worker.limit().dividedBy(2)).build();
    contexts.add(context);
    return context;
  }

  static Fence publish(FenceContext context, DmaBuf buffer, FenceUsage usage) {
    Reservation reservation = buffer.reservation();
    reservation.lock();
    try {
      reservation.reserve(1);
      Fence fence = context.newFence();
      reservation.add(fence, usage);
      return fence;
    } finally {
      reservation.unlock();
    }
  }

  // ---- where bytes are ----

  /** Which memory a buffer has, as the CPU sees it. */
  record Extent(long address, long size) {
    boolean overlaps(Extent other) {
      return address < other.address + other.size && other.address < address + size;
    }
  }

  static Extent extent(DmaBuf buffer) {
    try (Hold hold = buffer.hold()) {
      return new Extent(hold.address(), hold.segment().byteSize());
    }
  }

  // ---- the end ----

  /** Closes what the test made, and looks whether anything else is left. */
  void finish() {
    for (FenceContext context : contexts) {
      assertEquals(0, context.pending(), () -> "fences left pending on " + context);
    }
    handles.forEach(DmaBuf::close);
    contexts.forEach(FenceContext::close);
    Heap heap = heap();
    if (!heap.isClosed() || heap.statistics().liveBuffers() != 0) {
      assertNothingLive(heap);
      heap.close();
    }
    assertTrue(heap.isClosed(), "the heap is closed after close()");
    HeapStatistics after = heap.statistics();
    assertEquals(0, after.committedBytes(), () -> "closed, but committed: " + after);
    assertEquals(0, after.liveBuffers(), () -> "closed, but live: " + after);
    assertEquals(0, after.pinnedBytes(), () -> "closed, but pinned: " + after);
    if (row.has(Capability.OBSERVABLE)) {
      assertBalanced();
    }
    if (!reportsOnPurpose) {
      assertEquals(reportsBefore, Lockdep.reports(), "the validator reported something");
    }
  }

  private static void assertNothingLive(Heap heap) {
    if (heap.statistics().liveBuffers() != 0 || !heap.info().buffers().isEmpty()) {
      fail("left behind by the test: %s, %s".formatted(heap.statistics(), heap.info()));
    }
  }

  private void assertBalanced() {
    assertPair(Callback.ATTACH, Callback.DETACH);
    assertPair(Callback.MAP, Callback.UNMAP);
    assertPair(Callback.VMAP, Callback.VUNMAP);
    assertPair(Callback.BEGIN_CPU_ACCESS, Callback.END_CPU_ACCESS);
    assertPair(Callback.PIN, Callback.UNPIN);
  }

  private void assertPair(Callback done, Callback undone) {
    assertEquals(
        recorder.count(done) - recorder.failed(done),
        recorder.count(undone),
        () -> "%s without %s: %s".formatted(done, undone, recorder));
  }

  /** The test has failed: lets go of what it can. */
  void abandon(Throwable failure) {
    try {
      recorder.letThrough();
      contexts.forEach(FenceContext::close);
      handles.forEach(DmaBuf::close);
      heap().close();
    } catch (RuntimeException | Error e) {
      failure.addSuppressed(e);
    }
  }
}

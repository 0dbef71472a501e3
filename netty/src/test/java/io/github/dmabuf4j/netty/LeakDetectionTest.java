package io.github.dmabuf4j.netty;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.netty.util.ResourceLeakDetector;
import io.netty.util.ResourceLeakDetector.Level;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Netty's leak detector sees our ByteBufs: a forgotten one is reported, with who made it. */
class LeakDetectionTest {
  /** Their memory is lost on purpose; they aren't, for that would be reported, too. */
  private static final List<Heap> LEAKY = new ArrayList<>();

  private final Level before = ResourceLeakDetector.getLevel();
  private Logged reports;

  @BeforeEach
  void listen() {
    ResourceLeakDetector.setLevel(Level.PARANOID);
    reports = new Logged(ResourceLeakDetector.class);
  }

  @AfterEach
  void stopListening() {
    ResourceLeakDetector.setLevel(before);
    reports.close();
  }

  private static Heap leaky() {
    Heap heap = Heaps.open("offheap:system?limit=1MiB");
    LEAKY.add(heap);
    return heap;
  }

  @Test
  void forgottenAllocation_isReported_andItsMemoryStaysTaken() {
    Heap heap = leaky();
    DmaByteBufAllocator allocator = DmaByteBufAllocator.of(heap);
    forget(allocator);
    awaitReport(allocator, "forget");
    assertThat(heap.statistics().liveBuffers()).isEqualTo(1);
    assertThat(heap.info().toString()).contains("ByteBuf");
  }

  private static void forget(DmaByteBufAllocator allocator) {
    allocator.directBuffer(100).writeInt(1);
  }

  @Test
  void forgottenView_isReported_andHoldsItsBuffer() {
    Heap heap = leaky();
    DmaBuf buffer = heap.allocate(100);
    forgetView(buffer);
    awaitReport(DmaByteBufAllocator.of(heap), "forgetView");
    assertThat(buffer.info().holds()).isEqualTo(1);
    buffer.close();
    assertThat(heap.statistics().liveBuffers()).isEqualTo(1);
  }

  private static void forgetView(DmaBuf buffer) {
    DmaByteBufs.view(buffer).setByte(0, 1);
  }

  @Test
  void released_isNotReported() {
    try (Heap heap = Heaps.open("offheap:system?limit=1MiB")) {
      DmaByteBufAllocator allocator = DmaByteBufAllocator.of(heap);
      releaseAll(allocator);
      forget(DmaByteBufAllocator.of(leaky()));
      awaitReport(allocator, "forget");
      assertThat(reports.messages()).noneMatch(report -> report.contains("releaseAll"));
    }
  }

  private static void releaseAll(DmaByteBufAllocator allocator) {
    allocator.directBuffer(100).release();
    try (DmaBuf buffer = allocator.heap().allocate(10)) {
      DmaByteBufs.view(buffer).release();
    }
    allocator.compositeBuffer().addComponent(allocator.directBuffer(10)).release();
  }

  /** Netty looks for leaks whenever it tracks another buffer. */
  private void awaitReport(DmaByteBufAllocator allocator, String maker) {
    Await.until(
        "a leak made in " + maker + " is reported",
        () -> {
          System.gc();
          allocator.directBuffer(1).release();
          return reports.messages().stream()
              .anyMatch(report -> report.contains("LeakDetectionTest." + maker + "("));
        });
  }
}

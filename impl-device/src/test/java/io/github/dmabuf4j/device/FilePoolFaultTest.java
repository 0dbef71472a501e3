package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.HeapStatistics;
import io.github.dmabuf4j.HeapUri;
import io.github.dmabuf4j.Shrinkable;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.spi.Exporter;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whatever fails, and wherever: nothing is lost, and nobody is left waiting. */
@EnabledOnOs(OS.LINUX)
@Isolated // counts the descriptors of the process
@Timeout(120)
final class FilePoolFaultTest {
  private static final long PAGE = 4096;
  private static final long LIMIT = 16 * PAGE;

  private final FaultyFiles files = new FaultyFiles();
  private long descriptorsBefore;

  /** What can be thrown. */
  enum Fault {
    NO_JAVA_HEAP,
    EXCEPTION,
    REFUSAL;

    Throwable thrown() {
      return switch (this) {
        case NO_JAVA_HEAP -> new OutOfMemoryError("thrown on purpose");
        case EXCEPTION -> new IllegalStateException("thrown on purpose");
        case REFUSAL -> new SyscallFailure("a call", "a test", 12).exception("none");
      };
    }
  }

  @BeforeEach
  void countDescriptors() throws IOException {
    descriptorsBefore = OpenDescriptors.to("/memfd:dmabuf4j");
  }

  @AfterEach
  void noDescriptorIsLeft() throws IOException {
    assertThat(OpenDescriptors.to("/memfd:dmabuf4j")).isEqualTo(descriptorsBefore);
  }

  private DeviceHeap open(String options) {
    HeapUri uri = HeapUri.parse("memfd:system?" + options);
    DeviceHeap heap = DeviceHeap.open(files, DeviceOptions.of(uri, PAGE));
    heap.pool.around =
        exporter -> {
          files.step();
          return exporter;
        };
    return heap;
  }

  /** Something that others ask for memory, and that may fail then. */
  private final class Asked implements Shrinkable {
    @Override
    public long count() {
      files.step();
      return PAGE;
    }

    @Override
    public long scan(long bytes) {
      files.step();
      return 0;
    }
  }

  /** One of each kind of step; each may fail, and the others are tried all the same. */
  private void work(DeviceHeap heap) {
    List<DmaBuf> buffers = new ArrayList<>();
    attempt(() -> buffers.add(heap.allocate(2 * PAGE)));
    attempt(() -> buffers.add(heap.allocate(3 * PAGE)));
    buffers.forEach(DmaBuf::close);
    buffers.clear();
    attempt(() -> buffers.add(heap.allocate(3 * PAGE))); // an idle one
    AllocationRequest four =
        AllocationRequest.of(2 * PAGE).policy(AllocPolicy.NO_FAIL).uninitialized().build();
    attempt(() -> buffers.addAll(heap.allocateBulk(four, 4)));
    attempt(() -> buffers.add(heap.allocateAsync(four).get(60, TimeUnit.SECONDS)));
    AllocationRequest rest = AllocationRequest.of(PAGE).policy(AllocPolicy.FAIL_FAST).build();
    attempt(() -> buffers.addAll(heap.allocateBulk(rest, 100)));
    attempt(() -> buffers.add(heap.allocate(PAGE))); // asks others, in vain or not
    buffers.forEach(DmaBuf::close);
    attempt(heap::trim);
  }

  /** Something that may fail. */
  private interface Attempt {
    void run() throws Exception;
  }

  private static void attempt(Attempt attempt) {
    try {
      attempt.run();
    } catch (Throwable expected) {
      // Looked at is what is left behind, not what is said.
    }
  }

  @ParameterizedTest
  @EnumSource
  void al8_fault_atAnyStep_losesNoFile_andLeavesNobodyWaiting(Fault fault) {
    files.fault = fault::thrown;
    int steps = 0;
    boolean reached = true;
    while (reached) {
      steps++;
      DeviceHeap heap = open("limit=64KiB");
      var _ = heap.shrinker().register(new Asked());
      files.faultyCall.set(steps);
      work(heap);
      reached = files.faultyCall.get() <= 0;
      files.faultyCall.set(0);
      checkNothingIsLost(heap, "%s at step %d".formatted(fault, steps));
      heap.close();
      assertThat(heap.statistics().committedBytes()).isZero();
    }
    assertThat(steps).as("steps that can fail").isGreaterThan(15);
  }

  /** All of the limit can be had, and goes back. */
  private static void checkNothingIsLost(DeviceHeap heap, String when) {
    long _ = heap.trim();
    HeapStatistics now = heap.statistics();
    assertThat(now.committedBytes()).as("committed after %s", when).isZero();
    assertThat(now.liveBytes()).as("live after %s", when).isZero();
    assertThat(now.liveBuffers()).as("buffers after %s", when).isZero();
    assertThat(heap.pool.account.isUnused()).as("nothing being made after %s", when).isTrue();
    assertThat(heap.pool.account.closing()).as("being closed after %s", when).isZero();
    heap.allocate(LIMIT).close();
  }

  @ParameterizedTest
  @EnumSource
  void al11_fault_whenTheSourceIsClosed_leavesNobodyWaiting(Fault fault) throws Exception {
    files.fault = fault::thrown;
    DeviceHeap closed = open("limit=64KiB");
    closed.allocate(PAGE).close();
    files.faultyCall.set(1);
    closed.close();
    assertThat(closed.pool.hasClosed()).isTrue();
    DeviceHeap drained = open("limit=64KiB");
    DmaBuf last = drained.allocate(PAGE);
    drained.pool.beginDraining();
    files.faultyCall.set(1);
    last.close(); // whoever does this isn't told: it is nothing of theirs
    assertThat(drained.drain(Duration.ZERO)).isTrue();
    assertThat(files.closed.get()).isEqualTo(2);
  }

  @Test
  void waiters_areServed_whenTheOneBeforeThemFails() throws Exception {
    try (DeviceHeap heap = open("limit=64KiB")) {
      files.fault = Fault.NO_JAVA_HEAP::thrown;
      DmaBuf all = heap.allocate(LIMIT);
      AllocationRequest half = AllocationRequest.of(LIMIT / 2).policy(AllocPolicy.NO_FAIL).build();
      CompletableFuture<DmaBuf> first = heap.allocateAsync(half);
      CompletableFuture<DmaBuf> second = heap.allocateAsync(half);
      CompletableFuture<DmaBuf> third = heap.allocateAsync(half);
      files.faultyCall.set(1);
      all.close();
      int served = 0;
      for (CompletableFuture<DmaBuf> each : List.of(first, second, third)) {
        DmaBuf buffer = each.handle((got, failed) -> got).get(60, TimeUnit.SECONDS);
        if (buffer != null) {
          served++;
          buffer.close();
        }
      }
      assertThat(served).isEqualTo(2);
    }
  }

  @Test
  void secondRelease_isRefused_andChangesNothing() {
    try (DeviceHeap heap = open("limit=64KiB")) {
      DmaBuf buffer = heap.allocate(PAGE);
      DeviceBuffer file = BufferObject.exporterOf(buffer, DeviceBuffer.class).orElseThrow();
      buffer.close();
      HeapStatistics before = heap.statistics();
      assertThatExceptionOfType(IllegalStateException.class)
          .isThrownBy(file::release)
          .withMessageContaining("taken off already");
      assertThat(heap.statistics()).isEqualTo(before);
    }
  }

  /** An exporter whose release throws, once it is done. */
  private static Exporter throwingAtRelease(Exporter real) {
    return (Exporter)
        Proxy.newProxyInstance(
            Exporter.class.getClassLoader(),
            new Class<?>[] {Exporter.class},
            (_, method, arguments) -> {
              Object result = method.invoke(real, arguments);
              if (method.getName().equals("release")) {
                throw new IllegalStateException("thrown on purpose");
              }
              return result;
            });
  }

  @Test
  void al8_bulkThatFailsAtItsLastBuffer_closesAllOthers_whateverIsThrownForOne() {
    try (DeviceHeap heap = open("limit=64KiB")) {
      heap.pool.around = FilePoolFaultTest::throwingAtRelease;
      AllocationRequest request = AllocationRequest.of(PAGE).uninitialized().build();
      List<DmaBuf> first = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        first.add(heap.allocateUninterruptibly(request));
      }
      DeviceBuffer used = heap.pool.live().getFirst(); // idle files are taken newest first
      for (DmaBuf one : first) {
        attempt(one::close); // idle from now on
      }
      DmaBuf inUse = used.export(request); // so it can't be exported again
      assertThatExceptionOfType(IllegalStateException.class)
          .isThrownBy(() -> heap.allocateBulk(request, 3));
      assertThat(heap.pool.live()).isEmpty();
      attempt(inUse::close);
    }
  }

  @Test
  void unmappableFile_isNotLost() {
    try (DeviceHeap heap = open("limit=64KiB")) {
      heap.allocate(PAGE).close();
      DeviceBuffer idle = heap.pool.account.idle.take(PAGE);
      assertThat(idle).isNotNull();
      assertThat(heap.pool.account.idle.tryAdd(idle)).isTrue();
      idle.close(); // as if the descriptor had gone: zeroing fails
      assertThatExceptionOfType(IllegalStateException.class).isThrownBy(() -> heap.allocate(PAGE));
      assertThat(heap.statistics().liveBuffers()).isZero();
      assertThat(heap.statistics().idleBytes()).isEqualTo(PAGE);
      assertThat(heap.statistics().allocations()).isEqualTo(1);
    }
  }
}

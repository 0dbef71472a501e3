package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.Vmap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * How many system calls an operation makes, as the kernel counts them: nothing for what is pooled
 * or cached, and three for a bracket on what others have, too.
 */
@Tag("guest")
@Timeout(120)
final class SystemCallsGuestTest {
  private static final int TIMES = 100;
  private static final int WARM_UP = 300;

  /**
   * What the JVM does now and then by itself, at a safepoint for example, and this library never.
   */
  private static final Set<String> OF_THE_JVM =
      Set.of("futex", "gettid", "sched_yield", "mprotect", "madvise");

  private static final AllocationRequest PAGE = AllocationRequest.of(4096).uninitialized().build();

  private static Heap open(String name) {
    return Heaps.open(name + "?limit=16MiB");
  }

  /** The calls of so many operations, after some that nobody counts. */
  private static Map<String, Integer> count(String what, Runnable operation) throws Exception {
    for (int i = 0; i < WARM_UP; i++) {
      operation.run();
    }
    try (KernelTrace trace = new KernelTrace()) {
      Map<String, Integer> all =
          trace.count(
              () -> {
                for (int i = 0; i < TIMES; i++) {
                  operation.run();
                }
              });
      System.out.printf("system calls of %d × %s: %s%n", TIMES, what, all);
      Map<String, Integer> ours = new TreeMap<>(all);
      ours.keySet().removeAll(OF_THE_JVM);
      ours.values().removeIf(calls -> calls < TIMES / 10); // once, for a collection or a page
      return ours;
    }
  }

  private static void bracket(DmaBuf buffer, Access access) {
    buffer.beginCpuAccessUninterruptibly(access).close();
  }

  @Test
  void vm1_cachedMapping_ofADmaBuf_makesNoSystemCall() throws Exception {
    try (Heap heap = open("dma-heap:system");
        DmaBuf buffer = heap.allocate(PAGE)) {
      assertThat(count("vmap of dma-heap:system", () -> map(buffer))).isEmpty();
    }
  }

  private static void map(DmaBuf buffer) {
    buffer.reservation().lock();
    try (Vmap mapped = buffer.vmapLocked()) {
      assertThat(mapped.segment().byteSize()).isEqualTo(4096);
    } finally {
      buffer.reservation().unlock();
    }
  }

  @Test
  void pooledAllocationAndClose_makeNoSystemCall() throws Exception {
    for (String name : new String[] {"dma-heap:system", "udmabuf:system", "memfd:system"}) {
      try (Heap heap = open(name)) {
        assertThat(count("allocate and close of " + name, () -> allocate(heap))).isEmpty();
      }
    }
  }

  private static void allocate(Heap heap) {
    heap.allocateUninterruptibly(PAGE).close();
  }

  @Test
  void dv2_bracketOnADmaBufOfOursAlone_isTwoSyncs() throws Exception {
    try (Heap heap = open("dma-heap:system");
        DmaBuf buffer = heap.allocate(PAGE)) {
      assertThat(count("bracket, nobody else's", () -> bracket(buffer, Access.READ_WRITE)))
          .containsOnly(Map.entry("ioctl", 2 * TIMES));
    }
  }

  @Test
  void dv2_bracketOnADmaBufThatOthersHave_isOnePollAndTwoSyncs() throws Exception {
    try (Heap heap = open("dma-heap:system");
        DmaBuf buffer = heap.allocate(PAGE);
        OwnedFd _ = buffer.exportFd()) {
      assertThat(count("bracket, shared", () -> bracket(buffer, Access.READ_WRITE)))
          .containsOnly(Map.entry("poll", TIMES), Map.entry("ioctl", 2 * TIMES));
    }
  }

  @Test
  void dv2_bracketOnAMemoryFile_makesNoSystemCall() throws Exception {
    try (Heap heap = open("memfd:system");
        DmaBuf buffer = heap.allocate(PAGE);
        OwnedFd _ = buffer.exportFd()) {
      assertThat(count("bracket of memfd:system", () -> bracket(buffer, Access.READ_WRITE)))
          .isEmpty();
    }
  }

  /** Closing is the timer's, and making a descriptor looks at the process's limit first. */
  @Test
  void allocationThatIsNotPooled_isOneRequest() throws Exception {
    try (Heap heap = Heaps.open("dma-heap:system?limit=16MiB&retained=0&mappings=0")) {
      assertThat(count("allocate and close, not pooled", () -> allocate(heap)))
          .containsEntry("ioctl", TIMES)
          .containsOnlyKeys("ioctl", "prlimit64");
    }
  }
}

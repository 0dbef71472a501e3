package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.KIB;
import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Hold;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Idle blocks of shared slabs go back together. */
@Timeout(60)
@EnabledOnOs(value = OS.LINUX, disabledReason = "slabs are shared on Linux only")
final class GiveBackTest {
  @RegisterExtension final HeapGuard heaps = new HeapGuard();

  private final RecordingMemory memory = new RecordingMemory(TestMemory.MAPPED.create());

  private PooledHeap open(long limit) {
    return heaps.add(
        PooledHeap.open("test", new HeapOptions(limit, limit, Duration.ofHours(1)), memory));
  }

  private static DmaBuf written(PooledHeap heap, long size) {
    DmaBuf buffer =
        heap.allocateUninterruptibly(AllocationRequest.of(size).uninitialized().build());
    try (Hold hold = buffer.hold()) {
      hold.segment().fill((byte) 7);
    }
    return buffer;
  }

  @Test
  void trim_manyNeighboursReleasedInAnyOrder_goByOneCallForSomeMebibytes() {
    PooledHeap heap = open(64 * MIB);
    DmaBuf below = written(heap, 64 * KIB);
    List<DmaBuf> buffers = new ArrayList<>();
    for (int i = 0; i < 256; i++) {
      buffers.add(written(heap, 64 * KIB));
    }
    Collections.shuffle(buffers, new Random(7));
    buffers.forEach(DmaBuf::close);
    assertThat(heap.trim()).isEqualTo(16 * MIB);
    assertThat(memory.decommits).hasValueLessThanOrEqualTo(4);
    assertThat(heap.statistics().committedBytes()).isEqualTo(64 * KIB);
    below.close();
  }

  @Test
  void trim_liveBlocksInBetween_keepTheirBytesAndTheRestIsZero() {
    PooledHeap heap = open(64 * MIB);
    List<DmaBuf> kept = new ArrayList<>();
    List<DmaBuf> closed = new ArrayList<>();
    Random random = new Random(8);
    for (int i = 0; i < 400; i++) {
      DmaBuf buffer = written(heap, (4 * KIB) << random.nextInt(5));
      (random.nextInt(3) == 0 ? kept : closed).add(buffer);
    }
    closed.forEach(DmaBuf::close);
    heap.trim();
    assertThat(heap.statistics().idleBytes()).isZero();
    for (DmaBuf buffer : kept) {
      assertThat(hasOnly(buffer, 7)).isTrue();
    }
    closed.clear();
    for (int i = 0; i < 400; i++) {
      DmaBuf fresh = heap.allocate((4 * KIB) << random.nextInt(5));
      assertThat(hasOnly(fresh, 0)).isTrue();
      closed.add(fresh);
    }
    closed.forEach(DmaBuf::close);
    kept.forEach(DmaBuf::close);
  }

  private static boolean hasOnly(DmaBuf buffer, int value) {
    try (Hold hold = buffer.hold()) {
      for (long at = 0; at < buffer.size(); at += 64) {
        if (hold.segment().get(ValueLayout.JAVA_BYTE, at) != value) {
          return false;
        }
      }
    }
    return true;
  }

  @Test
  void trim_pagesOnTheirWayBack_otherThreadsGetFreshBlocksWithoutWaiting() {
    PooledHeap heap = open(64 * MIB);
    written(heap, 3 * MIB).close();
    AllocationRequest fresh = AllocationRequest.of(MIB).policy(AllocPolicy.NOWAIT).build();
    List<DmaBuf> beside = Collections.synchronizedList(new ArrayList<>());
    memory.beforeDecommit =
        () ->
            CompletableFuture.runAsync(
                    () -> beside.add(heap.allocateUninterruptibly(fresh)),
                    task -> Thread.ofPlatform().start(task))
                .join();

    assertThat(heap.trim()).isEqualTo(3 * MIB);

    memory.beforeDecommit = () -> {};
    assertThat(beside).isNotEmpty();
    assertThat(heap.statistics().committedBytes()).isEqualTo(beside.size() * MIB);
    beside.forEach(DmaBuf::close);
  }

  @Test
  void trim_blocksOfSeveralSlabs_emptyOnesAreUnmappedLater() {
    PooledHeap heap = open(256 * MIB);
    List<DmaBuf> buffers = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      buffers.add(written(heap, MIB));
    }
    int slabs = memory.live();
    assertThat(slabs).isGreaterThanOrEqualTo(4);
    DmaBuf last = buffers.removeLast();
    buffers.forEach(DmaBuf::close);
    assertThat(heap.trim()).isEqualTo(99 * MIB);
    Await.until("all but one are unmapped", () -> memory.live() == 1);
    assertThat(hasOnly(last, 7)).isTrue();
    last.close();
    heap.trim();
    Await.until("all are unmapped", () -> memory.live() == 0);
  }
}

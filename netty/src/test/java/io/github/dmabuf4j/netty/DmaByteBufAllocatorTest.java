package io.github.dmabuf4j.netty;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.Shrinkable;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.CompositeByteBuf;
import io.netty.util.IllegalReferenceCountException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The allocator: what kind of buffers it gives, how they grow, and what happens without memory. */
class DmaByteBufAllocatorTest {
  @RegisterExtension final HeapGuard guard = new HeapGuard();
  private Heap heap;
  private DmaByteBufAllocator allocator;

  @BeforeEach
  void open() {
    heap = guard.open("4MiB");
    allocator = DmaByteBufAllocator.of(heap);
  }

  @Test
  void plainIoAndDirectBuffers_areOfTheHeap_andHeapBuffersAreArrays() {
    assertThat(allocator.isDirectBufferPooled()).isTrue();
    ByteBuf[] direct = {allocator.buffer(), allocator.ioBuffer(100), allocator.directBuffer(5, 50)};
    assertThat(heap.statistics().liveBuffers()).isEqualTo(3);
    for (ByteBuf buffer : direct) {
      assertThat(buffer.isDirect()).isTrue();
      assertThat(buffer.hasMemoryAddress()).isTrue();
      assertThat(buffer.alloc()).isSameAs(allocator);
      buffer.release();
    }
    ByteBuf array = allocator.heapBuffer(100);
    assertThat(array.hasArray()).isTrue();
    assertThat(array.alloc()).isSameAs(allocator);
    assertThat(heap.statistics().liveBuffers()).isZero();
    array.release();
  }

  @Test
  void fewBytes_takeOnePage_andGrowIntoItWithoutACopy() {
    ByteBuf buffer = allocator.directBuffer(16);
    long address = buffer.memoryAddress();
    buffer.writeZero(17);
    assertThat(buffer.capacity()).isEqualTo(4096);
    assertThat(buffer.memoryAddress()).isEqualTo(address);
    assertThat(heap.statistics().allocations()).isEqualTo(1);
    buffer.release();
  }

  @Test
  void growth_keepsTheContent_andGivesTheOldMemoryBack() {
    ByteBuf buffer = allocator.directBuffer(1000);
    for (int i = 0; i < 200_000; i++) {
      buffer.writeInt(i);
    }
    for (int i = 0; i < 200_000; i++) {
      assertThat(buffer.readInt()).isEqualTo(i);
    }
    assertThat(heap.statistics().liveBuffers()).isEqualTo(1);
    buffer.release();
  }

  @Test
  void shrinking_givesMemoryBack_whenMostOfItIsUnused() {
    ByteBuf buffer = allocator.directBuffer(1 << 20).setInt(0, 77).writerIndex(1 << 20);
    long before = heap.statistics().liveBytes();
    buffer.capacity(3 << 18); // three quarters: stays
    assertThat(heap.statistics().allocations()).isEqualTo(1);
    buffer.capacity(100);
    assertThat(heap.statistics().liveBytes()).isLessThan(before / 4);
    assertThat(buffer.writerIndex()).isEqualTo(100);
    assertThat(buffer.getInt(0)).isEqualTo(77);
    buffer.capacity(0).capacity(8).setLong(0, 5);
    buffer.release();
  }

  @Test
  void growth_ofWhatIsReleasedMeanwhile_failsAndLeavesNothingBehind() {
    ByteBuf[] growing = new ByteBuf[1];
    Shrinkable releasing =
        new Shrinkable() {
          @Override
          public long count() {
            return growing[0].refCnt();
          }

          @Override
          public long scan(long bytes) {
            growing[0].release();
            return bytes;
          }
        };
    growing[0] = allocator.directBuffer(3 << 20);
    try (var _ = heap.shrinker().register(releasing)) {
      assertThatExceptionOfType(IllegalReferenceCountException.class)
          .isThrownBy(() -> growing[0].capacity(4 << 20));
    }
    assertThat(heap.statistics().liveBuffers()).isZero();
  }

  @Test
  void growth_ofNothingThatIsReleasedMeanwhile_failsAndLeavesNothingBehind() {
    ByteBuf other = allocator.directBuffer(4 << 20);
    ByteBuf growing = allocator.directBuffer(0);
    Shrinkable releasing =
        new Shrinkable() {
          @Override
          public long count() {
            return other.refCnt();
          }

          @Override
          public long scan(long bytes) {
            growing.release();
            other.release();
            return bytes;
          }
        };
    try (var _ = heap.shrinker().register(releasing)) {
      assertThatExceptionOfType(IllegalReferenceCountException.class)
          .isThrownBy(() -> growing.capacity(4096));
    }
    assertThat(heap.statistics().liveBuffers()).isZero();
  }

  @Test
  void maxCapacity_isKept() {
    ByteBuf buffer = allocator.directBuffer(10, 20);
    buffer.writeZero(20);
    assertThatExceptionOfType(IndexOutOfBoundsException.class)
        .isThrownBy(() -> buffer.writeByte(1));
    assertThat(buffer.capacity()).isEqualTo(20);
    buffer.release();
  }

  @Test
  void noCapacity_takesNoMemory() {
    ByteBuf buffer = allocator.directBuffer(0, 100);
    assertThat(heap.statistics().liveBuffers()).isZero();
    assertThat(buffer.nioBuffer().remaining()).isZero();
    assertThat(DmaByteBufs.bufferOf(buffer)).isEmpty();
    buffer.writeInt(1);
    assertThat(heap.statistics().liveBuffers()).isEqualTo(1);
    buffer.release();
  }

  @Test
  void received_canBeHandedOn_withoutACopy() {
    ByteBuf received = allocator.ioBuffer(64).writeBytes(new byte[] {4, 5, 6});
    try (DmaBuf buffer = DmaByteBufs.bufferOf(received).orElseThrow()) {
      received.release();
      byte[] content = buffer.readUninterruptibly(bytes -> bytes.asSlice(0, 3).toArray(JAVA_BYTE));
      assertThat(content).containsExactly(4, 5, 6);
    }
  }

  @Test
  void al6_heapWithoutMemory_isAnOutOfMemoryError_withTheHeapsMessage() {
    ByteBuf most = allocator.directBuffer(3 << 20);
    most.setInt(0, 9);
    assertThatExceptionOfType(OutOfBufferMemoryError.class)
        .isThrownBy(() -> allocator.directBuffer(2 << 20))
        .withMessageContaining("limit 4194304 B")
        .withMessageContaining("1 × ByteBuf")
        .withCauseInstanceOf(OutOfBuffersException.class)
        .satisfies(
            error -> {
              assertThat(error).isInstanceOf(OutOfMemoryError.class);
              assertThat(error.getMessage()).isEqualTo(error.getCause().getMessage());
            });
    assertThatExceptionOfType(OutOfBufferMemoryError.class)
        .as("growing")
        .isThrownBy(() -> most.capacity(4 << 20));
    assertThat(most.capacity()).as("as it was").isEqualTo(3 << 20);
    assertThat(most.getInt(0)).isEqualTo(9);
    most.release();
    assertThat(heap.statistics().liveBuffers()).isZero();
  }

  @Test
  void policyThatWaits_getsWhatAnotherThreadReleases() throws Exception {
    ByteBuf first = allocator.directBuffer(3 << 20);
    DmaByteBufAllocator patient = DmaByteBufAllocator.of(heap, AllocPolicy.NO_FAIL);
    ByteBuf[] second = new ByteBuf[1];
    Thread waiting = Thread.ofVirtual().start(() -> second[0] = patient.directBuffer(3 << 20));
    while (waiting.getState() != Thread.State.WAITING
        && waiting.getState() != Thread.State.TIMED_WAITING) {
      Thread.onSpinWait();
    }
    first.release();
    waiting.join();
    assertThat(second[0].capacity()).isEqualTo(3 << 20);
    second[0].release();
  }

  @Test
  void closedHeap_isAnIllegalState() {
    heap.close();
    assertThatIllegalStateException().isThrownBy(() -> allocator.directBuffer(10));
  }

  @Test
  void metric_isOfTheHeap_andOfTheArrays() {
    assertThat(allocator.metric().usedDirectMemory()).isZero();
    ByteBuf direct = allocator.directBuffer(100_000);
    assertThat(allocator.metric().usedDirectMemory())
        .isEqualTo(heap.statistics().committedBytes())
        .isGreaterThanOrEqualTo(100_000);
    direct.release();
    ByteBuf array = allocator.heapBuffer(1000);
    assertThat(allocator.metric().usedHeapMemory()).isEqualTo(1000);
    array.capacity(3000);
    assertThat(allocator.metric().usedHeapMemory()).isEqualTo(3000);
    array.release();
    assertThat(allocator.metric().usedHeapMemory()).isZero();
    assertThat(allocator.metric())
        .hasToString("usedHeapMemory: 0; usedDirectMemory: " + heap.statistics().committedBytes());
    assertThat(allocator).hasToString("DmaByteBufAllocator(offheap:system, NORMAL)");
  }

  @Test
  void composite_ownsItsComponents_consolidatesAndFreesAll() {
    CompositeByteBuf composite = allocator.compositeBuffer();
    for (int i = 0; i < 5; i++) {
      composite.addComponent(true, allocator.directBuffer(3000).writeZero(2999).writeByte(i));
    }
    assertThat(heap.statistics().liveBuffers()).isEqualTo(5);
    assertThat(composite.nioBuffers()).hasSize(5);
    assertThat(composite.getByte(2 * 3000 + 2999)).isEqualTo((byte) 2);
    ByteBuf slice = composite.retainedSlice(3000, 6000);
    composite.consolidate();
    assertThat(composite.isDirect()).isTrue();
    assertThat(composite.getByte(4 * 3000 + 2999)).isEqualTo((byte) 4);
    assertThat(heap.statistics().liveBuffers()).isEqualTo(1);
    assertThat(composite.release()).isFalse();
    assertThat(slice.getByte(2999)).isEqualTo((byte) 1);
    assertThat(slice.release()).isTrue();
    assertThat(heap.statistics().liveBuffers()).isZero();
  }

  @Test
  void composite_dropsWhatWasRead() {
    CompositeByteBuf composite = allocator.compositeDirectBuffer(100);
    for (int i = 0; i < 10; i++) {
      composite.addComponent(true, allocator.directBuffer(100).writeZero(100));
    }
    composite.skipBytes(450).discardReadComponents();
    assertThat(heap.statistics().liveBuffers()).isEqualTo(6);
    composite.removeComponent(0);
    assertThat(heap.statistics().liveBuffers()).isEqualTo(5);
    composite.release();
  }

  @Test
  void file_isReadAndWritten_atPositions(@TempDir Path folder) throws IOException {
    ByteBuf source = allocator.directBuffer(20_000);
    for (int i = 0; i < 5000; i++) {
      source.writeInt(i);
    }
    ByteBuf target = allocator.directBuffer(20_000, 20_000);
    try (FileChannel file =
        FileChannel.open(
            folder.resolve("bytes"),
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE)) {
      assertThat(source.getBytes(0, file, 10, 20_000)).isEqualTo(20_000);
      assertThat(target.writeBytes(file, 10, 20_000)).isEqualTo(20_000);
      assertThat(ByteBufUtil.equals(source, target)).isTrue();
      assertThat(target.setBytes(0, file, 30_000, 10)).as("behind the end").isEqualTo(-1);
      assertThat(source.readBytes(file, 0, 8)).isEqualTo(8);
      assertThat(source.readerIndex()).isEqualTo(8);
      file.close();
      assertThat(target.setBytes(0, file, 0, 10)).as("closed").isEqualTo(-1);
    }
    source.release();
    target.release();
  }
}

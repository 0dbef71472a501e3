package io.github.dmabuf4j.netty;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Lockdep;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.util.IllegalReferenceCountException;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Views: whose bytes they show, for how long, and what they own. */
class DmaByteBufsTest {
  private static final int SIZE = 6000;

  @RegisterExtension final HeapGuard guard = new HeapGuard();
  private Heap heap;

  @BeforeEach
  void open() {
    heap = guard.open("16MiB");
  }

  private static byte first(DmaBuf buffer) {
    return buffer.readUninterruptibly(bytes -> bytes.get(JAVA_BYTE, 0));
  }

  @Test
  void view_showsTheBytesThemselves_inBothDirections() {
    try (DmaBuf buffer = heap.allocate(SIZE)) {
      ByteBuf view = DmaByteBufs.view(buffer);
      view.setByte(0, 7);
      assertThat(first(buffer)).isEqualTo((byte) 7);
      buffer.writeUninterruptibly(bytes -> bytes.set(JAVA_BYTE, SIZE - 1, (byte) 9));
      assertThat(view.getByte(SIZE - 1)).isEqualTo((byte) 9);
      assertThat(view.readableBytes()).isEqualTo(view.maxCapacity()).isEqualTo(SIZE);
      assertThat(view.isDirect()).isTrue();
      assertThat(view.isContiguous()).isTrue();
      assertThat(view.hasArray()).isFalse();
      assertThat(view.release()).isTrue();
    }
  }

  @Test
  void vm2_view_ownsAReferenceAndAHold_untilItsCountIs0() {
    DmaBuf buffer = heap.allocate(SIZE);
    try (DmaBuf seen = buffer.dup()) {
      long references = seen.info().references();
      ByteBuf view = DmaByteBufs.view(buffer);
      buffer.close();
      assertThat(seen.info().references()).isGreaterThanOrEqualTo(references);
      assertThat(seen.info().holds()).isEqualTo(1);
      view.retain();
      assertThat(view.release()).isFalse();
      assertThat(seen.info().holds()).isEqualTo(1);
      assertThat(view.release()).isTrue();
      assertThat(seen.info().holds()).isZero();
      assertThat(seen.info().references()).isEqualTo(references - 1);
    }
    assertThat(heap.statistics().liveBuffers()).isZero();
  }

  @Test
  void buffer_livesAsLongAsItsView_afterTheHandleIsClosed() {
    ByteBuf view;
    try (DmaBuf buffer = heap.allocate(SIZE)) {
      view = DmaByteBufs.view(buffer);
    }
    assertThat(heap.statistics().liveBuffers()).isEqualTo(1);
    view.setLong(8, 42);
    assertThat(view.getLong(8)).isEqualTo(42);
    view.release();
    assertThat(heap.statistics().liveBuffers()).isZero();
  }

  @ParameterizedTest
  @EnumSource(
      value = ArenaKind.class,
      names = {"POOL", "SHARED"})
  void accessAfterTheRelease_isAnException(ArenaKind kind) {
    try (DmaBuf buffer = heap.allocate(SIZE)) {
      ByteBuf view = DmaByteBufs.view(buffer, kind);
      ByteBuf slice = view.slice(1, 100);
      ByteBuffer kept = view.nioBuffer(); // goes past the count
      assertThat(view.hasMemoryAddress()).isTrue();
      assertThat(view.memoryAddress()).isNotZero();
      view.release();
      assertThat(view.hasMemoryAddress()).isFalse();
      for (ByteBuf dead : new ByteBuf[] {view, slice}) {
        assertReleased(() -> dead.getByte(0));
        assertReleased(() -> dead.setLongLE(0, 1));
        assertReleased(dead::nioBuffer);
        assertReleased(dead::memoryAddress);
        assertReleased(() -> dead.getBytes(0, new byte[5]));
        assertReleased(() -> dead.setBytes(0, new byte[5]));
        assertReleased(() -> dead.internalNioBuffer(0, 1));
        assertReleased(dead::copy);
        assertReleased(dead::retain);
        assertReleased(dead::release);
        assertReleased(() -> DmaByteBufs.bufferOf(dead));
      }
      assertReleased(() -> view.capacity(10));
      if (kind == ArenaKind.SHARED || Lockdep.isEnabled()) {
        assertThatIllegalStateException().isThrownBy(() -> kept.get(0));
      }
    }
  }

  private static void assertReleased(ThrowingCallable call) {
    assertThatExceptionOfType(IllegalReferenceCountException.class).isThrownBy(call);
  }

  @Test
  void overRelease_isRefused_andClosesNothingTwice() {
    try (DmaBuf buffer = heap.allocate(SIZE)) {
      ByteBuf view = DmaByteBufs.view(buffer);
      assertReleased(() -> view.release(2));
      assertThat(view.refCnt()).isEqualTo(1);
      assertThat(buffer.info().holds()).isEqualTo(1);
      view.release();
      assertReleased(view::release);
      assertThat(view.refCnt()).isZero();
      assertThat(first(buffer)).isZero(); // the handle is as it was
    }
  }

  @Test
  void confinedArena_isRefused() {
    try (DmaBuf buffer = heap.allocate(SIZE)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> DmaByteBufs.view(buffer, ArenaKind.CONFINED))
          .withMessageContaining("POOL or SHARED");
      assertThat(buffer.info().holds()).isZero();
    }
  }

  @Test
  void closedHandle_isRefused_andNothingIsHeld() {
    DmaBuf buffer = heap.allocate(SIZE);
    buffer.close();
    assertThatIllegalStateException().isThrownBy(() -> DmaByteBufs.view(buffer));
    assertThat(heap.statistics().liveBuffers()).isZero();
  }

  @Test
  void readOnlyHandle_givesAReadOnlyView() {
    try (DmaBuf buffer = heap.allocate(SIZE);
        DmaBuf readOnly = buffer.dupReadOnly()) {
      ByteBuf view = DmaByteBufs.view(readOnly);
      assertThat(view.isReadOnly()).isTrue();
      assertThat(view.isWritable()).isFalse();
      assertThat(view.nioBuffer().isReadOnly()).isTrue();
      assertThatExceptionOfType(ReadOnlyBufferException.class).isThrownBy(() -> view.setByte(0, 1));
      assertThatExceptionOfType(ReadOnlyBufferException.class)
          .isThrownBy(() -> view.duplicate().setInt(0, 1));
      assertThatExceptionOfType(RuntimeException.class)
          .as("also for who looks behind the wall")
          .isThrownBy(() -> innermost(view).setByte(0, 1));
      assertThat(view.getByte(0)).isZero();
      assertThat(view.release()).isTrue();
    }
  }

  private static ByteBuf innermost(ByteBuf bytes) {
    ByteBuf inner = bytes;
    while (inner.unwrap() != null) {
      inner = inner.unwrap();
    }
    return inner;
  }

  @Test
  void capacity_shrinksAndGrowsWithinTheBuffer_withoutACopy() {
    try (DmaBuf buffer = heap.allocate(SIZE)) {
      ByteBuf view = DmaByteBufs.view(buffer);
      long address = view.memoryAddress();
      view.capacity(10);
      assertThat(view.writerIndex()).isEqualTo(10);
      assertThatExceptionOfType(IndexOutOfBoundsException.class).isThrownBy(() -> view.getByte(10));
      view.capacity(SIZE).setByte(SIZE - 1, 3);
      assertThat(view.memoryAddress()).isEqualTo(address);
      assertThatIllegalArgumentException().isThrownBy(() -> view.capacity(SIZE + 1));
      assertThatExceptionOfType(IndexOutOfBoundsException.class)
          .isThrownBy(() -> view.writerIndex(SIZE).writeByte(1));
      view.release();
    }
  }

  @Test
  void part_showsWhatItNames_andNoMore() {
    try (DmaBuf buffer = heap.allocate(SIZE)) {
      buffer.writeUninterruptibly(bytes -> bytes.set(JAVA_BYTE, 100, (byte) 5));
      ByteBuf part = DmaByteBufs.view(buffer, ArenaKind.POOL, 100, 20);
      assertThat(part.getByte(0)).isEqualTo((byte) 5);
      assertThat(part.capacity()).isEqualTo(20);
      assertThatExceptionOfType(IndexOutOfBoundsException.class).isThrownBy(() -> part.getByte(20));
      part.release();
      assertThatExceptionOfType(IndexOutOfBoundsException.class)
          .isThrownBy(() -> DmaByteBufs.view(buffer, ArenaKind.POOL, SIZE - 5, 6));
      assertThat(buffer.info().holds()).isZero();
    }
  }

  @Test
  void bufferLargerThanAByteBuf_isRefused_andItsPartsArent() {
    Heap large = guard.open("3GiB");
    long size = Integer.MAX_VALUE + 4096L; // address space: only what is touched takes memory
    try (DmaBuf buffer =
        large.allocateUninterruptibly(AllocationRequest.of(size).uninitialized().build())) {
      assertThatExceptionOfType(UnsupportedOperationException.class)
          .isThrownBy(() -> DmaByteBufs.view(buffer))
          .withMessageContaining(Integer.toString(Integer.MAX_VALUE))
          .withMessageContaining("view(buffer, kind, offset, length)");
      ByteBuf end = DmaByteBufs.view(buffer, ArenaKind.POOL, size - 8, 8);
      end.setLong(0, 11);
      assertThat(end.getLong(0)).isEqualTo(11);
      end.release();
    }
  }

  @Test
  void cb12_bufferOf_isTheOriginal_throughWhateverIsDerived() {
    try (DmaBuf buffer = heap.allocate(SIZE)) {
      ByteBuf view = DmaByteBufs.view(buffer);
      for (ByteBuf seen :
          new ByteBuf[] {
            view, view.slice(3, 5), view.duplicate().slice(), Unpooled.unreleasableBuffer(view)
          }) {
        try (DmaBuf found = DmaByteBufs.bufferOf(seen).orElseThrow()) {
          assertThat(found.isSameBuffer(buffer)).isTrue();
          assertThat(found.isReadOnly()).isFalse();
        }
      }
      try (DmaBuf found = DmaByteBufs.bufferOf(view.asReadOnly()).orElseThrow()) {
        assertThat(found.isReadOnly()).isTrue();
      }
      ByteBuf both = Unpooled.wrappedBuffer(view.retain(), Unpooled.wrappedBuffer(new byte[3]));
      assertThat(DmaByteBufs.bufferOf(both)).isEmpty();
      both.release();
      assertThat(DmaByteBufs.bufferOf(Unpooled.buffer(8))).isEmpty();
      view.release();
    }
  }
}

package io.github.dmabuf4j.netty;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Job;
import io.netty.buffer.ByteBuf;
import java.nio.ReadOnlyBufferException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Views that are the use of a buffer that others wait for. */
class JobViewTest {
  @RegisterExtension final HeapGuard guard = new HeapGuard();
  private Heap heap;

  @BeforeEach
  void open() {
    heap = guard.open("1MiB");
  }

  @Test
  void jb1_lastRelease_signalsTheJob_andNotBefore() {
    try (DmaBuf buffer = heap.allocate(100)) {
      Job job = Job.named("write").writes(buffer).publishUninterruptibly();
      ByteBuf view = DmaByteBufs.view(buffer, job);
      view.setByte(0, 5);
      view.retain();
      assertThat(view.release()).isFalse();
      assertThat(job.fence().isSignaled()).isFalse();
      assertThat(view.release()).isTrue();
      assertThat(job.fence().isSignaled()).isTrue();
      assertThat(job.fence().error()).isEmpty();
      byte first = buffer.readUninterruptibly(bytes -> bytes.get(JAVA_BYTE, 0));
      assertThat(first).isEqualTo((byte) 5);
      assertThat(buffer.info().holds()).isZero();
    }
  }

  @Test
  void ca2_writers_waitForTheViewOfAReader() throws InterruptedException {
    try (DmaBuf buffer = heap.allocate(100)) {
      Job job = Job.named("send").reads(buffer).publishUninterruptibly();
      ByteBuf view = DmaByteBufs.view(buffer, job);
      Job writer = Job.named("next").writes(buffer).publishUninterruptibly();
      assertThat(writer.dependencies()).containsExactly(job.fence());
      assertThatIllegalStateException().isThrownBy(writer::open);
      view.release();
      writer.run(access -> access.segment(buffer).set(JAVA_BYTE, 0, (byte) 1));
    }
  }

  @Test
  void readersView_isReadOnly() {
    try (DmaBuf buffer = heap.allocate(100)) {
      ByteBuf view =
          DmaByteBufs.view(buffer, Job.named("send").reads(buffer).publishUninterruptibly());
      assertThat(view.isReadOnly()).isTrue();
      assertThatExceptionOfType(ReadOnlyBufferException.class).isThrownBy(() -> view.setByte(0, 1));
      view.release();
    }
  }

  @Test
  void jobThatHasToWait_isRefused_andStaysTheCallers() throws InterruptedException {
    try (DmaBuf buffer = heap.allocate(100);
        Job first = Job.named("first").writes(buffer).publish()) {
      Job second = Job.named("second").reads(buffer).publish();
      assertThatIllegalStateException().isThrownBy(() -> DmaByteBufs.view(buffer, second));
      assertThat(second.fence().isSignaled()).isFalse();
      first.signal();
      DmaByteBufs.view(buffer, second).release();
      assertThat(second.fence().isSignaled()).isTrue();
    }
  }

  @Test
  void bufferOfAnotherJob_isRefused_andNothingIsHeld() throws InterruptedException {
    try (DmaBuf buffer = heap.allocate(100);
        DmaBuf other = heap.allocate(100);
        Job job = Job.named("other").reads(other).publish()) {
      assertThatIllegalArgumentException().isThrownBy(() -> DmaByteBufs.view(buffer, job));
      assertThat(buffer.info().holds()).isZero();
      assertThat(job.fence().isSignaled()).isFalse();
    }
  }

  @Test
  void jobThatHasEnded_isRefused_andOneThatEndsMeanwhileIsLeftAlone() throws InterruptedException {
    try (DmaBuf buffer = heap.allocate(100)) {
      Job job = Job.named("short").reads(buffer).publish();
      ByteBuf view = DmaByteBufs.view(buffer, job);
      assertThat(job.signal()).isTrue();
      assertThatIllegalStateException().isThrownBy(() -> DmaByteBufs.view(buffer, job));
      assertThat(view.getByte(0)).as("the view has a hold of its own").isZero();
      assertThat(view.release()).isTrue();
    }
  }
}

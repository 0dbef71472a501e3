package io.github.dmabuf4j.device.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.device.linux.bindings.cmsghdr;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Bytes and descriptors over a socket, and control messages that lie. */
final class SocketMessageTest {
  private final List<Descriptor> pair = UnixSocket.pair("test");
  private final Descriptor here = pair.getFirst();
  private final Descriptor there = pair.getLast();
  private final SocketMessage out = new SocketMessage(Arena.ofAuto(), 64);
  private final SocketMessage in = new SocketMessage(Arena.ofAuto(), 64);
  private final ClosingThread closing = new ClosingThread("a test", SocketMessage.MAX_DESCRIPTORS);

  @AfterEach
  void close() {
    pair.forEach(Descriptor::close);
  }

  private static Descriptor event() {
    return EventCounter.create(Descriptor.Kind.FENCE, "test");
  }

  @Test
  void messages_keepTheirBoundaries() {
    out.bytes().set(JAVA_BYTE, 0, (byte) 1);
    assertThat(out.send(here, 10)).isEqualTo(10);
    assertThat(out.send(here, 20)).isEqualTo(20);

    assertThat(in.receive(there)).isEqualTo(10);
    assertThat(in.bytes().get(JAVA_BYTE, 0)).isEqualTo((byte) 1);
    assertThat(in.receive(there)).isEqualTo(20);
    assertThat(in.receive(there)).isEqualTo(-linux_h.EAGAIN());
  }

  @Test
  void descriptors_areNewOnesOfTheSameFiles_closeOnExec() {
    try (Descriptor event = event()) {
      assertThat(out.send(here, 1, event.fd(), event.fd())).isEqualTo(1);
      assertThat(in.receive(there)).isEqualTo(1);
      int[] received = in.takeDescriptors();

      assertThat(received).hasSize(2).doesNotContain(event.fd());
      assertThat(in.takeDescriptors()).isEmpty();
      for (int fd : received) {
        assertThat(Syscalls.fcntl(fd, linux_h.F_GETFD(), 0)).isEqualTo(linux_h.FD_CLOEXEC());
        assertThat(Syscalls.close(fd)).isZero();
      }
    }
  }

  @Test
  void descriptors_goThroughUpToTheKernelsLimit_andMoreAreRefusedWithTheLimit() {
    try (Descriptor event = event()) {
      int[] most = IntStream.generate(event::fd).limit(SocketMessage.MAX_DESCRIPTORS).toArray();
      assertThat(out.send(here, 1, most)).isEqualTo(1);
      assertThat(in.receive(there)).isEqualTo(1);
      assertThat(in.lostDescriptors()).isFalse();
      int[] received = in.takeDescriptors();
      for (int fd : received) {
        int _ = Syscalls.close(fd);
      }
      assertThat(received).hasSize(253);

      int[] tooMany = IntStream.generate(event::fd).limit(254).toArray();
      assertThatIllegalArgumentException()
          .isThrownBy(() -> out.send(here, 1, tooMany))
          .withMessageContaining("at most 253");
    }
  }

  @Test
  void descriptors_ofAMessage_mustBeTakenBeforeTheNext() {
    try (Descriptor event = event()) {
      assertThat(out.send(here, 1, event.fd())).isEqualTo(1);
      assertThat(in.receive(there)).isEqualTo(1);
      assertThatIllegalStateException().isThrownBy(() -> in.receive(there));
      assertThat(Syscalls.close(in.takeDescriptors()[0])).isZero();
      assertThat(in.receive(there)).isEqualTo(-linux_h.EAGAIN());
    }
  }

  @Test
  void descriptors_thatNobodyTakes_canBeClosed_once() {
    int before = openEvents();
    try (Descriptor event = event()) {
      assertThat(out.send(here, 1, event.fd(), event.fd())).isEqualTo(1);
      assertThat(in.receive(there)).isEqualTo(1);
      assertThat(openEvents()).isEqualTo(before + 3);
      in.closeDescriptors(closing);
      awaitClosed();
      assertThat(openEvents()).isEqualTo(before + 1);
      in.closeDescriptors(closing);
      assertThat(in.takeDescriptors()).isEmpty();
    }
    assertThat(openEvents()).isEqualTo(before);
  }

  private void awaitClosed() {
    long start = System.nanoTime();
    while (closing.waiting() > 0) {
      assertThat(System.nanoTime() - start).isLessThan(60_000_000_000L);
      Thread.yield();
    }
  }

  @Test
  void dv3_descriptors_areClosed_withoutJavaHeap() {
    com.sun.management.ThreadMXBean threads =
        (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    long least = Long.MAX_VALUE; // the first rounds load classes
    try (Descriptor event = event()) {
      int[] most = IntStream.generate(event::fd).limit(SocketMessage.MAX_DESCRIPTORS).toArray();
      for (int round = 0; round < 200; round++) {
        assertThat(out.send(here, 1, most)).isEqualTo(1);
        assertThat(in.receive(there)).isEqualTo(1);
        long before = threads.getCurrentThreadAllocatedBytes();
        in.closeDescriptors(closing);
        least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
        awaitClosed();
      }
    }
    assertThat(least).isZero();
  }

  @Test
  void descriptors_ofTheMessageBefore_areNotFoundAgainWhereReceivingFails() {
    try (Descriptor event = event()) {
      assertThat(out.send(here, 1, event.fd())).isEqualTo(1);
      assertThat(in.receive(there)).isEqualTo(1);
      assertThat(Syscalls.close(in.takeDescriptors()[0])).isZero();
      assertThat(in.receive(there)).isEqualTo(-linux_h.EAGAIN());
      assertThat(in.takeDescriptors()).isEmpty();
      there.close();
      assertThatIllegalStateException().isThrownBy(() -> in.receive(there));
      assertThat(in.takeDescriptors()).isEmpty();
    }
  }

  private static int openEvents() {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      return (int) all.filter(SocketMessageTest::isEvent).count();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static boolean isEvent(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).toString().contains("eventfd");
    } catch (IOException e) {
      return false; // closed meanwhile
    }
  }

  @Test
  void message_thatIsTooLong_isSaidToBeCutOff() {
    SocketMessage large = new SocketMessage(Arena.ofAuto(), 100);
    assertThat(large.send(here, 100)).isEqualTo(100);
    assertThat(in.receive(there)).isEqualTo(64);
    assertThat(in.wasCutOff()).isTrue();
  }

  @Test
  void end_ofTheOtherSide_isNoBytes_andSendingRaisesNoSignal() {
    there.close();
    assertThat(in.receive(here)).isZero();
    assertThat(out.send(here, 1)).isEqualTo(-linux_h.EPIPE());
  }

  @Test
  void send_withoutRoom_doesNotWait() {
    int result;
    do {
      result = out.send(here, 64);
    } while (result == 64);
    assertThat(result).isEqualTo(-linux_h.EAGAIN());
  }

  // ---- control messages ----

  /** A control message of a length that it claims. */
  private static void write(MemorySegment control, long at, long length, int type, int... values) {
    MemorySegment message = control.asSlice(at);
    cmsghdr.cmsg_len(message, length);
    cmsghdr.cmsg_level(message, linux_h.SOL_SOCKET());
    cmsghdr.cmsg_type(message, type);
    MemorySegment.copy(values, 0, message, JAVA_INT, ControlMessages.dataOffset(), values.length);
  }

  @Test
  void control_ofSeveralMessages_givesTheDescriptorsOfAll_andPassesOthersBy() {
    MemorySegment control = Arena.ofAuto().allocate(128, 8);
    write(control, 0, ControlMessages.length(4), linux_h.SCM_RIGHTS(), 7);
    long second = ControlMessages.space(4);
    write(control, second, ControlMessages.length(12), linux_h.SCM_CREDENTIALS(), 1, 2, 3);
    long third = second + ControlMessages.space(12);
    write(control, third, ControlMessages.length(8), linux_h.SCM_RIGHTS(), 8, 9);

    assertThat(SocketMessage.descriptorsIn(control, third + ControlMessages.space(8)))
        .containsExactly(7, 8, 9);
  }

  @Test
  void control_withALengthThatCannotBe_endsThere() {
    MemorySegment control = Arena.ofAuto().allocate(64, 8);
    for (long length : new long[] {0, 15, 65, Long.MAX_VALUE, -1, Long.MIN_VALUE}) {
      write(control, 0, length, linux_h.SCM_RIGHTS(), 7);
      assertThat(SocketMessage.descriptorsIn(control, 64)).as("length %d", length).isEmpty();
    }
    write(control, 0, ControlMessages.length(4), linux_h.SCM_RIGHTS(), 7);
    write(control, ControlMessages.space(4), 100, linux_h.SCM_RIGHTS(), 8);
    assertThat(SocketMessage.descriptorsIn(control, 64)).containsExactly(7);
  }

  @Test
  void control_thatIsCutOff_givesNothingBeyondItsEnd() {
    MemorySegment control = Arena.ofAuto().allocate(64, 8);
    write(control, 0, ControlMessages.length(8), linux_h.SCM_RIGHTS(), 7, 8);
    assertThat(SocketMessage.descriptorsIn(control, 0)).isEmpty();
    assertThat(SocketMessage.descriptorsIn(control, 15)).isEmpty();
    assertThat(SocketMessage.descriptorsIn(control, 20)).isEmpty();
    assertThat(SocketMessage.descriptorsIn(control, 24)).containsExactly(7, 8);
  }
}

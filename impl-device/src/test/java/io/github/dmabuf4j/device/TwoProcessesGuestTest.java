package io.github.dmabuf4j.device;

import static io.github.dmabuf4j.device.DevicePeer.BYTES;
import static io.github.dmabuf4j.device.DevicePeer.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.device.DevicePeer.Task;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.sharing.BufferConnection;
import io.github.dmabuf4j.device.sharing.BufferListener;
import io.github.dmabuf4j.device.sharing.PeerAddress;
import io.github.dmabuf4j.device.sharing.Received;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** dma-bufs and fences of the kernel between two processes: {@link DevicePeer} is the other one. */
@Tag("guest")
@Timeout(120)
final class TwoProcessesGuestTest {
  @TempDir private static Path folder;
  private static Process process;
  private static BufferConnection connection;

  @BeforeAll
  static void start() throws Exception {
    PeerAddress address = PeerAddress.of(folder.resolve("socket"));
    try (BufferListener listener = BufferListener.open(address)) {
      process = ChildProcess.start(DevicePeer.class, folder.resolve("socket").toString());
      connection = listener.accept(PATIENCE);
    }
  }

  @AfterAll
  static void end() throws Exception {
    DevicePeer.tell(connection, Task.END);
    connection.close();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
  }

  @ParameterizedTest
  @ValueSource(strings = {"dma-heap:system", "udmabuf:system"})
  void dmaBuf_isTheSameMemoryInBothProcesses(String name) throws Exception {
    try (Heap heap = Heaps.open(name + "?limit=1MiB");
        DmaBuf buffer = heap.allocate(BYTES)) {
      DevicePeer.tell(connection, Task.ADD_ONE);
      connection.send(buffer, Access.READ_WRITE);
      for (int i = 0; i < DevicePeer.ROUNDS; i++) {
        byte value = (byte) (7 * i);
        buffer.write(bytes -> bytes.fill(value));
        DevicePeer.tell(connection, "yours");
        assertThat(DevicePeer.hear(connection)).isEqualTo("added");
        assertThat(firstThatIsNot((byte) (value + 1), buffer)).isEqualTo(-1);
      }
    }
  }

  @Test
  void fn6_workOfTheOthersDevice_isWaitedForHere_byItsSyncFileAndByItsBuffer() throws Exception {
    DevicePeer.tell(connection, Task.WORK);
    try (DmaBuf buffer = ((Received.Buffer) connection.receive(PATIENCE)).buffer()) {
      Fence fence = ((Received.Signal) connection.receive(PATIENCE)).fence();
      assertThat(fence.kind()).isEqualTo(Fence.Kind.KERNEL);
      assertThat(fence.driverName()).isEqualTo("vgem");
      assertThat(fence.isSignaled()).isFalse();
      assertThat(DeviceBuffers.isDmaBuf(buffer)).isTrue();
      assertThat(isReady(buffer)).isFalse();
      CompletableFuture<Long> read = new CompletableFuture<>();
      Thread reader = Thread.startVirtualThread(() -> completeWithRead(read, buffer));
      try (Hold hold = buffer.hold()) {
        assertThat(hold.segment().get(ValueLayout.JAVA_BYTE, 0)).isZero();
      }
      awaitParked(reader);
      assertThat(read).isNotDone();
      DevicePeer.tell(connection, "write and end the work");
      assertThat(read.get(60, TimeUnit.SECONDS)).isEqualTo(-1);
      assertThat(fence.await(PATIENCE)).isTrue();
      assertThat(fence.error()).isEmpty();
      assertThat(isReady(buffer)).isTrue();
    }
    DevicePeer.tell(connection, "done");
  }

  /** Until it waits for the fence. */
  private static void awaitParked(Thread reader) {
    while (Stream.of(reader.getStackTrace()).noneMatch(TwoProcessesGuestTest::isWaitForAFence)) {
      assertThat(reader.isAlive()).as("it waits").isTrue();
      Thread.yield();
    }
  }

  private static boolean isWaitForAFence(StackTraceElement frame) {
    return frame.getClassName().startsWith(Fence.class.getName())
        && frame.getMethodName().startsWith("await");
  }

  private static void completeWithRead(CompletableFuture<Long> read, DmaBuf buffer) {
    try {
      read.complete(firstThatIsNot(DevicePeer.WRITTEN, buffer));
    } catch (Throwable e) {
      read.completeExceptionally(e);
    }
  }

  private static long firstThatIsNot(byte value, DmaBuf buffer) throws InterruptedException {
    byte[] wanted = new byte[BYTES];
    Arrays.fill(wanted, value);
    return buffer.read(bytes -> bytes.mismatch(MemorySegment.ofArray(wanted)));
  }

  /** Whether the kernel has nothing pending on it. */
  private static boolean isReady(DmaBuf buffer) throws InterruptedException {
    try (OwnedFd fd = buffer.exportFd()) {
      return new ImplicitFences((Descriptor) fd).isReady(Access.WRITE);
    }
  }
}

package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.tck.Rule;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A device's dma-buf, imported, while the device works on it. */
@Tag("guest")
final class ForeignDmaBufGuestTest {
  private static final Duration SHORT = Duration.ofMillis(20);

  private final Vgem device = new Vgem();
  private final Vgem.Buffer theirs = device.allocate();
  private final DmaBuf ours = DeviceBuffers.importFd(theirs.file().duplicate("a test"));

  @AfterEach
  void close() {
    ours.close();
    theirs.close();
    device.close();
  }

  @Rule({"RL8", "CA1", "DV2"})
  @Test
  void read_waitsForTheDevicesWork() throws Exception {
    int work = device.begin(theirs, true);
    assertThat(ours.reservation().isSignaled(FenceUsage.WRITE)).isFalse();
    assertThat(ours.reservation().await(FenceUsage.WRITE, SHORT)).isFalse();
    CompletableFuture<Byte> read = new CompletableFuture<>();
    Thread.startVirtualThread(
        () -> {
          try {
            read.complete(ours.read(bytes -> bytes.get(ValueLayout.JAVA_BYTE, 0)));
          } catch (Throwable e) {
            read.completeExceptionally(e);
          }
        });
    assertThat(read).isNotDone();
    device.end(work);
    assertThat(read.get(60, TimeUnit.SECONDS)).isZero();
    assertThat(ours.reservation().isSignaled(FenceUsage.WRITE)).isTrue();
  }

  @Rule("CP2")
  @Test
  void read_doesNotWaitForTheDevicesReading() throws Exception {
    int work = device.begin(theirs, false);
    assertThat(ours.reservation().isSignaled(FenceUsage.WRITE)).isTrue();
    assertThat(ours.reservation().isSignaled(FenceUsage.READ)).isFalse();
    assertThat(ours.read(bytes -> bytes.get(ValueLayout.JAVA_BYTE, 0)).byteValue()).isZero();
    device.end(work);
  }

  @Rule({"FN6", "CP7"})
  @Test
  void fenceOfADevice_publishedInABufferOfAHeap_isSeenByWhoeverHasItsDescriptor() throws Exception {
    int work = device.begin(theirs, true);
    Fence rendering = ours.reservation().merged(FenceUsage.WRITE);
    assertThat(rendering.kind()).isEqualTo(Fence.Kind.KERNEL);
    try (Heap heap = Heaps.open("dma-heap:system?limit=1MiB");
        DmaBuf result = heap.allocate(4096)) {
      result.publish(rendering, Access.WRITE);
      try (OwnedFd shared = result.exportFd();
          Descriptor elsewhere =
              DescriptorBudget.OF_THIS_PROCESS.adopt(
                  Descriptor.Kind.BUFFER, "a test", shared.detach())) {
        ImplicitFences seen = new ImplicitFences(elsewhere);
        assertThat(seen.isReady(Access.READ)).isFalse();
        device.end(work);
        assertThat(seen.await(Access.READ, Duration.ofSeconds(60))).isTrue();
        rendering.await(); // here, too: until then the buffer would stay in quarantine
      }
    }
  }
}

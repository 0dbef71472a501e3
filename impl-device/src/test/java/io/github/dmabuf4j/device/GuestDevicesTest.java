package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the guest promises to the other tests: the devices they need are there. */
@Tag("guest")
final class GuestDevicesTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "/dev/dma_heap/system",
        "/dev/udmabuf",
        "/dev/dri/card0",
        "/dev/dri/renderD128",
        "/dev/dri/renderD129",
        "/dev/video0"
      })
  void guest_hasTheNode(String node) {
    assertThat(Path.of(node)).exists().isReadable().isWritable();
  }
}

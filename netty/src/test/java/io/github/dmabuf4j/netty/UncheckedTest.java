package io.github.dmabuf4j.netty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.netty.buffer.ByteBuf;
import io.netty.util.IllegalReferenceCountException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Netty's own checks can be switched off, at the start of a JVM only. Ours remain. */
class UncheckedTest {
  /** What runs without Netty's checks. */
  static final class Child {
    public static void main(String[] arguments) {
      try (Heap heap = Heaps.open("offheap:system?limit=1MiB")) {
        ByteBuf bytes = DmaByteBufAllocator.of(heap).directBuffer(4096, 4096);
        bytes.getByte(4095);
        assertThatExceptionOfType(IndexOutOfBoundsException.class)
            .isThrownBy(() -> bytes.getLong(4090));
        assertThatExceptionOfType(IndexOutOfBoundsException.class)
            .isThrownBy(() -> bytes.setByte(-1, 1));
        bytes.release();
        assertThatExceptionOfType(IllegalReferenceCountException.class)
            .isThrownBy(() -> bytes.getByte(0));
        assertThatExceptionOfType(IllegalReferenceCountException.class)
            .isThrownBy(() -> bytes.setLongLE(0, 1));
        assertThatExceptionOfType(IllegalReferenceCountException.class)
            .isThrownBy(bytes::memoryAddress);
      }
      System.out.println("checked all the same");
    }
  }

  @Test
  void withoutNettysChecks_wrongAccessIsStillAnException() throws Exception {
    Process child =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-Dio.netty.buffer.checkBounds=false",
                "-Dio.netty.buffer.checkAccessible=false",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty(
                    "surefire.test.class.path", System.getProperty("java.class.path")),
                Child.class.getName())
            .redirectErrorStream(true)
            .start();
    String output = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(child.waitFor()).as(output).isZero();
    assertThat(output).contains("checked all the same");
  }
}

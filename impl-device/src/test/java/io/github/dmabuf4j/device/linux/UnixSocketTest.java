package io.github.dmabuf4j.device.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.dmabuf4j.device.OpenDescriptors;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Sockets with addresses. */
@EnabledOnOs(OS.LINUX)
final class UnixSocketTest {
  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static void checkConnects(byte[] address) {
    try (Descriptor listener = UnixSocket.create("listener");
        Descriptor client = UnixSocket.create("client")) {
      assertThat(UnixSocket.bind(listener, address)).isZero();
      assertThat(UnixSocket.connect(client, address)).isEqualTo(-linux_h.ECONNREFUSED());
      assertThat(UnixSocket.listen(listener)).isZero();
      assertThat(UnixSocket.accept(listener)).isEqualTo(-linux_h.EAGAIN());
      assertThat(UnixSocket.connect(client, address)).isZero();

      int fd = UnixSocket.accept(listener);
      assertThat(fd).isNotNegative();
      try (Descriptor accepted =
          DescriptorBudget.OF_THIS_PROCESS.adopt(Descriptor.Kind.SOCKET, "test", fd)) {
        int self = (int) ProcessHandle.current().pid();
        assertThat(UnixSocket.credentials(accepted).pid()).isEqualTo(self);
        assertThat(UnixSocket.credentials(client).pid()).isEqualTo(self);
        assertThat(UnixSocket.credentials(listener)).isEqualTo(UnixSocket.credentials(client));
      }
    }
  }

  /** The numbers that were to be adopted; the one that fails is closed by whoever fails. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void dv3_pairOfWhichOneFindsNoOwner_isClosed(int failing) throws IOException {
    List<Integer> numbers = new ArrayList<>();
    long before = OpenDescriptors.to("socket:");
    assertThatExceptionOfType(OutOfMemoryError.class)
        .isThrownBy(
            () ->
                UnixSocket.pair(
                    "test",
                    fd -> {
                      numbers.add(fd);
                      if (numbers.size() == failing) {
                        assertThat(Syscalls.close(fd)).isZero();
                        throw new OutOfMemoryError("thrown on purpose");
                      }
                      return DescriptorBudget.OF_THIS_PROCESS.adopt(
                          Descriptor.Kind.SOCKET, "test", fd);
                    }));
    assertThat(numbers).hasSize(failing);
    assertThat(OpenDescriptors.to("socket:")).isEqualTo(before);
  }

  @Test
  void path_isConnectedTo_andBothSidesKnowEachOther(@TempDir Path folder) {
    checkConnects(bytes(folder.resolve("socket").toString()));
  }

  @Test
  void path_mayFillAllThatTheKernelHasRoomFor(@TempDir Path folder) {
    String path = folder + "/";
    checkConnects(bytes(path + "x".repeat(UnixSocket.MAX_ADDRESS - path.length())));
  }

  @Test
  void path_isForThoseWhoWereAllowedBefore_fromTheFirstMoment(@TempDir Path folder) {
    try (Descriptor socket = UnixSocket.create("test")) {
      Path path = folder.resolve("socket");
      assertThat(UnixSocket.allow(socket, 0600)).isZero();
      assertThat(UnixSocket.bind(socket, bytes(path.toString()))).isZero();
      FileStatus made = FileStatus.at(path).orElseThrow();
      assertThat(made.isSocket()).isTrue();
      assertThat(made.permissions()).isEqualTo(0600);
      assertThat(made.owner()).isEqualTo(FileStatus.of(socket).owner());
    }
  }

  @Test
  void abstractName_isConnectedTo() {
    checkConnects(bytes("\0dmabuf4j-" + UUID.randomUUID()));
  }

  @Test
  void address_thatIsEmptyOrTooLong_isRefusedWithTheLimit() {
    try (Descriptor socket = UnixSocket.create("test")) {
      for (int length : new int[] {0, UnixSocket.MAX_ADDRESS + 1}) {
        assertThatIllegalArgumentException()
            .isThrownBy(() -> UnixSocket.bind(socket, new byte[length]))
            .withMessageContaining("1 to 107 bytes, got " + length);
      }
    }
  }
}

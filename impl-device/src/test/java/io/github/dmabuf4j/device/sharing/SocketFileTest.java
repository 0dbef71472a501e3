package io.github.dmabuf4j.device.sharing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.device.ChildProcess;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.FileStatus;
import io.github.dmabuf4j.device.linux.UnixSocket;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What others may have put where a listener wants its socket. */
@EnabledOnOs(OS.LINUX)
@Timeout(120)
final class SocketFileTest {
  private static final Path SETPRIV = Path.of("/usr/bin/setpriv");
  private static final int CANNOT_DROP = 127; // what setpriv ends with then

  @TempDir Path folder;
  private Path path;

  @BeforeEach
  void begin() {
    path = folder.resolve("socket");
  }

  private static byte[] address(Path path) {
    return path.toString().getBytes(StandardCharsets.UTF_8);
  }

  private static int permissions(Path path) {
    return FileStatus.at(path).orElseThrow().permissions();
  }

  /** A socket's file on which nobody listens. */
  private static void leaveSocket(Path path, String permissions) throws IOException {
    try (Descriptor dead = UnixSocket.create("dead")) {
      assertThat(UnixSocket.bind(dead, address(path))).isZero();
    }
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
  }

  // ---- permissions ----

  @Test
  void permissionsForAll_areNeverGivenToWhatALinkLeadsTo() throws Exception {
    Path precious = Files.writeString(folder.resolve("precious"), "precious");
    Files.setPosixFilePermissions(precious, PosixFilePermissions.fromString("rw-------"));
    Path owners = folder.resolve("owners");
    leaveSocket(owners, "rw-------");
    try (Descriptor socket = UnixSocket.create("test")) {
      for (Path target : new Path[] {precious, owners}) {
        Files.createSymbolicLink(path, target);
        assertThatExceptionOfType(DmaBufException.class)
            .isThrownBy(() -> SocketFile.allow(path, socket, 0666))
            .withMessageContaining("somebody deleted or replaced the file");
        assertThat(permissions(target)).isEqualTo(0600);
        Files.delete(path);
      }
    }
  }

  @Test
  void permissionsForAll_areNeverGivenToAFileThatIsNoSocket() throws Exception {
    Files.createFile(
        path, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    try (Descriptor socket = UnixSocket.create("test")) {
      assertThatExceptionOfType(DmaBufException.class)
          .isThrownBy(() -> SocketFile.allow(path, socket, 0666));
    }
    assertThat(permissions(path)).isEqualTo(0600);
  }

  @Test
  void permissionsForAll_areGivenToTheSocket_whateverTheUmaskIs() throws Exception {
    leaveSocket(path, "rwxr-xr-x");
    try (Descriptor socket = UnixSocket.create("test")) {
      SocketFile.allow(path, socket, 0666);
    }
    assertThat(permissions(path)).isEqualTo(0666);
  }

  // ---- what is found at the path ----

  @Test
  void pipe_isNoSocketThatWasLeft_andStays() throws Exception {
    assertThat(new ProcessBuilder("mkfifo", path.toString()).start().waitFor()).isZero();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> BufferListener.open(PeerAddress.of(path)))
        .withMessageContaining("no socket");
    assertThat(path).exists();
  }

  @Test
  void socket_thatMayNotBeAsked_isNotSaidToBeInUse_andStays() throws Exception {
    leaveSocket(path, "---------");
    assertThat(refusal())
        .contains("may not connect")
        .contains("have its owner delete the file")
        .contains("[EACCES]")
        .doesNotContain("somebody does already");
    assertThat(path).exists();
  }

  @Test
  void socket_thatNobodyListensOn_andThatMayNotBeDeleted_isNotSaidToBeInUse() throws Exception {
    leaveSocket(path, "rw-------");
    Files.createFile(folder.resolve("socket.lock"));
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("r-xr-xr-x"));
    try {
      assertThat(refusal())
          .contains("on which nobody listens")
          .contains("may not delete it")
          .doesNotContain("somebody does already");
    } finally {
      Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
    }
    assertThat(path).exists();
  }

  /** What a process is told that listens there, and for which permissions hold. */
  private String refusal() throws Exception {
    List<String> launcher = List.of();
    if (FileStatus.at(folder).orElseThrow().owner() == 0) { // they don't hold for root
      assumeTrue(Files.isExecutable(SETPRIV), "there is no setpriv, and root may do everything");
      launcher = List.of(SETPRIV.toString(), "--bounding-set=-all", "--inh-caps=-all");
    }
    ChildProcess.End end = ChildProcess.runBy(launcher, Refused.class, path.toString());
    assumeTrue(end.status() != CANNOT_DROP, "root's rights can't be dropped here");
    assertThat(end.status()).as(end.output()).isZero();
    return end.output();
  }

  /** Listens at a path, and prints why it can't. */
  static final class Refused {
    private Refused() {}

    public static void main(String[] arguments) {
      try (BufferListener listener = BufferListener.open(PeerAddress.of(Path.of(arguments[0])))) {
        System.out.println(listener + " listens");
        System.exit(1);
      } catch (DmaBufException e) {
        System.out.println(e.getMessage());
      }
    }
  }
}

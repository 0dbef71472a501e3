package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.linux.bindings.statx;
import java.io.File;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** What others may do with a memory file. */
@EnabledOnOs(OS.LINUX)
final class MemoryFileRightsTest {
  private static final long BYTES = Syscalls.getpagesize();
  private static final int SEAL_EXEC = 0x20; // F_SEAL_EXEC, of Linux 6.3
  private static final String OTHER_USER = "65534";

  private static Descriptor file() {
    return MemoryFiles.create(BYTES, "MemoryFileRightsTest");
  }

  private static int mode(int fd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment status = statx.allocate(arena);
      assertThat(Syscalls.statx(fd, linux_h.STATX_BASIC_STATS(), status)).isZero();
      return statx.stx_mode(status) & 0777;
    }
  }

  @Test
  void dv7_file_isItsMakersAlone_whoCanOpenItAnew() {
    try (Descriptor file = file()) {
      assertThat(mode(file.fd())).isEqualTo(0600);
      int again = Syscalls.open("/proc/self/fd/" + file.fd(), linux_h.O_RDWR());
      assertThat(again).isNotNegative();
      assertThat(Syscalls.close(again)).isZero();
    }
  }

  @Test
  void dv7_processOfAnotherUser_thatGotItForReading_cannotOpenItForWriting() throws Exception {
    Path switchUser = Path.of("/usr/bin/setpriv");
    assumeTrue(Files.isExecutable(switchUser), "there is no setpriv");
    assumeTrue(mayBeAnotherUser(switchUser), "only root can be another user");
    try (Descriptor file = file()) {
      assertThat(tryToWrite(switchUser, file)).isEqualTo("reads");
      // The same attempt succeeds where nothing but the mode is another, so it was no other hurdle.
      assertThat(file.use(fd -> Syscalls.fchmod(fd, 0666))).isZero();
      assertThat(tryToWrite(switchUser, file)).isEqualTo("writes");
    }
  }

  /** Gives another user's process the file for reading, which opens it anew for writing. */
  private static String tryToWrite(Path switchUser, Descriptor file) throws Exception {
    Process other =
        new ProcessBuilder(
                switchUser.toString(),
                "--reuid=" + OTHER_USER,
                "--clear-groups",
                "sh",
                "-c",
                "if (exec 3<>/proc/self/fd/0) 2>/dev/null; then echo writes; else echo reads; fi")
            .redirectInput(new File("/proc/self/fd/" + file.fd())) // opened for reading
            .start();
    return new String(other.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
  }

  private static boolean mayBeAnotherUser(Path switchUser) throws Exception {
    return new ProcessBuilder(
                switchUser.toString(), "--reuid=" + OTHER_USER, "--clear-groups", "true")
            .start()
            .waitFor()
        == 0;
  }

  @Test
  void file_canNeverBeRun_whereTheKernelKnowsThat() {
    int known = Syscalls.memfdCreate("probe", linux_h.MFD_CLOEXEC() | linux_h.MFD_NOEXEC_SEAL());
    assumeTrue(known >= 0, "the kernel is older than 6.3");
    assertThat(Syscalls.close(known)).isZero();
    try (Descriptor file = file()) {
      assertThat(Syscalls.fcntl(file.fd(), linux_h.F_GET_SEALS(), 0) & SEAL_EXEC)
          .isEqualTo(SEAL_EXEC);
    }
  }

  @Test
  void olderKernel_thatDoesNotKnowThat_isAskedForAFileThatCanBeSealed() {
    List<Integer> asked = new ArrayList<>();
    int result =
        MemoryFiles.create(
            flags -> {
              asked.add(flags);
              return (flags & linux_h.MFD_NOEXEC_SEAL()) != 0 ? -linux_h.EINVAL() : 17;
            });
    assertThat(result).isEqualTo(17);
    assertThat(asked)
        .containsExactly(
            linux_h.MFD_CLOEXEC() | linux_h.MFD_NOEXEC_SEAL(),
            linux_h.MFD_CLOEXEC() | linux_h.MFD_ALLOW_SEALING());
  }
}

package io.github.dmabuf4j.device.sharing;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.device.DeviceBuffers;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.linux.bindings.statx;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** Memory that another program has made for everybody, on its way to a third one. */
@EnabledOnOs(OS.LINUX)
final class BufferPassingTest {
  private static final int FOR_EVERYBODY = 0777;
  private static final long SET_FLAGS = 0x40086602; // FS_IOC_SETFLAGS
  private static final int IMMUTABLE = 0x10; // FS_IMMUTABLE_FL

  /** A memory file of another program. */
  private static int foreignFile(int seals) {
    int fd = StrangeFiles.memoryFile(TestBuffers.BYTES, linux_h.F_SEAL_SHRINK() | seals);
    assertThat(Syscalls.fchmod(fd, FOR_EVERYBODY)).isZero();
    return fd;
  }

  private static int mode(int fd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment status = statx.allocate(arena);
      assertThat(Syscalls.statx(fd, linux_h.STATX_BASIC_STATS(), status)).isZero();
      return statx.stx_mode(status) & FOR_EVERYBODY;
    }
  }

  private static int modeWhenSent(int fd, Access access) throws InterruptedException {
    try (DmaBuf buffer = DeviceBuffers.importFd(fd);
        OwnedFd sent = BufferPassing.export(buffer, access)) {
      return mode(sent.fd());
    } finally {
      int _ = Syscalls.close(fd);
    }
  }

  @Test
  void dv7_file_thatAnotherProgramMadeForEverybody_isItsOwnersAlone_onceSentToBeRead()
      throws Exception {
    assertThat(modeWhenSent(foreignFile(0), Access.READ)).isEqualTo(0600);
  }

  @Test
  void dv7_file_thatCameToBeReadOnly_isItsOwnersAlone_onceSentOn() throws Exception {
    int whole = foreignFile(0);
    int readOnly = Syscalls.open("/proc/self/fd/" + whole, linux_h.O_RDONLY());
    assertThat(Syscalls.close(whole)).isZero();
    assertThat(modeWhenSent(readOnly, Access.READ)).isEqualTo(0600);
  }

  @Test
  void dv7_file_thatMayBeWrittenByThePeer_orByNobody_staysAsItIs() throws Exception {
    assertThat(modeWhenSent(foreignFile(0), Access.READ_WRITE)).isEqualTo(FOR_EVERYBODY);
    assertThat(modeWhenSent(foreignFile(linux_h.F_SEAL_FUTURE_WRITE()), Access.READ))
        .isEqualTo(FOR_EVERYBODY);
  }

  /** Even root may not change the mode of a file that is immutable; other users may of none. */
  @Test
  void dv7_file_whoseModeCannotBeChanged_isNotSentToBeRead() throws Exception {
    int fd = foreignFile(0);
    assumeTrue(isImmutable(fd), "the kernel, or this user, can't make the file immutable");
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(() -> modeWhenSent(fd, Access.READ))
        .satisfies(e -> assertThat(e.errno()).contains(Errno.EOPNOTSUPP))
        .withMessageContaining("lets everybody open it anew");
  }

  private static boolean isImmutable(int fd) {
    try (Arena arena = Arena.ofConfined()) {
      return Syscalls.ioctl(fd, SET_FLAGS, arena.allocateFrom(JAVA_INT, IMMUTABLE)) >= 0;
    }
  }
}

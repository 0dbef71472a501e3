package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.EventCounter;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.lang.foreign.Arena;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** What failed of a timeline, told through a file that only its maker can write. */
@EnabledOnOs(OS.LINUX)
final class FailureLogTest {
  private final int before = open();
  private final FailureLog ours = FailureLog.create("test");
  private final FailureLog theirs = FailureLog.of(ours.duplicate("test"));

  private static int open() {
    return DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.FENCE);
  }

  @AfterEach
  void nothingIsLeft() {
    ours.close();
    ours.close();
    theirs.close();
    assertThat(open()).isEqualTo(before);
  }

  @Test
  void points_thatFailed_areFoundWithTheirErrors_andNoOthers() {
    assertThat(theirs.error(1)).isEmpty();
    ours.add(7, 5);
    ours.add(FailureLog.LAST_POINT, 4095);
    assertThat(theirs.error(7)).hasValue(5);
    assertThat(theirs.error(FailureLog.LAST_POINT)).hasValue(4095);
    assertThat(theirs.error(6)).isEmpty();
    assertThat(theirs.error(8)).isEmpty();
    assertThat(theirs.error(0)).isEmpty();
  }

  @Test
  void entries_asManyAsThereIsRoomFor_areKept_andNoMore() {
    for (int i = 1; i <= FailureLog.CAPACITY; i++) {
      ours.add(i, i % 4095 + 1);
    }
    assertThat(ours.count()).isEqualTo(FailureLog.CAPACITY);
    assertThatIllegalStateException().isThrownBy(() -> ours.add(1000, 1));
    for (int i = 1; i <= FailureLog.CAPACITY; i++) {
      assertThat(theirs.error(i)).hasValue(i % 4095 + 1);
    }
  }

  /**
   * Nor can the reader hold a lock that the writer needs: each way to change the file is closed.
   */
  @Test
  void dv6_reader_canNeitherWriteNorResizeNorPunchHoles() {
    try (Descriptor file = ours.duplicate("test");
        Arena arena = Arena.ofConfined()) {
      int punch = 3; // FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE
      assertThat(file.use(fd -> (int) Syscalls.write(fd, arena.allocate(8))))
          .isEqualTo(-linux_h.EPERM());
      assertThat(file.use(fd -> Syscalls.ftruncate(fd, 0))).isEqualTo(-linux_h.EPERM());
      assertThat(file.use(fd -> Syscalls.ftruncate(fd, 1 << 20))).isEqualTo(-linux_h.EPERM());
      assertThat(file.use(fd -> Syscalls.fallocate(fd, punch, 0, 4096)))
          .isEqualTo(-linux_h.EPERM());
      int rights = linux_h.PROT_READ() | linux_h.PROT_WRITE();
      assertThat(file.use(fd -> (int) Syscalls.mmap(fd, 4096, rights, linux_h.MAP_SHARED())))
          .isEqualTo(-linux_h.EPERM());
    }
  }

  @Test
  void otherFiles_areRefused_andClosed() {
    Descriptor counter = EventCounter.create(Descriptor.Kind.FENCE, "test");
    assertThatIllegalArgumentException().isThrownBy(() -> FailureLog.of(counter));
    assertThat(counter.isClosed()).isTrue();
  }

  /** Reading one may wait for others, and there is none of this library's. */
  @Test
  void filesOfHugePages_areRefused_andClosed() {
    int flags = linux_h.MFD_CLOEXEC() | linux_h.MFD_ALLOW_SEALING() | linux_h.MFD_HUGETLB();
    int fd = Syscalls.memfdCreate("huge", flags);
    assumeThat(fd).as("a memory file of huge pages").isNotNegative();
    Descriptor huge =
        DescriptorBudget.OF_THIS_PROCESS.adopt(Descriptor.Kind.FENCE, "FailureLogTest", fd);
    assertThatIllegalArgumentException().isThrownBy(() -> FailureLog.of(huge));
    assertThat(huge.isClosed()).isTrue();
  }

  @Test
  void adding_afterClose_isRefused() {
    ours.close();
    assertThatIllegalStateException().isThrownBy(() -> ours.add(1, 1));
    assertThatIllegalStateException().isThrownBy(() -> theirs.add(1, 1));
    assertThat(theirs.error(1)).isEmpty();
  }
}

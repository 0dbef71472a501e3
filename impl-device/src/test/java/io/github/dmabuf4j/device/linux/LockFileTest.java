package io.github.dmabuf4j.device.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.github.dmabuf4j.DmaBufException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Who has the lock, and which file is deleted. */
@EnabledOnOs(OS.LINUX)
@Timeout(120)
final class LockFileTest {
  private static final int OPEN_BEFORE = open();

  @TempDir Path folder;
  private Path path;

  private static int open() {
    return DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.SOCKET);
  }

  @BeforeEach
  void begin() {
    path = folder.resolve("lock");
  }

  @AfterEach
  void nothingStaysOpen() {
    assertThat(open()).isEqualTo(OPEN_BEFORE);
  }

  private Optional<LockFile> tryLock() {
    return LockFile.tryLock(path, "LockFileTest");
  }

  @Test
  void lock_isOnesAlone_untilItIsClosed_whichDeletesTheFile() {
    try (LockFile first = tryLock().orElseThrow()) {
      assertThat(path).exists();
      assertThat(FileStatus.at(path).orElseThrow().permissions()).isEqualTo(0600);
      assertThat(tryLock()).isEmpty();
      assertThat(first).hasToString("lock " + path);
    }
    assertThat(folder).isEmptyDirectory();
    tryLock().orElseThrow().close();
  }

  // ---- links ----

  @Test
  void symbolicLink_makesNoFileElsewhere() throws Exception {
    Path elsewhere = folder.resolve("elsewhere");
    Files.createSymbolicLink(path, elsewhere);
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(this::tryLock)
        .withMessageContaining("found a symbolic link")
        .withMessageContaining("delete that");
    assertThat(elsewhere).doesNotExist();
    assertThat(Files.exists(path, LinkOption.NOFOLLOW_LINKS)).isTrue();
  }

  @Test
  void symbolicLink_locksNoFileElsewhere() throws Exception {
    Path elsewhere = folder.resolve("elsewhere");
    Files.writeString(elsewhere, "precious");
    Files.createSymbolicLink(path, elsewhere);
    assertThatExceptionOfType(DmaBufException.class).isThrownBy(this::tryLock);
    assertThat(elsewhere).hasContent("precious");
    try (LockFile lock = LockFile.tryLock(elsewhere, "LockFileTest").orElseThrow()) {
      assertThat(lock).isNotNull();
    }
  }

  @Test
  void folder_isRefusedClearly() throws Exception {
    Files.createDirectory(path);
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(this::tryLock)
        .withMessageContaining("found a folder");
    assertThat(path).isDirectory();
  }

  // ---- which file is at the path ----

  @Test
  void file_thatWasMovedAway_isNotTheOneAtThePath() throws Exception {
    Files.createFile(path);
    try (Descriptor file =
        DescriptorBudget.OF_THIS_PROCESS.make(
            Descriptor.Kind.SOCKET, "test", "open", () -> Syscalls.open(path.toString(), 0))) {
      assertThat(LockFile.isAt(path, file)).isTrue();
      Files.move(path, folder.resolve("moved"));
      assertThat(LockFile.isAt(path, file)).isFalse();
      Files.createFile(path);
      assertThat(LockFile.isAt(path, file)).isFalse();
      Files.delete(path);
      Files.createSymbolicLink(path, folder.resolve("moved"));
      assertThat(LockFile.isAt(path, file)).isFalse();
    }
  }

  @Test
  void close_afterTheFileWasMovedAway_leavesThatOfTheNextHolder() throws Exception {
    LockFile first = tryLock().orElseThrow();
    Files.move(path, folder.resolve("moved"));
    try (LockFile next = tryLock().orElseThrow()) {
      first.close();
      assertThat(path).exists();
      assertThat(next).isNotNull();
    }
    assertThat(path).doesNotExist();
  }

  // ---- closing more than once ----

  @Test
  void closingAgain_leavesTheFileOfTheNextHolder() {
    LockFile first = tryLock().orElseThrow();
    first.close();
    try (LockFile next = tryLock().orElseThrow()) {
      first.close();
      assertThat(path).exists();
      assertThat(tryLock()).isEmpty();
      assertThat(next).isNotNull();
    }
  }

  @Test
  void closingAtOnce_neverDeletesTheFileOfTheNextHolder() throws Exception {
    int threads = 4;
    CyclicBarrier step = new CyclicBarrier(threads);
    try (ExecutorService pool = Executors.newFixedThreadPool(threads)) {
      for (int round = 0; round < 300; round++) {
        LockFile shared = tryLock().orElseThrow();
        List<Future<?>> closing = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
          closing.add(pool.submit(() -> closeAndTakeAgain(shared, step)));
        }
        for (Future<?> one : closing) {
          one.get();
        }
        assertThat(folder).isEmptyDirectory();
      }
    }
  }

  /** All have closed the first lock when the next holder looks whether its file is still there. */
  private Void closeAndTakeAgain(LockFile shared, CyclicBarrier step) throws Exception {
    step.await();
    shared.close();
    Optional<LockFile> next = tryLock();
    try {
      step.await();
      if (next.isPresent()) {
        assertThat(path).exists();
      }
    } finally {
      step.await();
      next.ifPresent(LockFile::close);
    }
    return null;
  }
}

package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.EventCounter;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** When a mapping is undone. */
@EnabledOnOs(OS.LINUX)
@Timeout(60)
final class FileMappingTest {
  private static final long PAGE = 4096;

  private static FileMapping map(Descriptor file) {
    return FileMapping.of(file, PAGE, true, "FileMappingTest");
  }

  private static boolean isMapped(FileMapping mapping) throws IOException {
    String begin = "%x-".formatted(mapping.address());
    return Files.readAllLines(Path.of("/proc/self/maps")).stream()
        .anyMatch(line -> line.startsWith(begin) && line.contains("memfd:"));
  }

  /** A counter whose reader waits. */
  private static Descriptor counter() {
    return DescriptorBudget.OF_THIS_PROCESS.make(
        Descriptor.Kind.DEVICE,
        "FileMappingTest",
        "eventfd",
        () -> Syscalls.eventfd(0, linux_h.EFD_CLOEXEC()));
  }

  /** A thread that sleeps in the kernel with bytes of a mapping, until a counter is raised. */
  private static final class Reader {
    private static final String NAME = "mapping-reader";
    private final CompletableFuture<Long> read = new CompletableFuture<>();
    private volatile boolean isReading;

    Reader(MemorySegment bytes, Descriptor counter) {
      EventCounter.add(counter, 1); // the first read loads what it takes, and comes back at once
      Thread.ofPlatform()
          .name(NAME)
          .start(
              () -> {
                int _ = counter.use(fd -> (int) Syscalls.read(fd, bytes));
                isReading = true;
                read.complete((long) counter.use(fd -> (int) Syscalls.read(fd, bytes)));
              });
    }

    void awaitSleep() throws IOException {
      while (!isReading || !sleeps()) {
        Thread.yield();
      }
    }

    private static boolean sleeps() throws IOException {
      try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
        return tasks.map(Reader::status).anyMatch(text -> text.contains("(" + NAME + ") S"));
      }
    }

    private static String status(Path task) {
      try {
        return Files.readString(task.resolve("stat"));
      } catch (IOException e) {
        return ""; // it has ended
      }
    }
  }

  @Test
  void vm4_mappingThatNativeCodeUses_staysUntilThatIsOver_andThenWhoeverUnmapsNextUndoesIt()
      throws Exception {
    try (Descriptor file = MemoryFiles.create(2 * PAGE, "FileMappingTest");
        Descriptor counter = counter()) {
      FileMapping used = map(file);
      MemorySegment bytes = used.segment(PAGE);
      Reader reader = new Reader(bytes, counter);
      reader.awaitSleep();
      assertThat(used.release()).as("the last reference").isTrue();
      assertThat(isMapped(used)).isTrue();
      EventCounter.add(counter, 42);
      assertThat(reader.read.get(20, TimeUnit.SECONDS)).isEqualTo(Long.BYTES);
      FileMapping other = map(file);
      assertThat(other.release()).isTrue();
      assertThat(isMapped(used)).isFalse();
      assertThat(isMapped(other)).isFalse();
      assertThatIllegalStateException().isThrownBy(() -> bytes.get(ValueLayout.JAVA_BYTE, 0));
    }
  }
}

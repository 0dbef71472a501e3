package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.device.linux.ProcessLimit;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A process that runs out of memory in one way after the other: what it wants is refused, with the
 * reason and what to do; nothing is left of it; and when there is memory again it succeeds.
 * Arguments: names of {@link Shortage}s.
 */
final class ShortOfMemory {
  /** What there is too little of. */
  enum Shortage {
    /** For mappings: RLIMIT_AS. */
    ADDRESS_SPACE,
    /** For files: RLIMIT_FSIZE. */
    FILE_SIZE,
    /** For files: vm.overcommit_memory. The whole machine's: for the guest. */
    COMMITTED_MEMORY
  }

  private static final Path VM = Path.of("/proc/sys/vm");
  private static final int LARGE = 64 << 20;
  private static final int SPARE = 16 << 20;

  private ShortOfMemory() {}

  public static void main(String[] names) throws Exception {
    ChildProcess.loadAllClasses();
    for (String name : names) {
      long files = OpenDescriptors.to("memfd:");
      long mappings = mappedFiles();
      switch (Shortage.valueOf(name)) {
        case ADDRESS_SPACE -> mapWithoutAddressSpace();
        case FILE_SIZE -> allocateBeyondTheFileSize();
        case COMMITTED_MEMORY -> allocateBeyondTheCommitLimit();
      }
      assertThat(OpenDescriptors.to("memfd:")).as("files after " + name).isEqualTo(files);
      assertThat(mappedFiles()).as("mappings after " + name).isEqualTo(mappings);
    }
    System.out.println("done: " + String.join(", ", names));
  }

  private static Heap open() {
    return Heaps.open("memfd:system?limit=512MiB&retained=0&mappings=0");
  }

  /** How many memory files are mapped. */
  private static long mappedFiles() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/maps")).stream()
        .filter(line -> line.contains("memfd:dmabuf4j"))
        .count();
  }

  private static void use(DmaBuf buffer) throws InterruptedException {
    buffer.write(bytes -> bytes.fill((byte) 1));
  }

  /** What a refusal says, and its errno, or that of its cause. */
  private static void check(DmaBufException refusal, Errno errno, String... words) {
    DmaBufException system = refusal.getCause() instanceof DmaBufException cause ? cause : refusal;
    System.out.println(refusal.getMessage());
    assertThat(system.errno()).contains(errno);
    assertThat(refusal.getMessage()).contains(words);
  }

  private static void mapWithoutAddressSpace() throws Exception {
    try (Heap heap = open();
        DmaBuf buffer = heap.allocate(LARGE)) {
      use(buffer);
      heap.allocate(1 << 12).close();
    }
    try (Heap heap = open();
        DmaBuf buffer = heap.allocate(LARGE)) {
      DmaBufException refusal;
      try (ProcessLimit _ = ProcessLimit.lower(ProcessLimit.Resource.ADDRESS_SPACE, mapped())) {
        refusal = catchThrowableOfType(DmaBufException.class, () -> use(buffer));
      }
      check(refusal, Errno.ENOMEM, "mmap of 67108864 B (64 MiB) of memfd:system", "ulimit -v");
      use(buffer);
    }
  }

  /** The address space that is in use, and a little more for the JVM itself. */
  private static long mapped() throws IOException {
    String sizes = Files.readString(Path.of("/proc/self/statm"));
    long pages = Long.parseLong(sizes.substring(0, sizes.indexOf(' ')));
    return pages * KernelFiles.PAGE + SPARE;
  }

  private static void allocateBeyondTheFileSize() throws Exception {
    try (Heap heap = open()) {
      OutOfBuffersException refusal;
      try (ProcessLimit _ = ProcessLimit.lower(ProcessLimit.Resource.FILE_SIZE, SPARE)) {
        refusal = catchThrowableOfType(OutOfBuffersException.class, () -> heap.allocate(LARGE));
        heap.allocate(SPARE).close();
      }
      check(refusal, Errno.EFBIG, "wanted 67108864 B (64 MiB) of memfd:system", "ulimit -f");
      long _ = heap.trim(); // the timer does it too, later
      assertThat(heap.statistics().committedBytes()).isZero();
      heap.allocate(LARGE).close();
    }
  }

  private static void allocateBeyondTheCommitLimit() throws Exception {
    String ratio = Files.readString(VM.resolve("overcommit_ratio"));
    String mode = Files.readString(VM.resolve("overcommit_memory"));
    try (Heap heap = open()) {
      heap.allocate(1 << 12).close();
      OutOfBuffersException refusal;
      try {
        long limit = committedKibibytes() + ((4L * LARGE) >> 10);
        Files.writeString(VM.resolve("overcommit_kbytes"), Long.toString(limit));
        Files.writeString(VM.resolve("overcommit_memory"), "2");
        refusal =
            catchThrowableOfType(OutOfBuffersException.class, () -> heap.allocate(6L * LARGE));
        heap.allocate(LARGE).close();
      } finally {
        Files.writeString(VM.resolve("overcommit_memory"), mode);
        Files.writeString(VM.resolve("overcommit_ratio"), ratio);
      }
      check(refusal, Errno.ENOSPC, "wanted 402653184 B (384 MiB) of memfd:system", "memory.max");
      long _ = heap.trim(); // the timer does it too, later
      assertThat(heap.statistics().committedBytes()).isZero();
      heap.allocate(6L * LARGE).close();
    }
  }

  private static long committedKibibytes() throws IOException {
    return Files.readAllLines(Path.of("/proc/meminfo")).stream()
        .filter(line -> line.startsWith("Committed_AS:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D+", "")))
        .sum();
  }
}

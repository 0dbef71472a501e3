package io.github.dmabuf4j.device;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.Restarted;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * Which points of a timeline stand for work that failed, for the process at the other end: a point
 * itself can only be reached. A memory file of {@value #CAPACITY} entries, which one side writes
 * and the other reads.
 *
 * <p><b>Invariant.</b> Entries are added at the end and never change. That of a point is there
 * before the point is signaled; so whoever finds the point reached, and no entry, knows that the
 * work succeeded. An entry is 16 bytes, the number and its complement, so that one that is being
 * written isn't taken for another: the point in the upper 52 bits, the error number in the lower
 * 12.
 *
 * <p><b>Trust.</b> Each side may do to the file what it likes (design rules DV5, DV6). It is
 * written through a mapping made before the file was sealed against other writing: a write by a
 * call takes a lock of the file's, which a process that writes from memory of its own making can
 * hold for as long as it likes. It is read by calls, which take no such lock and don't fault
 * whatever becomes of the file; what they find is at worst a lie about the other side's own work.
 * What isn't a memory file isn't read at all, for reading another kind of file may wait; nor is one
 * of huge pages. It is told by its seals, which the kernel answers without asking the file.
 *
 * <p><b>Threads.</b> Any.
 */
final class FailureLog implements AutoCloseable {
  /** The most entries. */
  static final int CAPACITY = 256;

  /** The highest point that fits an entry. */
  static final long LAST_POINT = (1L << 51) - 1;

  private static final int ENTRY_BYTES = 16;
  private static final long BYTES = (long) CAPACITY * ENTRY_BYTES;
  private static final int ERROR_BITS = 12;
  private static final int LARGEST_ERROR = 4095; // MAX_ERRNO

  private final Descriptor file;

  /** The writer's mapping; null on the side that reads. Guarded by this object. */
  private @Nullable MemorySegment entries;

  /** How many were added. Guarded by this object. */
  private int count;

  private FailureLog(Descriptor file) {
    this.file = file;
  }

  // ---- the side that writes ----

  /**
   * Makes an empty one.
   *
   * @throws DmaBufException if no descriptor or no memory is left
   */
  static FailureLog create(String holder) {
    Descriptor file =
        DescriptorBudget.OF_THIS_PROCESS.make(
            Descriptor.Kind.FENCE,
            holder,
            "memfd_create",
            () -> MemoryFiles.create(flags -> Syscalls.memfdCreate("dmabuf4j-failures", flags)));
    FailureLog made = new FailureLog(file);
    boolean done = false;
    try {
      made.provide();
      done = true;
      return made;
    } finally {
      if (!done) {
        made.close();
      }
    }
  }

  private synchronized void provide() {
    check("ftruncate", Restarted.call(() -> file.use(fd -> Syscalls.ftruncate(fd, BYTES))));
    check("fallocate", Restarted.call(() -> file.use(fd -> Syscalls.fallocate(fd, 0, 0, BYTES))));
    long[] address = new long[1];
    check(
        "mmap",
        file.use(
            fd -> {
              int rights = linux_h.PROT_READ() | linux_h.PROT_WRITE();
              address[0] = Syscalls.mmap(fd, BYTES, rights, linux_h.MAP_SHARED());
              return address[0] < 0 && address[0] >= -LARGEST_ERROR ? (int) address[0] : 0;
            }));
    boolean isKept = false;
    try {
      entries = MemorySegment.ofAddress(address[0]).reinterpret(BYTES);
      isKept = true;
    } finally {
      if (!isKept) { // no Java heap
        int _ = Syscalls.munmap(address[0], BYTES);
      }
    }
    int seals =
        linux_h.F_SEAL_SHRINK()
            | linux_h.F_SEAL_GROW()
            | linux_h.F_SEAL_FUTURE_WRITE()
            | linux_h.F_SEAL_SEAL();
    check("F_ADD_SEALS", file.use(fd -> Syscalls.fcntl(fd, linux_h.F_ADD_SEALS(), seals)));
  }

  private void check(String call, int result) {
    int _ = SyscallFailure.check(call, file.toString(), result);
  }

  /** Another descriptor of it, for the side that reads. */
  Descriptor duplicate(String holder) {
    return file.duplicate(holder);
  }

  /** How many entries there are. */
  synchronized int count() {
    return count;
  }

  /**
   * Adds a point whose work failed.
   *
   * @throws IllegalStateException if there is no room, or this is closed or the reader's
   */
  synchronized void add(long point, int error) {
    MemorySegment present = entries;
    if (present == null || count == CAPACITY) {
      throw new IllegalStateException(
          "no room for a failure: %d of %d are there".formatted(count, CAPACITY));
    }
    long value = point << ERROR_BITS | error;
    present.setAtIndex(ValueLayout.JAVA_LONG, 2L * count, value);
    present.setAtIndex(ValueLayout.JAVA_LONG, 2L * count + 1, ~value);
    VarHandle.releaseFence(); // partner: the call that signals the point, after which it is read
    count++;
  }

  // ---- the side that reads ----

  /**
   * Takes one over that another process made; closes it if this fails.
   *
   * @throws IllegalArgumentException if it is no memory file
   */
  static FailureLog of(Descriptor file) {
    boolean isOne = false;
    try {
      isOne = file.use(fd -> FileIdentity.isMemoryFile(fd) ? 1 : 0) == 1;
    } finally {
      if (!isOne) {
        file.close();
      }
    }
    if (!isOne) {
      throw new IllegalArgumentException("wanted a memory file, got another kind of file: " + file);
    }
    return new FailureLog(file);
  }

  /**
   * Why the work of a point failed.
   *
   * @return the error number, from 1 to 4095; empty if the work succeeded
   * @throws IllegalStateException if this is closed
   * @throws DmaBufException if it can't be read
   */
  OptionalInt error(long point) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment found = arena.allocate(BYTES, Long.BYTES);
      int bytes = read(found.asSlice(0, ENTRY_BYTES));
      if (bytes < ENTRY_BYTES || found.get(ValueLayout.JAVA_LONG, 0) == 0) {
        return OptionalInt.empty(); // nothing ever failed
      }
      bytes = read(found);
      for (long i = 0; i < bytes / ENTRY_BYTES; i++) {
        long value = found.getAtIndex(ValueLayout.JAVA_LONG, 2 * i);
        boolean isWhole = value == ~found.getAtIndex(ValueLayout.JAVA_LONG, 2 * i + 1);
        int error = (int) value & LARGEST_ERROR;
        if (isWhole && value >>> ERROR_BITS == point && error != 0) {
          return OptionalInt.of(error);
        }
      }
      return OptionalInt.empty();
    }
  }

  private int read(MemorySegment into) {
    return SyscallFailure.check(
        "pread",
        file.toString(),
        file.use(fd -> (int) Restarted.callLong(() -> Syscalls.pread(fd, into, 0))));
  }

  /** Closes the file, and unmaps it. Closing again does nothing. */
  @Override
  public synchronized void close() {
    MemorySegment present = entries;
    entries = null;
    if (present != null) {
      int _ = Syscalls.munmap(present.address(), BYTES);
    }
    file.close();
  }
}

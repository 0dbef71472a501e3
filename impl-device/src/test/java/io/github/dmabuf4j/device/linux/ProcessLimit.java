package io.github.dmabuf4j.device.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * A soft limit of this process, lowered until this is closed. Limits are the whole process's: for
 * tests in a process of their own.
 */
public final class ProcessLimit implements AutoCloseable {
  /** What is limited, by the numbers of Linux on x86-64 and AArch64. */
  public enum Resource {
    /** The size of a file that is written, in bytes. */
    FILE_SIZE(1),
    /** One more than the highest number of a descriptor. */
    DESCRIPTORS(7),
    /** Mapped memory, in bytes. */
    ADDRESS_SPACE(9);

    private final int number;

    Resource(int number) {
      this.number = number;
    }
  }

  private static final MethodHandle SETRLIMIT =
      Linker.nativeLinker()
          .downcallHandle(
              Linker.nativeLinker().defaultLookup().findOrThrow("setrlimit"),
              FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));

  private final Resource resource;
  private final long soft;
  private final long hard;

  private ProcessLimit(Resource resource, long soft, long hard) {
    this.resource = resource;
    this.soft = soft;
    this.hard = hard;
  }

  /** Lowers a soft limit. */
  public static ProcessLimit lower(Resource resource, long soft) {
    ProcessLimit before = of(resource);
    before.set(soft);
    return before;
  }

  private static ProcessLimit of(Resource resource) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment both = arena.allocate(JAVA_LONG, 2); // soft, hard
      SyscallFailure.check("getrlimit", "a test", Syscalls.getrlimit(resource.number, both));
      return new ProcessLimit(
          resource, both.getAtIndex(JAVA_LONG, 0), both.getAtIndex(JAVA_LONG, 1));
    }
  }

  private void set(long value) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment both = arena.allocateFrom(JAVA_LONG, value, hard);
      if ((int) SETRLIMIT.invokeExact(resource.number, both) != 0) {
        throw new AssertionError("setrlimit failed");
      }
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  /** Gives back what there was. */
  @Override
  public void close() {
    set(soft);
  }
}

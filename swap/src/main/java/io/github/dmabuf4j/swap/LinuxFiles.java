package io.github.dmabuf4j.swap;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

/**
 * The calls of the C library that a file needs, as 64-bit Linux has them. {@code FileChannel} won't
 * do: an interrupt closes it; and the JDK neither allocates room for a file nor keeps the error
 * number.
 */
final class LinuxFiles implements FileCalls {
  static final int EINTR = 4;
  static final int EIO = 5;
  static final int EFBIG = 27;
  static final int ENOSPC = 28;
  static final int EDQUOT = 122;

  private static final int EISDIR = 21;
  private static final int EINVAL = 22;
  private static final int EOPNOTSUPP = 95;
  private static final int O_RDWR = 02;
  private static final int O_CREAT = 0100;
  private static final int O_EXCL = 0200;
  private static final int O_CLOEXEC = 02000000;

  /** As asm/fcntl.h has it: ARM and POWER differ from the rest. */
  private static final int O_DIRECTORY =
      Set.of("aarch64", "ppc64le").contains(System.getProperty("os.arch", "")) ? 040000 : 0200000;

  private static final int O_TMPFILE = 020000000 | O_DIRECTORY;
  private static final int OWNER_ONLY = 0600;

  private static final Map<Integer, String> NAMES =
      Map.of(
          2,
          "ENOENT",
          EIO,
          "EIO",
          13,
          "EACCES",
          20,
          "ENOTDIR",
          24,
          "EMFILE",
          EFBIG,
          "EFBIG",
          ENOSPC,
          "ENOSPC",
          30,
          "EROFS",
          EOPNOTSUPP,
          "EOPNOTSUPP",
          EDQUOT,
          "EDQUOT");

  private static final Linker LINKER = Linker.nativeLinker();
  private static final StructLayout CAPTURED = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      CAPTURED.varHandle(MemoryLayout.PathElement.groupElement("errno"));

  private static final MethodHandle OPEN =
      withErrno(
          "open",
          FunctionDescriptor.of(
              ValueLayout.JAVA_INT,
              ValueLayout.ADDRESS,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT),
          Linker.Option.firstVariadicArg(2));
  private static final MethodHandle UNLINK =
      withErrno("unlink", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS));
  private static final MethodHandle CLOSE =
      withErrno("close", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
  private static final MethodHandle PREAD = transfer("pread");
  private static final MethodHandle PWRITE = transfer("pwrite");

  /** It returns the error number itself. */
  private static final MethodHandle POSIX_FALLOCATE =
      LINKER.downcallHandle(
          LINKER.defaultLookup().findOrThrow("posix_fallocate"),
          FunctionDescriptor.of(
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG));

  private static MethodHandle transfer(String function) {
    return withErrno(
        function,
        FunctionDescriptor.of(
            ValueLayout.JAVA_LONG, // ssize_t
            ValueLayout.JAVA_INT,
            ValueLayout.ADDRESS,
            ValueLayout.JAVA_LONG, // size_t
            ValueLayout.JAVA_LONG)); // off_t
  }

  private static MethodHandle withErrno(
      String function, FunctionDescriptor descriptor, Linker.Option... options) {
    Linker.Option[] all = Arrays.copyOf(options, options.length + 1);
    all[options.length] = Linker.Option.captureCallState("errno");
    return LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(function), descriptor, all);
  }

  /** The name of an error number. */
  static String name(long error) {
    return NAMES.getOrDefault((int) error, "error " + error);
  }

  /** Where the file system can't make one without a name, it has one for a moment. */
  @Override
  public int openUnnamed(Path directory) {
    int descriptor = open(directory, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC);
    if (descriptor != -EOPNOTSUPP && descriptor != -EISDIR && descriptor != -EINVAL) {
      return descriptor;
    }
    Path named = directory.resolve("dmabuf4j-swap-" + UUID.randomUUID());
    descriptor = open(named, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC);
    if (descriptor >= 0) {
      int refused = unlink(named);
      if (refused < 0) {
        close(descriptor);
        return refused;
      }
    }
    return descriptor;
  }

  /** Opens a file that is there or, with the flags for it, is made. */
  static int open(Path path, int flags) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment captured = scratch.allocate(CAPTURED);
      MemorySegment name = scratch.allocateFrom(path.toString());
      int result;
      do {
        result = (int) OPEN.invokeExact(captured, name, flags, OWNER_ONLY);
      } while (result == -1 && errno(captured) == EINTR);
      return result == -1 ? -errno(captured) : result;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  private static int unlink(Path path) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment captured = scratch.allocate(CAPTURED);
      int result = (int) UNLINK.invokeExact(captured, scratch.allocateFrom(path.toString()));
      return result == -1 ? -errno(captured) : 0;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /** Where the file system can't allocate, the C library writes to each block. */
  @Override
  public int allocate(int descriptor, long bytes) {
    try {
      int error;
      do {
        error = (int) POSIX_FALLOCATE.invokeExact(descriptor, 0L, bytes);
      } while (error == EINTR);
      return -error;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  @Override
  public long read(int descriptor, MemorySegment target, long offset) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment captured = scratch.allocate(CAPTURED);
      long result;
      do {
        result = (long) PREAD.invokeExact(captured, descriptor, target, target.byteSize(), offset);
      } while (result == -1 && errno(captured) == EINTR);
      return result == -1 ? -errno(captured) : result;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  @Override
  public long write(int descriptor, MemorySegment source, long offset) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment captured = scratch.allocate(CAPTURED);
      long result;
      do {
        result = (long) PWRITE.invokeExact(captured, descriptor, source, source.byteSize(), offset);
      } while (result == -1 && errno(captured) == EINTR);
      return result == -1 ? -errno(captured) : result;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /** Never tried again: on Linux the descriptor is closed whatever is returned. */
  @Override
  public int close(int descriptor) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment captured = scratch.allocate(CAPTURED);
      int result = (int) CLOSE.invokeExact(captured, descriptor);
      return result == -1 ? -errno(captured) : 0;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  private static int errno(MemorySegment captured) {
    return (int) ERRNO.get(captured, 0L);
  }

  private static RuntimeException unexpected(Throwable e) {
    if (e instanceof Error error) {
      throw error;
    }
    if (e instanceof RuntimeException exception) { // a segment that died
      throw exception;
    }
    throw new AssertionError("a downcall that throws nothing threw", e);
  }
}

package io.github.dmabuf4j.offheap.pressure;

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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** {@link TriggerCalls} of 64-bit Linux, by the C library. */
final class LinuxTriggerCalls implements TriggerCalls {
  static final TriggerCalls INSTANCE = new LinuxTriggerCalls();

  // Of asm-generic/fcntl.h.
  private static final int O_RDWR = 2;
  private static final int O_NONBLOCK = 0x800;
  private static final int O_CLOEXEC = 0x80000;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final StructLayout CAPTURED = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      CAPTURED.varHandle(MemoryLayout.PathElement.groupElement("errno"));

  /** {@code struct pollfd}: the descriptor, what is waited for, what there was. */
  private static final StructLayout POLLED =
      MemoryLayout.structLayout(
          ValueLayout.JAVA_INT, ValueLayout.JAVA_SHORT, ValueLayout.JAVA_SHORT);

  private static final long EVENTS = 4;
  private static final long RETURNED_EVENTS = 6;

  private static final MethodHandle OPEN =
      function(
          "open",
          FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT),
          Linker.Option.firstVariadicArg(2)); // there is a mode if a file is made
  private static final MethodHandle WRITE =
      function(
          "write",
          FunctionDescriptor.of(
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_INT,
              ValueLayout.ADDRESS,
              ValueLayout.JAVA_LONG));
  private static final MethodHandle POLL =
      function(
          "poll",
          FunctionDescriptor.of(
              ValueLayout.JAVA_INT,
              ValueLayout.ADDRESS,
              ValueLayout.JAVA_LONG, // nfds_t
              ValueLayout.JAVA_INT));
  private static final MethodHandle CLOSE =
      function("close", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));

  private LinuxTriggerCalls() {}

  private static MethodHandle function(
      String name, FunctionDescriptor descriptor, Linker.Option... more) {
    List<Linker.Option> options = new ArrayList<>(Arrays.asList(more));
    options.add(Linker.Option.captureCallState("errno"));
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name),
        descriptor,
        options.toArray(Linker.Option[]::new));
  }

  @Override
  public int open(Path file) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment captured = scratch.allocate(CAPTURED);
      MemorySegment name = scratch.allocateFrom(file.toString());
      int result = (int) OPEN.invokeExact(captured, name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
      return result == -1 ? -errno(captured) : result;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  @Override
  public int write(int descriptor, String text) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment captured = scratch.allocate(CAPTURED);
      MemorySegment bytes = scratch.allocateFrom(text);
      long result = (long) WRITE.invokeExact(captured, descriptor, bytes, bytes.byteSize());
      return result == -1 ? -errno(captured) : (int) result;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  @Override
  public int poll(int descriptor, int millis) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment captured = scratch.allocate(CAPTURED);
      MemorySegment polled = scratch.allocate(POLLED);
      polled.set(ValueLayout.JAVA_INT, 0, descriptor);
      polled.set(ValueLayout.JAVA_SHORT, EVENTS, (short) POLLPRI);
      int result = (int) POLL.invokeExact(captured, polled, 1L, millis);
      return result == -1
          ? -errno(captured)
          : polled.get(ValueLayout.JAVA_SHORT, RETURNED_EVENTS) & 0xFFFF;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

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
    throw new AssertionError("a downcall that throws nothing threw", e);
  }
}

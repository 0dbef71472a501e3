package io.github.dmabuf4j.device.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * How functions of the C library are bound and called: with the thread's {@code errno}, which each
 * call is given memory for.
 *
 * <p><b>Threads.</b> Any; there is no state.
 */
final class Downcalls {
  private static final Linker LINKER = Linker.nativeLinker();
  private static final StructLayout CAPTURED = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      CAPTURED.varHandle(MemoryLayout.PathElement.groupElement("errno"));
  private static final Linker.Option CAPTURE = Linker.Option.captureCallState("errno");

  private Downcalls() {}

  /** Binds a function that is called with where to put the error number, then its arguments. */
  static MethodHandle function(String name, MemoryLayout result, MemoryLayout... arguments) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name),
        FunctionDescriptor.of(result, arguments),
        CAPTURE);
  }

  /** Binds one that is called with its arguments alone: the error number takes Java heap. */
  static MethodHandle plainFunction(String name, MemoryLayout result, MemoryLayout... arguments) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name), FunctionDescriptor.of(result, arguments));
  }

  /**
   * The same as {@link #function} for one that has a number of named arguments, and others after
   * them.
   */
  static MethodHandle variadicFunction(
      String name, int named, MemoryLayout result, MemoryLayout... arguments) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().findOrThrow(name),
        FunctionDescriptor.of(result, arguments),
        CAPTURE,
        Linker.Option.firstVariadicArg(named));
  }

  /** One call, given where to put the error number. */
  @FunctionalInterface
  interface Call {
    long make(MemorySegment captured, Arena scratch) throws Throwable;
  }

  /** Makes a call: its result, or the negative error number where it is -1. */
  static long call(Call call) {
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment captured = scratch.allocate(CAPTURED);
      long result = call.make(captured, scratch);
      return result == -1 ? -(int) ERRNO.get(captured, 0L) : result;
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  /** What a downcall threw: an Error of the JVM's, or a bug. */
  static Error unexpected(Throwable thrown) {
    return thrown instanceof Error error
        ? error
        : new AssertionError("a downcall that throws nothing threw", thrown);
  }
}

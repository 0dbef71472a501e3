package io.github.dmabuf4j.device.linux;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * Signals for one thread of this JVM: each interrupts the system call that the thread is in
 * (EINTR). The handler is a function of the C library that does nothing, installed without
 * SA_RESTART.
 */
final class SignalStorm {
  /** SIGURG: unlike real-time signals it isn't queued, so a storm is over when it ends. */
  private static final int SIGNAL = 23;

  private static final int SIGACTION_BYTES = 152; // handler, mask, flags, restorer
  private static final Linker LINKER = Linker.nativeLinker();
  private static final MethodHandle SIGACTION =
      LINKER.downcallHandle(
          LINKER.defaultLookup().findOrThrow("sigaction"),
          FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, ADDRESS));
  private static final MethodHandle TGKILL =
      LINKER.downcallHandle(
          LINKER.defaultLookup().findOrThrow("tgkill"),
          FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));

  private final int thread;

  /**
   * @param threadName the name of the thread, as Java knows it
   */
  SignalStorm(String threadName) throws IOException {
    this.thread = find(threadName);
    install();
  }

  private static int find(String threadName) throws IOException {
    String seen = threadName.substring(0, Math.min(15, threadName.length()));
    try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
      List<Path> found = tasks.filter(task -> name(task).equals(seen)).toList();
      if (found.size() != 1) {
        throw new IllegalStateException("wanted one thread " + seen + ", got " + found);
      }
      return Integer.parseInt(found.getFirst().getFileName().toString());
    }
  }

  private static String name(Path task) {
    try {
      return Files.readString(task.resolve("comm")).strip();
    } catch (IOException e) {
      return ""; // it has ended
    }
  }

  private static void install() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment action = arena.allocate(SIGACTION_BYTES, 8);
      action.set(ADDRESS, 0, LINKER.defaultLookup().findOrThrow("abs"));
      check((int) SIGACTION.invokeExact(SIGNAL, action, MemorySegment.NULL));
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  /** Interrupts the thread once. */
  void strike() {
    try {
      check((int) TGKILL.invokeExact((int) ProcessHandle.current().pid(), thread, SIGNAL));
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  private static void check(int result) {
    if (result != 0) {
      throw new AssertionError("a call failed: " + result);
    }
  }
}

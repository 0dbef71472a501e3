package io.github.dmabuf4j.offheap;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/** Native code that is inside a segment while something else happens: qsort, which calls back. */
final class Inside {
  private static final Linker LINKER = Linker.nativeLinker();

  private final Runnable meanwhile;
  private boolean ran;

  private Inside(Runnable meanwhile) {
    this.meanwhile = meanwhile;
  }

  /** Runs something once while native code has a segment of at least two bytes. */
  static void with(MemorySegment segment, Runnable meanwhile) throws Throwable {
    MethodHandle sort =
        LINKER.downcallHandle(
            LINKER.defaultLookup().findOrThrow("qsort"),
            FunctionDescriptor.ofVoid(
                ValueLayout.ADDRESS,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.ADDRESS));
    MethodHandle compare =
        MethodHandles.lookup()
            .bind(
                new Inside(meanwhile),
                "compare",
                MethodType.methodType(int.class, MemorySegment.class, MemorySegment.class));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment callback =
          LINKER.upcallStub(
              compare,
              FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS),
              arena);
      sort.invokeExact(segment, 2L, 1L, callback);
    }
  }

  @SuppressWarnings({"UnusedMethod", "UnusedVariable"}) // by qsort
  private int compare(MemorySegment one, MemorySegment other) {
    if (!ran) {
      ran = true;
      meanwhile.run();
    }
    return 0;
  }
}

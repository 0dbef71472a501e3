package io.github.dmabuf4j.offheap.strategy;

import io.github.dmabuf4j.spi.PoolingStrategy;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.concurrent.atomic.LongAdder;

/**
 * The C library's own pool, {@code malloc} and {@code free}, as every platform has them.
 *
 * <p><b>Threads.</b> Any. The only state is a counter, of what was asked for: what the library
 * keeps idle isn't known.
 */
final class Malloc implements PoolingStrategy {
  /** That of {@code max_align_t} where addresses have 64 bits. */
  private static final long MAX_ALIGNMENT = 16;

  // Pointers travel as integers of their size: nothing here has a segment's life.
  private static final MethodHandle MALLOC =
      function("malloc", FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));
  private static final MethodHandle FREE =
      function("free", FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG));

  private final LongAdder committed = new LongAdder();

  private static MethodHandle function(String name, FunctionDescriptor descriptor) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor);
  }

  @Override
  public Piece allocate(long bytes, long alignment) {
    long address = malloc(bytes);
    if (address == 0) {
      throw new OutOfMemoryError("malloc of %d B returned NULL".formatted(bytes));
    }
    try {
      Piece piece = new OfMalloc(address, bytes);
      committed.add(bytes);
      return piece;
    } catch (OutOfMemoryError e) {
      free(address);
      throw e;
    }
  }

  private static long malloc(long bytes) {
    try {
      return (long) MALLOC.invokeExact(bytes);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  private static void free(long address) {
    try {
      FREE.invokeExact(address);
    } catch (Throwable e) {
      throw unexpected(e);
    }
  }

  private static RuntimeException unexpected(Throwable e) {
    if (e instanceof Error error) {
      throw error;
    }
    throw new AssertionError("a downcall that throws nothing threw", e);
  }

  @Override
  public long maxAlignment() {
    return MAX_ALIGNMENT;
  }

  @Override
  public long committedBytes() {
    return committed.sum();
  }

  @Override
  public void close() {}

  private final class OfMalloc implements Piece {
    private final long address;
    private final long bytes;

    OfMalloc(long address, long bytes) {
      this.address = address;
      this.bytes = bytes;
    }

    @Override
    public long address() {
      return address;
    }

    @Override
    public boolean isZero() {
      return false;
    }

    @Override
    public void free() {
      Malloc.free(address);
      committed.add(-bytes);
    }
  }
}

package io.github.dmabuf4j.swap;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Has what virtual threads read and write done by platform threads of its own, for nothing that may
 * block in the kernel runs on a carrier (design rule FN5). The virtual thread waits, and an
 * interrupt doesn't end that. Platform threads call for themselves.
 *
 * <p><b>Threads.</b> Any. Up to four of its own, which end when nothing is to be done.
 */
final class UnpinnedCalls implements FileCalls {
  private static final int MOST_THREADS = 4;
  private static final int IDLE_SECONDS = 10;

  private final FileCalls calls;
  private final ThreadPoolExecutor threads;

  /**
   * Wraps calls.
   *
   * @param calls who does them
   */
  UnpinnedCalls(FileCalls calls) {
    this.calls = calls;
    this.threads =
        new ThreadPoolExecutor(
            MOST_THREADS,
            MOST_THREADS,
            IDLE_SECONDS,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            Thread.ofPlatform().daemon().name("dmabuf4j-swap-", 0).factory());
    threads.allowCoreThreadTimeOut(true);
  }

  private <T> T call(Supplier<T> call) {
    return Thread.currentThread().isVirtual()
        ? CompletableFuture.supplyAsync(call, threads).join()
        : call.get();
  }

  /** The same memory for a thread that may not be the arena's: its owner waits meanwhile. */
  private static MemorySegment lent(MemorySegment segment) {
    return Thread.currentThread().isVirtual()
        ? MemorySegment.ofAddress(segment.address()).reinterpret(segment.byteSize())
        : segment;
  }

  @Override
  public int openUnnamed(Path directory) {
    return call(() -> calls.openUnnamed(directory));
  }

  @Override
  public int allocate(int descriptor, long bytes) {
    return call(() -> calls.allocate(descriptor, bytes));
  }

  @Override
  public long read(int descriptor, MemorySegment target, long offset) {
    MemorySegment lent = lent(target);
    return call(() -> calls.read(descriptor, lent, offset));
  }

  @Override
  public long write(int descriptor, MemorySegment source, long offset) {
    MemorySegment lent = lent(source);
    return call(() -> calls.write(descriptor, lent, offset));
  }

  @Override
  public int close(int descriptor) {
    int result = call(() -> calls.close(descriptor));
    threads.shutdown();
    return result;
  }
}

package io.github.dmabuf4j.device.linux;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.IntSupplier;

/**
 * Makes calls that may wait in the kernel: of a virtual thread on a platform thread, so that its
 * carrier is free meanwhile (design rule FN5).
 *
 * <p><b>Threads.</b> Any. The platform threads are daemons, as many as calls are being made, and
 * end when there is nothing to do.
 */
public final class OffCarrier {
  private static final class Threads {
    static final ExecutorService POOL =
        Executors.newCachedThreadPool(
            Thread.ofPlatform()
                .name("dmabuf4j-calls-", 0)
                .daemon()
                .inheritInheritableThreadLocals(false)
                .factory());
  }

  private OffCarrier() {}

  /**
   * Makes a call. Not interruptible: an interrupt is kept for later.
   *
   * @param call returns a result or a negative error number
   * @return the same
   */
  public static int call(IntSupplier call) {
    return Thread.currentThread().isVirtual()
        ? CompletableFuture.supplyAsync(call::getAsInt, Threads.POOL).join()
        : call.getAsInt();
  }
}

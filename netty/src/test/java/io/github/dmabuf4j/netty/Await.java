package io.github.dmabuf4j.netty;

import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** Waits for what nobody tells of, and says what was waited for if it doesn't come. */
final class Await {
  private Await() {}

  static void until(String what, BooleanSupplier reached) {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (!reached.getAsBoolean()) {
      if (System.nanoTime() - end > 0) {
        throw new AssertionError("waited in vain until " + what);
      }
      Thread.yield();
    }
  }
}

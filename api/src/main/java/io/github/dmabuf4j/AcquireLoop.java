package io.github.dmabuf4j;

import io.github.dmabuf4j.AcquireContext.Body;
import io.github.dmabuf4j.AcquireContext.Computation;
import io.github.dmabuf4j.AcquireContext.Duplicates;
import io.github.dmabuf4j.WwMutex.Outcome;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * The loops around an {@link AcquireContext}: lock, back off, take what was contended, again.
 *
 * <p><b>Invariant.</b> A context that leaves here holds the whole set, or nothing and is closed.
 * Each round begins with at most one reservation held, the one that was contended; so each round
 * gets further than that one, whose holder was older.
 *
 * <p>Source: drivers/gpu/drm/drm_exec.c; rules CX1, CX2.
 */
final class AcquireLoop {
  private AcquireLoop() {}

  /** Locks a set, whose array it only reads, and makes room for fences unless the slots are 0. */
  static AcquireContext lock(Reservation[] set, Duplicates duplicates, int slots)
      throws InterruptedException {
    AcquireContext context = lock(set, duplicates, slots, true);
    if (context == null) {
      throw new InterruptedException();
    }
    return context;
  }

  static AcquireContext lockUninterruptibly(Reservation[] set) {
    AcquireContext context = lock(set, Duplicates.IGNORE, 0, false);
    if (context == null) {
      throw new AssertionError("an uninterruptible lock was interrupted");
    }
    return context;
  }

  static AcquireContext prepare(Reservation[] set, Duplicates duplicates, int slots)
      throws InterruptedException {
    if (slots <= 0) {
      throw new IllegalArgumentException("wanted at least 1 slot, got " + slots);
    }
    return lock(set, duplicates, slots);
  }

  private static @Nullable AcquireContext lock(
      Reservation[] set, Duplicates duplicates, int slots, boolean interruptible) {
    ReservationClass reservationClass =
        set.length == 0 ? ReservationClass.DEFAULT : set[0].reservationClass();
    AcquireContext context = new AcquireContext(reservationClass, set.length);
    boolean complete = false;
    try {
      if (!takeAll(context, set, duplicates, interruptible)) {
        return null;
      }
      if (slots > 0) {
        for (Reservation each : set) {
          each.reserve(slots);
        }
      }
      context.finish();
      complete = true;
      return context;
    } finally {
      if (!complete) {
        context.close();
      }
    }
  }

  /** Returns false if interrupted. */
  private static boolean takeAll(
      AcquireContext context, Reservation[] set, Duplicates duplicates, boolean interruptible) {
    if (interruptible && Thread.interrupted()) {
      return false;
    }
    int i = 0;
    while (i < set.length) {
      i = context.acquireFree(set, i);
      if (i == set.length) {
        break;
      }
      Outcome outcome = context.acquire(set[i], interruptible);
      i++;
      if (outcome == Outcome.DEADLOCK) {
        outcome = context.retry(interruptible);
        i = 0;
      } else if (outcome == Outcome.ALREADY && duplicates == Duplicates.REFUSE) {
        throw new IllegalArgumentException(
            "wanted each reservation once, got %s twice: leave it out, or say Duplicates.IGNORE"
                .formatted(set[i - 1]));
      }
      if (outcome == Outcome.INTERRUPTED) {
        return false;
      }
    }
    return true;
  }

  static <X extends Exception> void run(ReservationClass reservationClass, Body<X> body)
      throws X, InterruptedException {
    AcquireLoop.<@Nullable Object, X>call(
        reservationClass,
        context -> {
          body.run(context);
          return null;
        });
  }

  static <T extends @Nullable Object, X extends Exception> T call(
      ReservationClass reservationClass, Computation<T, X> body) throws X, InterruptedException {
    try (AcquireContext context = AcquireContext.begin(reservationClass)) {
      while (true) {
        try {
          T result = body.call(context);
          if (context.contended() == null) {
            return result;
          }
        } catch (DeadlockException contention) {
          if (context.contended() == null) {
            throw contention; // of another context, or handled and then thrown all the same
          }
        }
        if (context.retry(true) == Outcome.INTERRUPTED) {
          throw new InterruptedException();
        }
      }
    }
  }

  /** Takes over the array. */
  static <T extends @Nullable Object> CompletionStage<T> async(
      Reservation[] set, Executor executor, Computation<T, ?> body) {
    CompletableFuture<T> future = new CompletableFuture<>();
    try {
      executor.execute(() -> complete(future, set, body));
    } catch (RuntimeException | Error refused) {
      future.completeExceptionally(refused);
    }
    return future.minimalCompletionStage();
  }

  private static <T extends @Nullable Object> void complete(
      CompletableFuture<T> future, Reservation[] set, Computation<T, ?> body) {
    T result;
    try (AcquireContext context = lock(set, Duplicates.IGNORE, 0)) {
      result = body.call(context);
    } catch (Throwable e) {
      future.completeExceptionally(e);
      return;
    }
    future.complete(result); // with nothing held
  }
}

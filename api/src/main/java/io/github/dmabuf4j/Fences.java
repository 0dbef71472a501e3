package io.github.dmabuf4j;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * What is done with several fences at once, and bridges from other kinds of event.
 *
 * <p><b>Threads.</b> All methods may be called from any thread, with or without reservations held.
 */
public final class Fences {
  /** The system property with the default deadline of waits, in milliseconds. */
  public static final String TIMEOUT_PROPERTY = "dmabuf4j.timeout.millis";

  private static final Duration DEFAULT_TIMEOUT =
      Duration.ofMillis(Math.max(1, Long.getLong(TIMEOUT_PROPERTY, 30_000)));

  private Fences() {}

  /**
   * How long a wait lasts that names no deadline (design rule FN5): 30 s, or what the property
   * {@value #TIMEOUT_PROPERTY} said at start-up.
   *
   * @return a positive duration
   */
  public static Duration defaultTimeout() {
    return DEFAULT_TIMEOUT;
  }

  /**
   * The plain fences below some fences: containers are taken apart, plain fences stay.
   *
   * @param fences fences of any kind
   * @return a new list, in the order met
   */
  public static List<Fence> unwrap(Collection<? extends Fence> fences) {
    List<Fence> leaves = new ArrayList<>();
    for (Fence fence : fences) {
      switch (fence) {
        case FenceArray array -> leaves.addAll(array.parts());
        case FenceChain chain -> unwrap(chain, leaves);
        default -> leaves.add(fence);
      }
    }
    return leaves;
  }

  private static void unwrap(FenceChain tail, List<Fence> leaves) {
    Fence node = tail;
    while (node instanceof FenceChain chain) {
      leaves.addAll(unwrap(List.of(chain.fence())));
      node = chain.previousPending();
    }
    if (node != null) {
      leaves.add(node);
    }
  }

  /**
   * One fence for several: containers are taken apart, signaled ones dropped, of each context only
   * the latest kept, the rest sorted by context (rule CC6). Of an array that signals with its first
   * part all parts are waited for, unless it has signaled.
   *
   * @param fences fences of any kind
   * @return the one that is left, an array of those that are, or {@link Fence#stub()} if nothing is
   *     pending
   */
  public static Fence merge(Collection<? extends Fence> fences) {
    Map<Long, Fence> latest = new HashMap<>();
    List<Fence> unsignaled =
        fences.stream().<Fence>map(fence -> fence).filter(fence -> !fence.isSignaled()).toList();
    for (Fence leaf : unwrap(unsignaled)) {
      if (!leaf.isSignaled()) {
        latest.merge(leaf.context(), leaf, (a, b) -> a.seqno() >= b.seqno() ? a : b);
      }
    }
    List<Fence> pending = new ArrayList<>(latest.values());
    pending.sort(Comparator.comparingLong(Fence::context));
    return switch (pending.size()) {
      case 0 -> Fence.stub();
      case 1 -> pending.getFirst();
      default -> FenceArray.all(pending);
    };
  }

  /**
   * Waits until all of several fences signal, or the time is up.
   *
   * @param fences the fences; none is nothing to wait for
   * @param timeout how long to wait for all; zero or less only looks
   * @return true if all signaled, false if the time was up first
   * @throws FenceTimeoutException if a foreign one stayed silent for longer than its context allows
   * @throws InterruptedException if the thread is interrupted before or while waiting
   */
  public static boolean awaitAll(Collection<? extends Fence> fences, Duration timeout)
      throws InterruptedException {
    Deadline deadline = Deadline.after(timeout);
    for (Fence fence : fences) {
      if (!fence.await(deadline.left())) {
        return false;
      }
    }
    return true;
  }

  /**
   * Waits as {@link #awaitAll} does, not interruptibly: an interrupt is kept for later.
   *
   * @param fences the fences; none is nothing to wait for
   * @param timeout how long to wait for all; zero or less only looks
   * @return true if all signaled, false if the time was up first
   * @throws FenceTimeoutException if a foreign one stayed silent for longer than its context allows
   */
  public static boolean awaitAllUninterruptibly(
      Collection<? extends Fence> fences, Duration timeout) {
    Deadline deadline = Deadline.after(timeout);
    for (Fence fence : fences) {
      if (!fence.awaitUninterruptibly(deadline.left())) {
        return false;
      }
    }
    return true;
  }

  /**
   * Waits until one of several fences signals.
   *
   * @param fences one fence or more
   * @param timeout how long to wait; zero or less only looks
   * @return the first one found signaled, or empty if the time was up first
   * @throws FenceTimeoutException if all are foreign and stayed silent for longer than their
   *     contexts allow
   * @throws InterruptedException if the thread is interrupted before or while waiting
   * @throws IllegalArgumentException if there is no fence
   */
  public static Optional<Fence> awaitAny(List<? extends Fence> fences, Duration timeout)
      throws InterruptedException {
    try (AnyWait any = new AnyWait(fences, timeout)) {
      return any.result(any.arrived().await(any.limit()));
    }
  }

  /**
   * Waits as {@link #awaitAny} does, not interruptibly: an interrupt is kept for later.
   *
   * @param fences one fence or more
   * @param timeout how long to wait; zero or less only looks
   * @return the first one found signaled, or empty if the time was up first
   * @throws FenceTimeoutException if all are foreign and stayed silent for longer than their
   *     contexts allow
   * @throws IllegalArgumentException if there is no fence
   */
  public static Optional<Fence> awaitAnyUninterruptibly(
      List<? extends Fence> fences, Duration timeout) {
    try (AnyWait any = new AnyWait(fences, timeout)) {
      return any.result(any.arrived().awaitUninterruptibly(any.limit()));
    }
  }

  /** Listens to several fences for the first one. A fence of its own stands for that event. */
  private static final class AnyWait implements Fence.Callback, AutoCloseable {
    private final Fence arrived = Fence.single(FenceOrigin.CONTAINER);
    private final AtomicReference<@Nullable Fence> first = new AtomicReference<>();
    private final List<? extends Fence> fences;
    private final long patience;

    /** How long the most patient of the fences' contexts puts up with silence. */
    private final long silence;

    AnyWait(List<? extends Fence> fences, Duration timeout) {
      if (fences.isEmpty()) {
        throw new IllegalArgumentException("wanted at least one fence to wait for, got none");
      }
      this.fences = fences;
      this.patience = Deadline.nanos(timeout);
      this.silence = fences.stream().mapToLong(Fence::silenceNanos).max().orElseThrow();
      for (Fence fence : fences) {
        if (!fence.addCallback(this)) {
          signaled(fence);
          return;
        }
      }
    }

    @Override
    public void signaled(Fence fence) {
      first.compareAndSet(null, fence);
      arrived.signal(null);
    }

    Fence arrived() {
      return arrived;
    }

    Duration limit() {
      return Duration.ofNanos(Math.min(patience, silence));
    }

    Optional<Fence> result(boolean hasArrived) {
      if (hasArrived) {
        return Optional.of(Objects.requireNonNull(first.get()));
      }
      if (silence <= patience) {
        throw tooSilent();
      }
      return Optional.empty();
    }

    private FenceTimeoutException tooSilent() {
      return new FenceTimeoutException(
          "awaitAny",
          fences.getFirst(),
          limit(),
          "%d foreign fences stayed silent for longer than their contexts allow, %s: %s; waiter: %s"
              .formatted(
                  fences.size(),
                  limit(),
                  fences.stream().map(WaitChain::of).toList(),
                  Thread.currentThread()));
    }

    @Override
    public void close() {
      fences.forEach(fence -> fence.removeCallback(this));
    }
  }

  /**
   * A fence that signals when a stage completes, with the stage's error if it fails (design rule
   * FN7). A stage may never complete, so the fence counts as foreign: a wait for it gives up after
   * {@link FenceContext#DEFAULT_SILENCE}.
   *
   * @param stage the stage to wait for
   * @param name what it stands for, in reports
   * @return a new host fence
   */
  public static Fence from(CompletionStage<?> stage, String name) {
    FenceContext context = FenceContext.builder(name).foreign(FenceContext.DEFAULT_SILENCE).build();
    Fence fence = context.newFence();
    stage.whenComplete(
        (result, error) -> {
          if (error == null) {
            context.signal(fence);
          } else {
            // A dependent stage reports the error of its source in a wrapper.
            context.fail(
                fence,
                error instanceof CompletionException && error.getCause() != null
                    ? error.getCause()
                    : error);
          }
          context.close();
        });
    return fence;
  }
}

package io.github.dmabuf4j;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * Several fences as one: signaled when all of them are, or, if so made, when the first is. The
 * error of the first failing part becomes its own (rule CC1).
 *
 * <p>An array can't hold containers and can't be added to a {@link Reservation} (rule CR7): {@link
 * Fences#merge} flattens.
 *
 * <p><b>Cost.</b> An array listens to its parts only while somebody waits for it or has a callback
 * on it. Otherwise it looks at them when it is asked, so that an array that is polled, or that
 * nobody refers to any more, leaves nothing behind on its parts. Of several parts that failed while
 * nobody listened or asked, the first in the list counts.
 *
 * <p><b>Threads.</b> As {@link Fence}; parts and mode are constant.
 *
 * <p>Source: drivers/dma-buf/dma-fence-array.c.
 */
public final class FenceArray extends Fence {
  /*
   * Invariant: `listening` is set if and only if the array is watched, but for a thread that is about to make it so: whoever
   * changes whether it is watched calls watchChanged(), one thread at a time follows, and a thread that finds another one at
   * it leaves a note (changes > 1). No lock is held while a part is told to signal, which may run anybody's code.
   */
  private static final VarHandle FIRST_ERROR;

  static {
    try {
      FIRST_ERROR =
          MethodHandles.lookup().findVarHandle(FenceArray.class, "firstError", Throwable.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final List<Fence> parts;
  private final boolean any;
  private volatile @Nullable Throwable firstError;
  private final AtomicInteger changes = new AtomicInteger();
  private @Nullable Listening listening; // by the thread that made `changes` leave 0

  private FenceArray(Collection<Fence> parts, boolean any) {
    super(FenceOrigin.CONTAINER, 0, POLLED);
    this.parts = List.copyOf(parts);
    if (this.parts.isEmpty()) {
      throw new IllegalArgumentException(
          "wanted at least one fence, got none: use Fence.stub() for nothing to wait for");
    }
    for (Fence part : this.parts) {
      if (part instanceof FenceArray || part instanceof FenceChain) {
        throw new IllegalArgumentException(
            "wanted plain fences, got " + part + ": use Fences.merge to flatten containers");
      }
    }
    this.any = any;
  }

  /**
   * A fence that signals when all parts have.
   *
   * @param parts one fence or more, none of them a container
   * @return a new fence
   * @throws IllegalArgumentException if there is no part or one is a container
   */
  public static FenceArray all(Collection<Fence> parts) {
    return new FenceArray(parts, false);
  }

  /**
   * A fence that signals when the first of its parts does.
   *
   * @param parts one fence or more, none of them a container
   * @return a new fence
   * @throws IllegalArgumentException if there is no part or one is a container
   */
  public static FenceArray any(Collection<Fence> parts) {
    return new FenceArray(parts, true);
  }

  /**
   * The fences this one stands for.
   *
   * @return an unmodifiable list
   */
  public List<Fence> parts() {
    return parts;
  }

  // ---- looking, while nobody listens ----

  @Override
  boolean asksProducer() {
    return true;
  }

  @Override
  void startSignaling() {
    parts.forEach(Fence::enableSignaling);
  }

  @Override
  boolean poll() {
    int signaled = 0;
    for (Fence part : parts) {
      if (part.isSignaled()) {
        if (any) {
          return settle(FenceOutcome.of(part.failure(), false));
        }
        noteError(part);
        signaled++;
      }
    }
    return signaled == parts.size() && settle(FenceOutcome.of(firstError, false));
  }

  private void noteError(Fence part) {
    Throwable error = part.failure();
    if (error != null) {
      FIRST_ERROR.compareAndSet(this, null, error);
    }
  }

  // ---- listening ----

  /** What is on the parts while somebody is to be told. */
  private final class Listening implements Callback {
    private final AtomicInteger pending = new AtomicInteger(any ? 1 : parts.size());

    void begin() {
      for (Fence part : parts) {
        if (!part.addCallback(this)) {
          signaled(part);
        }
      }
    }

    @Override
    public void signaled(Fence part) {
      noteError(part);
      if (pending.decrementAndGet() == 0) {
        signal(any ? part.failure() : firstError);
      }
    }

    void end() {
      parts.forEach(part -> part.removeCallback(this));
    }
  }

  @Override
  void watchChanged() {
    if (changes.getAndIncrement() != 0) {
      return;
    }
    int notes = 1;
    boolean listened = false;
    try {
      do {
        listen(isWatched());
        notes = changes.addAndGet(-notes);
      } while (notes != 0);
      listened = true;
    } finally {
      if (!listened) {
        changes.set(0); // the next change looks again
      }
    }
  }

  private void listen(boolean watched) {
    Listening present = listening;
    if (watched && present == null) {
      listening = new Listening();
      listening.begin();
    } else if (!watched && present != null) {
      listening = null;
      present.end();
    }
  }

  /** Parts that go on for long don't keep this array. */
  @Override
  void ended() {
    super.ended();
    watchChanged();
  }

  /** Of all parts, the one that gives up first; where any will do, the one that gives up last. */
  @Override
  long silenceNanos() {
    LongStream silences =
        parts.stream().filter(part -> !part.isSignaled()).mapToLong(Fence::silenceNanos);
    return (any ? silences.max() : silences.min()).orElse(Long.MAX_VALUE);
  }

  @Override
  List<Fence> waitsForAllOf() {
    return any ? List.of() : parts;
  }

  @Override
  public void setDeadline(long nanoTime) {
    parts.forEach(part -> part.setDeadline(nanoTime));
  }
}

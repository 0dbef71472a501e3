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
 * <p><b>Threads.</b> As {@link Fence}; parts and mode are constant.
 *
 * <p>Source: drivers/dma-buf/dma-fence-array.c.
 */
public final class FenceArray extends Fence {
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
  private final AtomicInteger pending;
  private final Callback arrived = this::partSignaled;
  private volatile @Nullable Throwable firstError;

  private FenceArray(Collection<Fence> parts, boolean any) {
    super(FenceOrigin.CONTAINER, FenceOrigin.nextSingle());
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
    this.pending = new AtomicInteger(any ? 1 : this.parts.size());
  }

  /**
   * A fence that signals when all parts have.
   *
   * @param parts one fence or more, none of them a container
   * @return a new fence
   * @throws IllegalArgumentException if there is no part or one is a container
   */
  public static FenceArray all(Collection<Fence> parts) {
    return started(new FenceArray(parts, false));
  }

  /**
   * A fence that signals when the first of its parts does.
   *
   * @param parts one fence or more, none of them a container
   * @return a new fence
   * @throws IllegalArgumentException if there is no part or one is a container
   */
  public static FenceArray any(Collection<Fence> parts) {
    return started(new FenceArray(parts, true));
  }

  private static FenceArray started(FenceArray array) {
    // isSignaled() of an array must be true as soon as its parts are, asked or not: so it listens
    // from the start.
    array.enableSignaling();
    return array;
  }

  /**
   * The fences this one stands for.
   *
   * @return an unmodifiable list
   */
  public List<Fence> parts() {
    return parts;
  }

  @Override
  void startSignaling() {
    for (Fence part : parts) {
      if (!part.addCallback(arrived)) {
        partSignaled(part);
      }
    }
    if (any && isSignaled()) {
      forgetOthers(); // those added after the first one signaled
    }
  }

  private void partSignaled(Fence part) {
    Throwable error = part.error().orElse(null);
    if (error != null) {
      FIRST_ERROR.compareAndSet(this, null, error);
    }
    if (pending.decrementAndGet() == 0) {
      signal(any ? error : firstError);
      if (any) {
        forgetOthers();
      }
    }
  }

  /** Parts that go on for long don't keep this array. */
  private void forgetOthers() {
    parts.forEach(part -> part.removeCallback(arrived));
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

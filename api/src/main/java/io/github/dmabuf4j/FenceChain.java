package io.github.dmabuf4j;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A node of a timeline made of other people's fences: signaled when its own fence and all nodes
 * before have (rules CC2 to CC5). What a point of a {@link SyncObject} stands for.
 *
 * <p>Chains of any length signal and are dropped without recursion. Walking one takes nodes whose
 * fence has signaled out of it.
 *
 * <p><b>Threads.</b> As {@link Fence}.
 *
 * <p>Source: drivers/dma-buf/dma-fence-chain.c.
 */
public final class FenceChain extends Fence {
  private static final VarHandle BEFORE;

  static {
    try {
      BEFORE = MethodHandles.lookup().findVarHandle(FenceChain.class, "before", Fence.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final Fence own;
  private final AtomicInteger pending = new AtomicInteger(2);
  private volatile @Nullable Fence before;

  /**
   * The number of the node before in the same context when this one was made, 0 if there was none.
   */
  private final long previousSeqno;

  private FenceChain(
      FenceOrigin origin, @Nullable Fence before, Fence own, long seqno, long previousSeqno) {
    super(origin, seqno);
    this.before = before;
    this.previousSeqno = previousSeqno;
    this.own = own;
  }

  /**
   * Adds a node behind another.
   *
   * @param previous the last node so far, or a plain fence, or null to start a chain
   * @param fence the new node's own fence, not a chain
   * @param point the node's number; where it isn't later than the previous one's, a new context
   *     begins (rule CC3)
   * @return the new last node
   * @throws IllegalArgumentException if the fence is a chain
   */
  public static FenceChain append(@Nullable Fence previous, Fence fence, long point) {
    FenceChain node = unstarted(previous, fence, point);
    node.enableSignaling();
    return node;
  }

  /**
   * Makes a node that doesn't listen to its parts yet: nothing of anybody else's runs here, and a
   * node that isn't used leaves nothing behind. Whoever uses it enables signaling.
   */
  static FenceChain unstarted(@Nullable Fence previous, Fence fence, long point) {
    if (fence instanceof FenceChain) {
      throw new IllegalArgumentException("wanted a fence that isn't a chain, got " + fence);
    }
    FenceChain last = previous instanceof FenceChain chain ? chain : null;
    if (last != null && point > last.seqno()) {
      return new FenceChain(last.origin, last, fence, point, last.seqno());
    }
    FenceOrigin origin = FenceOrigin.ordered(FenceContext.builder("chain").driverName("container"));
    long number = last == null ? point : Math.max(point, last.seqno());
    return new FenceChain(origin, previous, fence, number, 0);
  }

  /**
   * This node's own fence.
   *
   * @return the fence given to {@link #append}
   */
  public Fence fence() {
    return own;
  }

  long previousSeqno() {
    return previousSeqno;
  }

  /**
   * The node or fence before this one, past nodes whose fence has signaled, which are taken out of
   * the chain.
   *
   * @return null if all before have signaled
   */
  public @Nullable Fence previousPending() {
    while (true) {
      Fence seen = before;
      if (seen == null) {
        return null;
      }
      Fence next;
      if (seen instanceof FenceChain node) {
        if (!node.own.isSignaled()) {
          return node;
        }
        next = node.before;
      } else if (seen.isSignaled()) {
        next = null;
      } else {
        return seen;
      }
      BEFORE.compareAndSet(this, seen, next);
    }
  }

  /**
   * What to wait for so that a point is reached: the first node at or behind it that is left in the
   * chain.
   *
   * @param point the point; 0 or less stands for this node itself
   * @return a node, or one before the point that is still pending where those between have
   *     signaled, or null if the point is reached
   * @throws IllegalArgumentException if the point is beyond this node (EINVAL)
   */
  public @Nullable Fence find(long point) {
    if (point <= 0) {
      return this;
    }
    if (point > seqno()) {
      throw new IllegalArgumentException(
          "wanted a point up to %d, got %d".formatted(seqno(), point));
    }
    Fence node = this;
    while (node instanceof FenceChain chain
        && chain.context() == context()
        && chain.previousSeqno >= point) {
      node = chain.previousPending();
    }
    return node;
  }

  @Override
  boolean asksProducer() {
    return true;
  }

  @Override
  void startSignaling() {
    Callback arrived = part -> partSignaled();
    if (!own.addCallback(arrived)) {
      partSignaled();
    }
    Fence previous = before;
    if (previous == null || !previous.addCallback(arrived)) {
      partSignaled();
    }
  }

  @Override
  long silenceNanos() {
    long silence = Long.MAX_VALUE;
    Fence node = this;
    while (node instanceof FenceChain chain) {
      if (!chain.own.isSignaled()) {
        silence = Math.min(silence, chain.own.silenceNanos());
      }
      node = chain.previousPending();
    }
    return node == null ? silence : Math.min(silence, node.silenceNanos());
  }

  @Override
  List<Fence> waitsForAllOf() {
    Fence previous = previousPending();
    return previous == null ? List.of(own) : List.of(own, previous);
  }

  @Override
  public void setDeadline(long nanoTime) {
    Fence node = this;
    while (node instanceof FenceChain chain) {
      chain.own.setDeadline(nanoTime);
      node = chain.previousPending();
    }
    if (node != null) {
      node.setDeadline(nanoTime);
    }
  }

  private void partSignaled() {
    if (pending.decrementAndGet() == 0) {
      before = null;
      signal(own.error().orElse(null));
    }
  }
}

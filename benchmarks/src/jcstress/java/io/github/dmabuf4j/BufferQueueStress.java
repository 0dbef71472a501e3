package io.github.dmabuf4j;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.I_Result;

/** The turns of a {@link BufferQueue} of one buffer: taken, given back, dropped by a close. */
public class BufferQueueStress {
  private static final Duration LONG = Duration.ofSeconds(20);

  private BufferQueueStress() {}

  /** A queue over one block that counts its releases; the queue has the only reference. */
  public static class OneBuffer extends BufferStress.Block {
    final BufferQueue queue = BufferQueue.of("stress", List.of(handle));
    int plain;

    OneBuffer() {
      handle.close();
    }

    final BufferSlot dequeued() {
      return queue.tryDequeue().orElseThrow();
    }

    /** 1 if it was done, -1 if it was refused. */
    static int done(Runnable giveBack) {
      try {
        giveBack.run();
        return 1;
      } catch (IllegalStateException refused) {
        return -1;
      }
    }
  }

  /** What the producer did before it queued a buffer is seen by who acquires it. */
  @JCStressTest
  @Outcome(id = "0, 1", expect = ACCEPTABLE, desc = "came too early, the buffer is queued")
  @Outcome(id = "42, 0", expect = ACCEPTABLE, desc = "acquired, with what was written")
  @Outcome(expect = FORBIDDEN, desc = "lost, or without what was written")
  @State
  public static class QueueAndAcquire extends OneBuffer {
    private final BufferSlot slot = dequeued();

    @Actor
    public void queue() {
      plain = 42;
      queue.queue(slot);
    }

    @Actor
    public void acquire(II_Result r) {
      if (queue.tryAcquire().isPresent()) {
        r.r1 = plain;
      }
    }

    @Arbiter
    public void after(II_Result r) {
      r.r2 = queue.tryAcquire().isPresent() ? 1 : 0;
    }
  }

  /** Who waits for a buffer gets the one that is queued meanwhile. */
  @JCStressTest
  @Outcome(id = "42, 0", expect = ACCEPTABLE, desc = "woken, or came later")
  @Outcome(expect = FORBIDDEN, desc = "missed")
  @State
  public static class QueueAndAwait extends OneBuffer {
    private final BufferSlot slot = dequeued();

    @Actor
    public void queue() {
      plain = 42;
      queue.queue(slot);
    }

    @Actor
    public void acquire(II_Result r) {
      r.r1 = queue.acquireUninterruptibly(LONG).isPresent() ? plain : -1;
    }
  }

  /** Two who want one buffer, of whom one has it: each gets it, one after the other. */
  @JCStressTest
  @Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "both had their turn")
  @Outcome(expect = FORBIDDEN, desc = "one wasn't woken, or the turns weren't in order")
  @State
  public static class CancelAndAwait extends OneBuffer {
    private final BufferSlot slot = dequeued();

    private int turn() {
      BufferSlot mine = queue.dequeueUninterruptibly(LONG);
      int before = plain++;
      queue.cancel(mine);
      return before < 2 ? 1 : -1;
    }

    @Actor
    public void first(II_Result r) {
      queue.cancel(slot);
      r.r1 = turn();
    }

    @Actor
    public void second(II_Result r) {
      r.r2 = turn();
    }
  }

  /** The consumer beside the end of the stream: what was queued before is not lost. */
  @JCStressTest
  @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "acquired, and then the end")
  @Outcome(expect = FORBIDDEN, desc = "told of the end too early, or never")
  @State
  public static class EndAndAwait extends OneBuffer {
    private final BufferSlot slot = dequeued();

    @Actor
    public void queue() {
      queue.queue(slot);
      queue.end();
    }

    @Actor
    public void acquireAll(II_Result r) {
      r.r1 = queue.acquireUninterruptibly(LONG).isPresent() ? 1 : 0;
      r.r2 = queue.acquireUninterruptibly(LONG).isPresent() ? 1 : 0;
    }
  }

  /** Closing beside the consumer: the reference is given up once, and not while it is in use. */
  @JCStressTest
  @Outcome(id = "1, 0, 1", expect = ACCEPTABLE, desc = "acquired first: given up when released")
  @Outcome(id = "-1, 0, 1", expect = ACCEPTABLE, desc = "refused: given up by the close")
  @Outcome(expect = FORBIDDEN, desc = "never, twice, or too early given up")
  @State
  public static class CloseAndAcquire extends OneBuffer {
    public CloseAndAcquire() {
      queue.queue(dequeued());
    }

    @Actor
    public void acquire(III_Result r) {
      try {
        Optional<BufferSlot> slot = queue.tryAcquire();
        r.r1 = slot.isPresent() ? 1 : 0;
        r.r2 = releases.get();
        slot.ifPresent(queue::release);
      } catch (IllegalStateException closed) {
        r.r1 = -1;
      }
    }

    @Actor
    public void close() {
      queue.close();
    }

    @Arbiter
    public void after(III_Result r) {
      r.r3 = releases.get();
    }
  }

  /** Closing beside the producer who hands a buffer on: it counts as queued before, and dropped. */
  @JCStressTest
  @Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "taken back, given up once")
  @Outcome(expect = FORBIDDEN, desc = "refused, never or twice given up")
  @State
  public static class CloseAndQueue extends OneBuffer {
    private final BufferSlot slot = dequeued();

    @Actor
    public void queue(II_Result r) {
      r.r1 = done(() -> queue.queue(slot));
    }

    @Actor
    public void close() {
      queue.close();
    }

    @Arbiter
    public void after(II_Result r) {
      r.r2 = releases.get();
    }
  }

  /** Closing beside the signal of the fence that the buffer waits for. */
  @JCStressTest
  @Outcome(id = "1", expect = ACCEPTABLE, desc = "given up once")
  @Outcome(expect = FORBIDDEN, desc = "never or twice given up")
  @State
  public static class CloseAndSignal extends OneBuffer {
    private final Fence fence = new Fence(FenceOrigin.CPU_ACCESS, FenceOrigin.nextSingle());

    public CloseAndSignal() {
      queue.queue(dequeued(), fence);
    }

    @Actor
    public void close() {
      queue.close();
    }

    @Actor
    public void signal() {
      fence.signal(null);
    }

    @Arbiter
    public void after(I_Result r) {
      r.r1 = releases.get();
    }
  }

  /** A buffer given back twice at once, in two ways. */
  @JCStressTest
  @Outcome(id = "1, -1, 1", expect = ACCEPTABLE, desc = "queued")
  @Outcome(id = "-1, 1, 0", expect = ACCEPTABLE, desc = "cancelled")
  @Outcome(expect = FORBIDDEN, desc = "both or none")
  @State
  public static class QueueAndCancel extends OneBuffer {
    private final BufferSlot slot = dequeued();

    @Actor
    public void queue(III_Result r) {
      r.r1 = done(() -> queue.queue(slot));
    }

    @Actor
    public void cancel(III_Result r) {
      r.r2 = done(() -> queue.cancel(slot));
    }

    @Arbiter
    public void after(III_Result r) {
      r.r3 = queue.tryAcquire().isPresent() ? 1 : 0;
    }
  }
}

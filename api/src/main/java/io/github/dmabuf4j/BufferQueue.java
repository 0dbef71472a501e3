package io.github.dmabuf4j;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Hands buffers from a producer to a consumer and back, within this process: bounded, with a fence
 * each way, so that neither waits for the other's work but only for its own turn (Android's {@code
 * BufferQueue}, PipeWire's buffers).
 *
 * <pre>
 *              dequeue                queue
 *    free  ─────────────▶  producer  ───────▶  queued
 *    ▲  ▲ ◀───cancel──────────┘                  │
 *    │                                           │ acquire
 *    └───────release───────  consumer  ◀─────────┘
 *
 *    from outside ──attach──▶  producer  ──withdraw──▶ outside
 *                              consumer  ───detach───▶ outside
 * </pre>
 *
 * <p><b>Two hands.</b> The queue is both of them; each side is given the interface that it needs,
 * {@link BufferProducer} or {@link BufferConsumer}. With a {@link Job} on either side no thread
 * waits for the other's work. The producer:
 *
 * {@snippet file="io/github/dmabuf4j/snippets/Walkthroughs.java" region="queue-producer"}
 *
 * <p>The consumer:
 *
 * {@snippet file="io/github/dmabuf4j/snippets/Walkthroughs.java" region="queue-consumer"}
 *
 * <p>Between the publication of a job and its signal the thread that is to signal may give buffers
 * back, which never waits, but not take any (design rule FN4).
 *
 * <p><b>Buffers.</b> The queue takes a reference of its own to each; the handles that it was made
 * of may be closed. {@link #close} gives the references up: that of a buffer in somebody's hand
 * when it is given back, and none before the fence has signaled that came with it last, whether or
 * not that fence is in the buffer's reservation as well (design rule FN1).
 *
 * <p><b>Buffers from outside.</b> Where buffers come from somebody else, a decoder or a camera, and
 * go on to somebody else, the queue is made of {@linkplain Builder#slots empty slots}: the producer
 * {@linkplain #attach(DmaBuf, Duration) attaches} a buffer, the consumer {@linkplain #detach
 * detaches} it. The handle goes along: it is the queue's between the two. Room is waited for in
 * {@code attach}, so before a job is published, and {@code queue} never waits.
 *
 * <p><b>Starvation.</b> Who waits for a buffer in vain is told who has each one: which hand, which
 * thread, since when, and which fence is pending. Limits on how many a hand may have ({@link
 * Builder#maxDequeued}, {@link Builder#maxAcquired}) find the one who forgets to give back before
 * the other one starves. Unless set, a hand may have all.
 *
 * <p><b>Cost.</b> A hand-over allocates nothing, whether or not it waits, unless the validator is
 * on ({@link BufferSlot}). Nobody spins.
 *
 * <p><b>Threads.</b> All methods may be called from any thread. Those who wait are woken in no
 * particular order, and a thread that comes while a buffer is there takes it, whoever waits.
 *
 * <p>Source: design rules FN1, FN4, JB1.
 */
public final class BufferQueue implements BufferProducer, BufferConsumer {
  private final String name;
  private final int size;
  private final QueueTurns turns;

  private BufferQueue(Builder builder, List<DmaBuf> references, int size) {
    name = builder.name;
    this.size = size;
    turns = new QueueTurns(builder, references, size);
  }

  // ---- making one ----

  /**
   * Makes a queue in which each hand may have all buffers.
   *
   * @param name what it is for, in reports
   * @param buffers one buffer or more, which nobody else is going to write; the handles may be
   *     closed afterwards
   * @return a new queue, to be closed
   * @throws IllegalArgumentException if there is no buffer, or one is there twice
   * @throws IllegalStateException if a handle is closed
   */
  public static BufferQueue of(String name, List<DmaBuf> buffers) {
    return named(name).over(buffers);
  }

  /**
   * Starts a queue with options.
   *
   * @param name what it is for, in reports
   * @return a builder
   */
  public static Builder named(String name) {
    return new Builder(name);
  }

  /** The options of a queue. May make several queues. Not for several threads at once. */
  public static final class Builder {
    final String name;
    String producer = "";
    String consumer = "";
    int maxDequeued = Integer.MAX_VALUE;
    int maxAcquired = Integer.MAX_VALUE;

    private Builder(String name) {
      this.name = Objects.requireNonNull(name, "name");
    }

    /**
     * Names who fills the buffers, for reports.
     *
     * @param called for example a stage of a pipeline
     * @return this builder
     */
    public Builder producer(String called) {
      producer = Objects.requireNonNull(called, "called");
      return this;
    }

    /**
     * Names who uses the buffers, for reports.
     *
     * @param called for example a stage of a pipeline
     * @return this builder
     */
    public Builder consumer(String called) {
      consumer = Objects.requireNonNull(called, "called");
      return this;
    }

    /**
     * Limits how many buffers the producer may have at once, all its threads together. It is
     * refused more, and not kept waiting for what it has itself.
     *
     * @param most at least 1; more than there are is no limit
     * @return this builder
     * @throws IllegalArgumentException if it is less than 1
     */
    public Builder maxDequeued(int most) {
      maxDequeued = atLeastOne(most, "maxDequeued");
      return this;
    }

    /**
     * Limits how many buffers the consumer may have at once, all its threads together. It is
     * refused more, and not kept waiting for what it has itself.
     *
     * @param most at least 1; more than there are is no limit
     * @return this builder
     * @throws IllegalArgumentException if it is less than 1
     */
    public Builder maxAcquired(int most) {
      maxAcquired = atLeastOne(most, "maxAcquired");
      return this;
    }

    private static int atLeastOne(int most, String what) {
      if (most < 1) {
        throw new IllegalArgumentException("wanted %s of at least 1, got %d".formatted(what, most));
      }
      return most;
    }

    /**
     * Makes a queue of buffers that are there.
     *
     * @param buffers one buffer or more, which nobody else is going to write; the handles may be
     *     closed afterwards
     * @return a new queue, to be closed
     * @throws IllegalArgumentException if there is no buffer, or one is there twice
     * @throws IllegalStateException if a handle is closed
     */
    public BufferQueue over(List<DmaBuf> buffers) {
      if (buffers.isEmpty()) {
        throw new IllegalArgumentException(
            "wanted at least one buffer for buffer queue %s, got none".formatted(name));
      }
      List<DmaBuf> references = new ArrayList<>(buffers.size());
      Set<BufferObject> seen = Collections.newSetFromMap(new IdentityHashMap<>());
      try {
        for (DmaBuf buffer : buffers) {
          references.add(buffer.dup());
          if (!seen.add(buffer.object())) {
            throw new IllegalArgumentException(
                "wanted each buffer once for buffer queue %s, got %s twice: both hands would have it at once"
                    .formatted(name, buffer));
          }
        }
        return new BufferQueue(this, references, references.size());
      } catch (RuntimeException | Error e) {
        references.forEach(DmaBuf::close);
        throw e;
      }
    }

    /**
     * Makes a queue of empty slots, for buffers that are attached later.
     *
     * @param count how many buffers it has room for, at least 1
     * @return a new queue, to be closed
     * @throws IllegalArgumentException if the count isn't positive
     */
    public BufferQueue slots(int count) {
      return new BufferQueue(this, List.of(), atLeastOne(count, "slots"));
    }

    /**
     * Makes a queue of buffers that are allocated for it.
     *
     * @param heap where from
     * @param request what each is to be; its policy says whether to wait for memory
     * @param count how many, at least 1
     * @return a new queue, to be closed
     * @throws OutOfBuffersException if the heap doesn't have as many; nothing is kept
     * @throws InterruptedException if the thread is interrupted while the policy waits
     * @throws IllegalArgumentException if the count isn't positive
     * @throws IllegalStateException if the heap is closed
     */
    public BufferQueue allocate(Heap heap, AllocationRequest request, int count)
        throws InterruptedException {
      List<DmaBuf> buffers = heap.allocateBulk(request, count);
      try {
        if (buffers.size() < count) {
          throw new OutOfBuffersException(
              count * request.size(),
              heap.statistics().committedBytes(),
              heap.limitBytes(),
              "wanted %d buffers for buffer queue %s (%s), got %d from %s: make the queue of fewer, raise the limit, or wait with the policy NO_FAIL"
                  .formatted(count, name, request, buffers.size(), heap.name()));
        }
        return over(buffers);
      } finally {
        buffers.forEach(DmaBuf::close);
      }
    }
  }

  // ---- the producer ----

  @Override
  public BufferSlot dequeue(Duration timeout) throws InterruptedException {
    return Objects.requireNonNull(
        turns.takeInterruptibly(turns.producer(), turns.free(), null, timeout));
  }

  @Override
  public BufferSlot dequeueUninterruptibly(Duration timeout) {
    return Objects.requireNonNull(
        turns.takeUninterruptibly(turns.producer(), turns.free(), null, timeout));
  }

  @Override
  public Optional<BufferSlot> tryDequeue() {
    return handedOut(turns.tryTake(turns.producer(), turns.free(), null));
  }

  @Override
  public BufferSlot attach(DmaBuf buffer, Duration timeout) throws InterruptedException {
    Objects.requireNonNull(buffer, "buffer");
    return Objects.requireNonNull(
        turns.takeInterruptibly(turns.producer(), turns.empty(), buffer, timeout));
  }

  @Override
  public BufferSlot attachUninterruptibly(DmaBuf buffer, Duration timeout) {
    Objects.requireNonNull(buffer, "buffer");
    return Objects.requireNonNull(
        turns.takeUninterruptibly(turns.producer(), turns.empty(), buffer, timeout));
  }

  @Override
  public Optional<BufferSlot> tryAttach(DmaBuf buffer) {
    Objects.requireNonNull(buffer, "buffer");
    return handedOut(turns.tryTake(turns.producer(), turns.empty(), buffer));
  }

  @Override
  public DmaBuf withdraw(BufferSlot slot) {
    return turns.takeOut(turns.producer(), slot, "withdraw");
  }

  @Override
  public void queue(BufferSlot slot, Fence acquire) {
    Objects.requireNonNull(acquire, "acquire");
    turns.give(turns.producer(), slot, acquire, turns.queued(), "queue");
  }

  @Override
  public void queue(BufferSlot slot) {
    turns.give(turns.producer(), slot, null, turns.queued(), "queue");
  }

  @Override
  public void cancel(BufferSlot slot, Fence release) {
    Objects.requireNonNull(release, "release");
    turns.give(turns.producer(), slot, release, turns.free(), "cancel");
  }

  @Override
  public void cancel(BufferSlot slot) {
    turns.give(turns.producer(), slot, null, turns.free(), "cancel");
  }

  @Override
  public void end() {
    turns.end();
  }

  // ---- the consumer ----

  @Override
  public Optional<BufferSlot> acquire(Duration timeout) throws InterruptedException {
    return handedOut(turns.takeInterruptibly(turns.consumer(), turns.queued(), null, timeout));
  }

  @Override
  public Optional<BufferSlot> acquireUninterruptibly(Duration timeout) {
    return handedOut(turns.takeUninterruptibly(turns.consumer(), turns.queued(), null, timeout));
  }

  @Override
  public Optional<BufferSlot> tryAcquire() {
    return handedOut(turns.tryTake(turns.consumer(), turns.queued(), null));
  }

  private static Optional<BufferSlot> handedOut(@Nullable QueueSlot slot) {
    return slot == null ? Optional.empty() : slot.handedOut;
  }

  @Override
  public void release(BufferSlot slot, Fence release) {
    Objects.requireNonNull(release, "release");
    turns.give(turns.consumer(), slot, release, turns.free(), "release");
  }

  @Override
  public void release(BufferSlot slot) {
    turns.give(turns.consumer(), slot, null, turns.free(), "release");
  }

  @Override
  public DmaBuf detach(BufferSlot slot) {
    return turns.takeOut(turns.consumer(), slot, "detach");
  }

  @Override
  public boolean isDrained() {
    return turns.isDrained();
  }

  // ---- the queue ----

  /**
   * What this queue is for.
   *
   * @return the name it was given
   */
  public String name() {
    return name;
  }

  /**
   * How many buffers go round at most.
   *
   * @return at least 1, always the same
   */
  public int size() {
    return size;
  }

  /**
   * Whether this queue is closed.
   *
   * @return true once {@link #close} was called
   */
  public boolean isClosed() {
    return turns.isClosed();
  }

  @Override
  public void close() {
    turns.close();
  }

  /**
   * How many buffers are where now.
   *
   * @return text for people
   */
  @Override
  public String toString() {
    return turns.toString();
  }
}

package io.github.dmabuf4j.netty;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapStatistics;
import io.github.dmabuf4j.OutOfBuffersException;
import io.netty.buffer.AbstractByteBufAllocator;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocatorMetric;
import io.netty.buffer.ByteBufAllocatorMetricProvider;
import io.netty.buffer.UnpooledHeapByteBuf;
import java.util.Objects;
import java.util.concurrent.atomic.LongAdder;

/**
 * Allocates Netty's direct buffers from a heap, so that what a channel receives or sends counts
 * against the heap's limit, is pooled by it, and can be handed to a job or an importer without a
 * copy ({@link DmaByteBufs#bufferOf}). For {@code ChannelOption.ALLOCATOR}:
 *
 * {@snippet file="io/github/dmabuf4j/netty/snippets/EchoServer.java" region="server"}
 *
 * <p><b>Direct buffers</b>, which are the default, are uninitialized, as Netty's are. A capacity
 * grows up to its maximum, by another buffer and a copy once the pages are full: a buffer takes
 * whole pages of 4 KiB, so many small ones are not what this allocator is for. They are tracked by
 * Netty's leak detector.
 *
 * <p><b>Heap buffers</b>, in Netty's sense, are Netty's own arrays on the Java heap. Composite
 * buffers are Netty's own too.
 *
 * <p><b>When the heap has no memory</b>, what happens is up to the {@link AllocPolicy}. The default
 * is {@link AllocPolicy#NORMAL}: it gives idle memory back first, and then fails without waiting
 * for anybody, as befits an event loop. {@link AllocPolicy#TRY_HARD} waits for some 50 ms; {@link
 * AllocPolicy#NO_FAIL} for as long as it takes, and is for threads that aren't event loops: one
 * that waits for a buffer can't release those that it has itself. An event loop that had rather
 * stop reading than fail allocates with {@link Heap#allocateAsync} and shows the buffer ({@link
 * DmaByteBufs#view}). Failures are an {@link OutOfBufferMemoryError}, with the heap's message.
 *
 * <p><b>After close of the heap</b> an allocation is an {@link IllegalStateException}. The heap
 * can't be closed while ByteBufs are live.
 *
 * <p><b>Threads.</b> Any, as for the heap: with a policy above {@link AllocPolicy#NOWAIT} not in a
 * {@code Signalling} section (design rule FN4). Its buffers are for one thread at a time, but for
 * their reference counts.
 *
 * <p>Source: design rules AL2, AL6, AL7, VM2, VM4.
 */
public final class DmaByteBufAllocator extends AbstractByteBufAllocator
    implements ByteBufAllocatorMetricProvider {
  /** What heaps count in, in bytes (design rule AL1). */
  static final int PAGE = 4096;

  /** Up to so many pages a request is made once: 64 KiB, what a channel reads at once. */
  private static final int USUAL_PAGES = 16;

  private final Heap heap;
  private final AllocPolicy whenShort;
  private final AllocationRequest[] usual = new AllocationRequest[USUAL_PAGES];
  private final LongAdder arrayBytes = new LongAdder();
  private final Metric metric = new Metric();

  private DmaByteBufAllocator(Heap heap, AllocPolicy whenShort) {
    super(true);
    this.heap = Objects.requireNonNull(heap, "heap");
    this.whenShort = Objects.requireNonNull(whenShort, "whenShort");
    for (int pages = 1; pages <= USUAL_PAGES; pages++) {
      usual[pages - 1] = request((long) pages * PAGE);
    }
  }

  /**
   * An allocator on top of a heap that fails, without waiting, when nothing idle is left ({@link
   * AllocPolicy#NORMAL}).
   *
   * @param heap where the memory comes from; stays the caller's to close, after the last buffer
   * @return an allocator for any number of channels
   */
  public static DmaByteBufAllocator of(Heap heap) {
    return new DmaByteBufAllocator(heap, AllocPolicy.NORMAL);
  }

  /**
   * An allocator on top of a heap.
   *
   * @param heap where the memory comes from; stays the caller's to close, after the last buffer
   * @param whenShort what to do when memory is short; waits are not interruptible
   * @return an allocator for any number of channels
   */
  public static DmaByteBufAllocator of(Heap heap, AllocPolicy whenShort) {
    return new DmaByteBufAllocator(heap, whenShort);
  }

  /**
   * Where the memory comes from.
   *
   * @return the heap
   */
  public Heap heap() {
    return heap;
  }

  private AllocationRequest request(long bytes) {
    return AllocationRequest.of(bytes).uninitialized().policy(whenShort).name("ByteBuf").build();
  }

  /**
   * A buffer of at least so many bytes: all of the pages that it takes.
   *
   * @throws OutOfBufferMemoryError if the heap has no memory, as the policy sees it
   * @throws IllegalStateException if the heap is closed
   */
  DmaBuf allocate(int capacity) {
    int pages = (capacity - 1) / PAGE + 1;
    AllocationRequest request =
        pages <= USUAL_PAGES
            ? usual[pages - 1]
            : request(Math.min((long) pages * PAGE, Integer.MAX_VALUE));
    try {
      return heap.allocateUninterruptibly(request);
    } catch (OutOfBuffersException e) {
      throw new OutOfBufferMemoryError(e);
    }
  }

  @Override
  protected ByteBuf newDirectBuffer(int initialCapacity, int maxCapacity) {
    return tracked(new AllocatedByteBuf(this, initialCapacity, maxCapacity));
  }

  @Override
  protected ByteBuf newHeapBuffer(int initialCapacity, int maxCapacity) {
    return new CountedArray(this, initialCapacity, maxCapacity);
  }

  /** Watched by Netty's leak detector, or released if that fails. */
  static ByteBuf tracked(ByteBuf fresh) {
    try {
      return toLeakAwareBuffer(fresh);
    } catch (Throwable e) {
      boolean _ = fresh.release();
      throw e;
    }
  }

  /**
   * Whether direct buffers are pooled.
   *
   * @return true: by the heap
   */
  @Override
  public boolean isDirectBufferPooled() {
    return true;
  }

  /**
   * The figures of this allocator. Direct memory is what the heap has committed ({@link
   * HeapStatistics#committedBytes}): live, idle, and that of others who use the heap. Heap memory
   * is that of this allocator's arrays.
   *
   * @return the figures of the moment in which they are asked for
   */
  @Override
  public ByteBufAllocatorMetric metric() {
    return metric;
  }

  @Override
  public String toString() {
    return "DmaByteBufAllocator(%s, %s)".formatted(heap.name(), whenShort);
  }

  private final class Metric implements ByteBufAllocatorMetric {
    @Override
    public long usedHeapMemory() {
      return arrayBytes.sum();
    }

    @Override
    public long usedDirectMemory() {
      return heap.statistics().committedBytes();
    }

    @Override
    public String toString() {
      return "usedHeapMemory: %d; usedDirectMemory: %d"
          .formatted(usedHeapMemory(), usedDirectMemory());
    }
  }

  /** An array of Netty's that is counted. */
  private static final class CountedArray extends UnpooledHeapByteBuf {
    CountedArray(DmaByteBufAllocator alloc, int initialCapacity, int maxCapacity) {
      super(alloc, initialCapacity, maxCapacity);
    }

    private LongAdder counter() {
      return ((DmaByteBufAllocator) alloc()).arrayBytes; // Netty's constructor gets here, too
    }

    @Override
    protected byte[] allocateArray(int initialCapacity) {
      byte[] array = super.allocateArray(initialCapacity);
      counter().add(array.length);
      return array;
    }

    @Override
    protected void freeArray(byte[] array) {
      super.freeArray(array);
      counter().add(-array.length);
    }
  }
}

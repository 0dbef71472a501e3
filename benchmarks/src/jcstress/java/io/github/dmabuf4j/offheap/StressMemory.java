package io.github.dmabuf4j.offheap;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Memory that costs no system call, so that each run of a race has a pool of its own, and that
 * notices regions that are closed twice.
 *
 * <p>Shared regions are address space without bytes: pages of it can be given back, and nobody
 * touches them. The others are real; they are filled with {@link #GONE} when they are closed, and
 * used again by any later run.
 *
 * <p><b>Threads.</b> Any.
 */
final class StressMemory implements SlabMemory {
  /** What is in memory that was closed. */
  static final byte GONE = 0x5D;

  private static final int LARGEST_PAGES = 8;
  private static final AtomicLong ADDRESSES = new AtomicLong(1L << 44);

  /** Real regions that nobody has now, by their size in pages. */
  private static final Queue<MemorySegment>[] IDLE = queues();

  private final boolean shared;
  private final AtomicInteger open = new AtomicInteger();
  private final AtomicInteger mistakes = new AtomicInteger();

  /**
   * Creates a memory.
   *
   * @param shared whether blocks share regions, without bytes; else each has one of its own
   */
  StressMemory(boolean shared) {
    this.shared = shared;
  }

  @SuppressWarnings({"unchecked", "rawtypes"})
  private static Queue<MemorySegment>[] queues() {
    Queue<MemorySegment>[] queues = new Queue[LARGEST_PAGES + 1];
    for (int i = 0; i < queues.length; i++) {
      queues[i] = new ConcurrentLinkedQueue<>();
    }
    return queues;
  }

  /** How many regions are open now. */
  int open() {
    return open.get();
  }

  /** How often a region was closed again. */
  int mistakes() {
    return mistakes.get();
  }

  /** Whether a block is in a region that is open. */
  static boolean isAlive(Block block) {
    return ((Life) block.slab.region.arena()).closes.get() == 0;
  }

  /** The life of one region. */
  private final class Life implements Arena {
    private final MemorySegment segment;
    private final boolean real;
    final AtomicInteger closes = new AtomicInteger();

    Life(MemorySegment segment, boolean real) {
      this.segment = segment;
      this.real = real;
      open.incrementAndGet();
    }

    @Override
    public MemorySegment allocate(long byteSize, long byteAlignment) {
      throw new UnsupportedOperationException("the life of one region");
    }

    @Override
    public MemorySegment.Scope scope() {
      return Arena.global().scope();
    }

    @Override
    public void close() {
      if (closes.getAndIncrement() != 0) {
        mistakes.incrementAndGet();
        return;
      }
      open.decrementAndGet();
      if (real) {
        segment.fill(GONE);
        IDLE[(int) (segment.byteSize() >>> SizeClasses.PAGE_SHIFT)].add(segment);
      }
    }
  }

  @Override
  public String summary() {
    return "memory for races";
  }

  @Override
  public long pageSize() {
    return SizeClasses.PAGE;
  }

  @Override
  public long maxAlignment() {
    return SharedSlabs.ALIGNMENT;
  }

  @Override
  public long largestShared() {
    return shared ? 1L << 20 : 0;
  }

  @Override
  public Region map(long bytes, long alignment, boolean shared) {
    MemorySegment segment = shared ? addresses(bytes) : real(bytes);
    return new Region(segment, new Life(segment, !shared));
  }

  private static MemorySegment addresses(long bytes) {
    long step = Math.max(bytes, SharedSlabs.ALIGNMENT);
    return MemorySegment.ofAddress(ADDRESSES.getAndAdd(step)).reinterpret(bytes);
  }

  private static MemorySegment real(long bytes) {
    MemorySegment idle = IDLE[(int) (bytes >>> SizeClasses.PAGE_SHIFT)].poll();
    return idle != null
        ? idle.fill((byte) 0)
        : Arena.global().allocate(bytes, LARGEST_PAGES * SizeClasses.PAGE);
  }

  @Override
  public boolean decommit(Region region, long offset, long bytes) {
    return true;
  }
}

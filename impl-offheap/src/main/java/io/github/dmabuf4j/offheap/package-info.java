/**
 * Heaps in plain off-heap memory: {@code
 * offheap:system?limit=256MiB&pinned=64MiB&contiguous=64MiB&decay=10s}. Nothing here is exported;
 * users see {@code io.github.dmabuf4j.Heap}.
 *
 * <h2>Where a buffer's memory is</h2>
 *
 * <pre>
 *   operating system ──map──▶ Slab ──commit──▶ Block ──export──▶ DmaBuf
 *          ▲                   │ ▲                │ ▲                │
 *          └──── unmap ────────┘ └── give back ───┘ └─── release ────┘
 *                                 (decay, trim,     (into a magazine)
 *                                  shortage)
 * </pre>
 *
 * <p>A {@link io.github.dmabuf4j.offheap.Slab} is a piece of address space. A {@link
 * io.github.dmabuf4j.offheap.Block} is a run of its pages, of one of {@link
 * io.github.dmabuf4j.offheap.SizeClasses}' sizes; while it is outside its slab it counts against
 * the limit, in use or not. An idle block lies in a {@link io.github.dmabuf4j.offheap.Magazine} of
 * its class, in one of a few {@link io.github.dmabuf4j.offheap.Stripe}s, and is exported again for
 * the next user: in the steady state an allocation is a pop and a new handle of 24 bytes, a release
 * is a push, whatever the size.
 *
 * <p>A block of more than 64 MiB isn't kept when it is released. {@link
 * io.github.dmabuf4j.offheap.SlabMemory} is what differs between platforms: on Linux, mappings
 * whose pages go back one by one, so that blocks of up to 4 MiB share slabs, or those below 2 MiB
 * where larger ones may have huge pages; elsewhere the JDK's allocator, and a slab for each block.
 *
 * <h2>Strategies</h2>
 *
 * <p>With the option {@code strategy} each block is a piece of a {@link
 * io.github.dmabuf4j.spi.PoolingStrategy}, as {@link io.github.dmabuf4j.offheap.StrategyMemory}
 * wraps it: it belongs to no class and has a slab of its own, no magazine keeps it, and it goes
 * back on the thread that releases it. All the rest is the same, so that what differs between two
 * heaps is where memory comes from. {@link io.github.dmabuf4j.offheap.Strategies} finds them.
 *
 * <h2>The limit</h2>
 *
 * <p>{@link io.github.dmabuf4j.offheap.Slabs} counts the bytes of all blocks outside slabs, under
 * its lock: the hot paths don't touch that account, and it can't be exceeded. Idle blocks go back
 * to their slabs, and their pages to the operating system, after the decay time ({@link
 * io.github.dmabuf4j.offheap.Decay}), on {@code trim()}, and when an allocation would fail
 * otherwise ({@link io.github.dmabuf4j.offheap.Supply}).
 *
 * <p>Memory that is short outside the heap, in the machine, the container or the JVM, is noticed by
 * the {@link io.github.dmabuf4j.offheap.pressure.PressureWatch} and makes the heap give back, too
 * ({@link io.github.dmabuf4j.offheap.PressureReclaim}).
 *
 * <p>Pinned bytes have a limit of their own, {@link io.github.dmabuf4j.offheap.PinnedBytes}, which
 * only pinning and unpinning touch. Whoever meets it is refused at once; nobody waits for an unpin,
 * for a pin has no end in sight.
 *
 * <p>The kernel has another one, on the number of mappings of a process, which the JVM can't live
 * without: {@link io.github.dmabuf4j.offheap.Mappings}.
 *
 * <h2>The contiguous region</h2>
 *
 * <pre>
 *   ReservedRegion ──place──▶ Block ◀──place── MovableBuffer ──moves──▶ another place, or a block of the pool
 *     │    ▲                    │
 *     │    └──── give back ─────┘            ContiguousBuffer: stays where it is
 *     └─isolate─▶ Isolation ──move out what lies there──▶ a contiguous range
 * </pre>
 *
 * <p>A heap that was opened with one has a {@link io.github.dmabuf4j.offheap.ReservedRegion}: one
 * block of its memory, committed from the start, for movable buffers and for those who want a
 * contiguous range. A plain {@link io.github.dmabuf4j.offheap.Block} is its own exporter and never
 * moves; a {@link io.github.dmabuf4j.offheap.MovableBuffer} has an exporter of its own, whose place
 * changes under its reservation ({@link io.github.dmabuf4j.offheap.Migration} says how). {@link
 * io.github.dmabuf4j.offheap.ContiguousSupply} says what each policy does, {@link
 * io.github.dmabuf4j.offheap.CandidateRanges} which range it begins with, {@link
 * io.github.dmabuf4j.offheap.Clearing} how one is cleared.
 *
 * <h2>Buffers that are evicted or purged</h2>
 *
 * <pre>
 *   Block with a buffer ──evict──▶ hollow Block with the buffer        its memory: another Block, idle, or given back
 *        ▲                              │
 *        └──────────restore─────────────┘ takes over the memory of a third Block
 * </pre>
 *
 * <p>The core saves content, or drops it, and then asks a block for its memory: {@link
 * io.github.dmabuf4j.offheap.Succession} gives that to a new block without a buffer. A store has
 * blocks of the pool, too: {@link io.github.dmabuf4j.offheap.SwapSpace}, which also says how there
 * is always room to store something. {@link io.github.dmabuf4j.offheap.PoolShrinker} goes through
 * the stages; it is called by allocations that are short ({@link
 * io.github.dmabuf4j.offheap.Supply}), by {@link io.github.dmabuf4j.offheap.BackgroundReclaim}, and
 * under memory pressure.
 *
 * <h2>User memory</h2>
 *
 * <p>Memory of others is in no slab: {@link io.github.dmabuf4j.offheap.UserBuffers} has the
 * account, {@link io.github.dmabuf4j.offheap.StolenBuffer} and {@link
 * io.github.dmabuf4j.offheap.BackedBuffer} say how long their segments live.
 *
 * <h2>Threads</h2>
 *
 * <p>Nothing is kept per thread. Locks, outermost first; each class says what its own guards:
 *
 * <ol>
 *   <li>the lock of the {@link io.github.dmabuf4j.offheap.Lifecycle}: closing and draining;
 *   <li>that of the {@link io.github.dmabuf4j.offheap.BulkSupply}: a try at several blocks;
 *   <li>that of the {@link io.github.dmabuf4j.offheap.Pool}: blocks on the way back to their slabs;
 *   <li>either the lock of the {@link io.github.dmabuf4j.offheap.Slabs}: whatever enters or leaves
 *       a slab; or that of the {@link io.github.dmabuf4j.offheap.Magazines}: blocks that found
 *       every stripe busy; or that of the {@link io.github.dmabuf4j.offheap.UserBuffers}: which
 *       there are; or that of the {@link io.github.dmabuf4j.offheap.ReservedRegion}: whose the
 *       pages of the region are;
 *   <li>the flag of a {@link io.github.dmabuf4j.offheap.Stripe}: a few dozen instructions, nothing
 *       is locked inside.
 * </ol>
 *
 * <p>No flag is set with the lock of the slabs held. No fence, reservation or user code is waited
 * for with any of them, but for the code of a strategy, which waits for none of these either, with
 * the first three, so a release may come from a thread that is signaling a fence. A reservation
 * comes before all of them: whoever moves a buffer has tried its reservation, or was called with
 * it, and takes them inside, for short. Threads that wait for memory hold none; how they are woken
 * without a fence in the hot path is told in {@link io.github.dmabuf4j.offheap.Waiters}.
 *
 * <p>Access modes of fields are named as those of {@link java.lang.invoke.VarHandle}: plain,
 * opaque, acquire and release, volatile.
 *
 * <h2>Use after close</h2>
 *
 * <p>A stale handle is turned away by its generation, in the core. A segment dies with its hold's
 * arena. A segment of the kind POOL lives as long as its slab's arena: used after its hold was
 * closed it may see another buffer's bytes, and once the slab is unmapped it throws; it can't crash
 * the JVM. With a strategy it throws as soon as the buffer is released.
 */
@NullMarked
package io.github.dmabuf4j.offheap;

import org.jspecify.annotations.NullMarked;

/**
 * The buffer manager: the promises of Linux dma-buf inside a JVM.
 *
 * <h2>Concepts</h2>
 *
 * <p>A {@link io.github.dmabuf4j.Heap} allocates buffers; a {@link io.github.dmabuf4j.DmaBuf} is a
 * counted reference to one. Each buffer has a {@link io.github.dmabuf4j.Reservation}, a lock and
 * the {@link io.github.dmabuf4j.Fence}s of who is using the bytes. Whoever is going to use them
 * adds a fence, and waits for those that conflict: readers for writers, writers for all. Memory
 * goes to the next owner when the last reference is closed <i>and</i> the last fence has signaled.
 *
 * <table>
 * <caption>Kernel and Java</caption>
 * <tr><th>Linux</th><th>here</th></tr>
 * <tr><td>{@code struct dma_buf}; a file descriptor of it</td><td>{@link io.github.dmabuf4j.BufferObject}; {@link
 *   io.github.dmabuf4j.DmaBuf}</td></tr>
 * <tr><td>{@code dma_buf_ops}</td><td>{@link io.github.dmabuf4j.spi.Exporter}</td></tr>
 * <tr><td>{@code dma_buf_attachment}</td><td>{@link io.github.dmabuf4j.Attachment}, {@link io.github.dmabuf4j.Importer}</td></tr>
 * <tr><td>{@code dma_buf_vmap}</td><td>{@link io.github.dmabuf4j.Vmap}, {@link io.github.dmabuf4j.Hold}</td></tr>
 * <tr><td>{@code struct sg_table}</td><td>{@link io.github.dmabuf4j.ScatterList}</td></tr>
 * <tr><td>{@code dma_buf_pin}</td><td>{@link io.github.dmabuf4j.Pin}</td></tr>
 * <tr><td>{@code dma_resv}, {@code enum dma_resv_usage}</td><td>{@link io.github.dmabuf4j.Reservation}, {@link
 *   io.github.dmabuf4j.FenceUsage}</td></tr>
 * <tr><td>{@code ww_acquire_ctx}, {@code drm_exec}; {@code ww_class}</td><td>{@link io.github.dmabuf4j.AcquireContext};
 *   {@link io.github.dmabuf4j.ReservationClass}</td></tr>
 * <tr><td>{@code dma_fence}; a driver's fence context</td><td>{@link io.github.dmabuf4j.Fence}; {@link
 *   io.github.dmabuf4j.FenceContext}</td></tr>
 * <tr><td>{@code sw_sync}</td><td>{@link io.github.dmabuf4j.Timeline}</td></tr>
 * <tr><td>{@code dma_fence_array}, {@code dma_fence_chain}, {@code dma_fence_unwrap}</td><td>{@link
 *   io.github.dmabuf4j.FenceArray}, {@link io.github.dmabuf4j.FenceChain}, {@link io.github.dmabuf4j.Fences#merge}</td></tr>
 * <tr><td>{@code drm_syncobj}; a point of it</td><td>{@link io.github.dmabuf4j.SyncObject}; {@link
 *   io.github.dmabuf4j.SyncPoint}</td></tr>
 * <tr><td>a driver's submit path</td><td>{@link io.github.dmabuf4j.Job}</td></tr>
 * <tr><td>{@code dma_heap}</td><td>{@link io.github.dmabuf4j.Heap}</td></tr>
 * <tr><td>CMA</td><td>{@link io.github.dmabuf4j.ContiguousRegion}</td></tr>
 * <tr><td>userptr, {@code get_user_pages}</td><td>{@link io.github.dmabuf4j.UserMemory}</td></tr>
 * <tr><td>Android's {@code BufferQueue}</td><td>{@link io.github.dmabuf4j.BufferQueue}, {@link
 *   io.github.dmabuf4j.BufferProducer}, {@link io.github.dmabuf4j.BufferConsumer}</td></tr>
 * </table>
 *
 * <h2>Four decisions</h2>
 *
 * <p><b>Producer and consumer of a fence are different objects.</b> A {@link
 * io.github.dmabuf4j.FenceContext}, a {@link io.github.dmabuf4j.Timeline} or a {@link
 * io.github.dmabuf4j.Job} makes and signals; a {@link io.github.dmabuf4j.Fence} is waited on. A
 * producer that is closed or lost fails what it has pending, so no wait depends on somebody's
 * discipline.
 *
 * <p><b>A hold is not a pin.</b> A {@link io.github.dmabuf4j.Hold} is taken by everything that
 * touches bytes, is short, and makes reclaim pass by. A {@link io.github.dmabuf4j.Pin} is for use
 * without end by somebody who can't follow moves.
 *
 * <p><b>A job is published before it runs.</b> All that can fail or block happens first: locks,
 * holds, slots. Then the fence is in every buffer, the locks are gone, and the job can only run and
 * signal.
 *
 * <p><b>A segment's life hangs on the hold that gave it.</b> Closing the hold kills the segment,
 * then lets the bytes go; so a segment never outlives its bytes, and a use after close is an
 * exception. The one kind that does without, on request, is {@link
 * io.github.dmabuf4j.ArenaKind#POOL}.
 *
 * <h2>Locks</h2>
 *
 * <p>One reservation may be taken on its own, several with an {@link
 * io.github.dmabuf4j.AcquireContext}, in any order: of two contexts that want the same one, the
 * younger gives way and tries again. Locks belong to the thread that took them, virtual or not;
 * what must not block its thread has the work done on another one ({@link
 * io.github.dmabuf4j.AcquireContext#lockAllAsync}, {@link
 * io.github.dmabuf4j.Job.Builder#publishAsync}). Waiting for fences is legal while holding
 * reservations; hence whoever still has to signal takes none ({@link
 * io.github.dmabuf4j.Signalling}). The validator ({@link io.github.dmabuf4j.Lockdep}) checks both.
 * Code of users runs under a reservation that they didn't lock themselves only where its type says
 * so: an {@link io.github.dmabuf4j.spi.Exporter}'s with its {@link
 * io.github.dmabuf4j.spi.MappingCache}, and {@link io.github.dmabuf4j.Importer#moveNotify}.
 *
 * <h2>Walk-throughs</h2>
 *
 * <p>They compile in the build. A decoder writes straight into buffers; its frames are handed to a
 * job:
 *
 * {@snippet file="io/github/dmabuf4j/snippets/Walkthroughs.java" region="decode"}
 *
 * <p>A filter reads one buffer and writes another from several threads:
 *
 * {@snippet file="io/github/dmabuf4j/snippets/Walkthroughs.java" region="filter"}
 *
 * <p>An exporter moves a buffer, or passes by because of a reader:
 *
 * {@snippet file="io/github/dmabuf4j/snippets/Walkthroughs.java" region="migrate"}
 *
 * <p>Reclaim meets a CPU bracket:
 *
 * {@snippet file="io/github/dmabuf4j/snippets/Walkthroughs.java" region="evict"}
 *
 * <p>A foreign fence times out:
 *
 * {@snippet file="io/github/dmabuf4j/snippets/Walkthroughs.java" region="foreign"}
 *
 * <p>An event loop allocates without blocking; the Netty form is in the documentation of {@code
 * io.github.dmabuf4j.netty}:
 *
 * {@snippet file="io/github/dmabuf4j/snippets/Walkthroughs.java" region="event-loop"}
 *
 * <p>Frames go from a producer to a consumer and back, each handed on before it is done:
 *
 * {@snippet file="io/github/dmabuf4j/snippets/Walkthroughs.java" region="queue-producer"}
 *
 * {@snippet file="io/github/dmabuf4j/snippets/Walkthroughs.java" region="queue-consumer"}
 *
 * <p>A frame is imported into Vulkan; the complete calls are in the documentation of {@code
 * io.github.dmabuf4j.device}:
 *
 * {@snippet file="io/github/dmabuf4j/snippets/Walkthroughs.java" region="vulkan"}
 *
 * <h2>Rules</h2>
 *
 * <p>"Design rule FN4", "rule CF7": the promises have names. The first kind is our own, the second
 * says what Linux does; where they differ, ours wins. {@code docs/contract.md} in the source tree
 * lists them all, with the kernel file each group comes from, and says which are kept today and by
 * what.
 *
 * <h2>State</h2>
 *
 * <p>Incubating: names and signatures may change until both implementations pass the conformance
 * kit.
 */
package io.github.dmabuf4j;

package io.github.dmabuf4j.spi;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.BufferLru;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.ScatterList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where the bytes of one buffer live: what a heap or a device provides and {@link BufferObject}
 * calls. One exporter object serves one {@link BufferObject}; it may serve it again after {@link
 * #release}, which is how blocks are pooled.
 *
 * <p><b>Locks.</b> For each callback, whether the buffer's reservation is held by the calling
 * thread (rules CL3, CL4), and whether the callback may wait for fences. One that runs with the
 * reservation held must not take it again. Only {@link #attach} and {@link #detach} may take it:
 * others may be waiting for the thread that runs any other callback (design rule FN4). The
 * validator ({@link io.github.dmabuf4j.Lockdep}) reports what breaks this.
 *
 * <table>
 * <caption>Which lock is held</caption>
 * <tr><th>callback</th><th>reservation</th><th>may wait for fences</th><th>on failure</th></tr>
 * <tr><td>{@link #attach}, {@link #detach}</td><td>not held</td><td>yes</td><td>throw; isn't attached, counts as
 *   detached</td></tr>
 * <tr><td>{@link #pin}, {@link #unpin}</td><td>held</td><td>yes</td><td>throw; isn't pinned, counts as unpinned</td></tr>
 * <tr><td>{@link #map}, {@link #unmap}</td><td>held</td><td>yes</td><td>throw; isn't mapped, counts as unmapped</td></tr>
 * <tr><td>{@link #vmap}</td><td>held</td><td>yes</td><td>throw; nothing is mapped</td></tr>
 * <tr><td>{@link #vunmap}</td><td>held or not, possibly on a thread that signals a fence</td><td>no</td><td>throw; counts as
 *   unmapped</td></tr>
 * <tr><td>{@link #beginCpuAccess}</td><td>not held; held to save or fill what is evicted</td><td>yes</td><td>throw; the end isn't called</td></tr>
 * <tr><td>{@link #syncForCpu}</td><td>not held</td><td>no</td><td>throw; {@link #endCpuAccess} is called, no other</td></tr>
 * <tr><td>{@link #syncForDevice}, {@link #endCpuAccess}</td><td>not held, possibly on a thread that signals a fence</td>
 *   <td>no</td><td>throw; counts as ended, and the fence of the access fails</td></tr>
 * <tr><td>{@link #foreignFences}</td><td>held or not, on any thread, at any time</td><td>no</td><td>throw; the wait or job doesn't
 *   begin</td></tr>
 * <tr><td>{@link #renamed}</td><td>held or not, on any thread</td><td>no</td><td>must not fail</td></tr>
 * <tr><td>{@link #publish}</td><td>not held</td><td>no</td><td>throw; the fence isn't added here either</td></tr>
 * <tr><td>{@link #evict}, {@link #restore}</td><td>held</td><td>no</td><td>return false; restore throws</td></tr>
 * <tr><td>{@link #release}</td><td>held or not, possibly on a thread that signals a fence</td><td>no</td><td>must not fail</td></tr>
 * <tr><td>{@link #name}, {@link #mappingCache}, {@link #cachesMappings}, {@link #lru}</td><td>held or not, on any thread, at any
 *   time</td><td>no</td><td>must not fail</td></tr>
 * </table>
 *
 * <p>Source: struct dma_buf_ops in include/linux/dma-buf.h; Documentation/driver-api/dma-buf.rst,
 * "locking convention".
 */
public interface Exporter {
  /**
   * What this exporter calls itself, for reports: usually the heap's name.
   *
   * @return a name
   */
  String name();

  /**
   * The bytes of the buffer, for the CPU. Called on the first use; those that follow share what it
   * returned until that is unmapped (rule CV1).
   *
   * @return the mapped bytes, at least as many as the buffer's size
   * @throws io.github.dmabuf4j.DmaBufException if they can't be mapped
   */
  MappedBytes vmap();

  /**
   * Undoes {@link #vmap}. Nobody uses the bytes any more. Runs on whichever thread was the last to
   * use them or gave the idle mapping up; the buffer may have been mapped anew by then. At the
   * latest before {@link #release}, and before {@link #evict}.
   *
   * @param bytes what vmap returned
   */
  default void vunmap(MappedBytes bytes) {}

  /**
   * What decides how long a mapping is kept that nobody uses.
   *
   * @return the same at each call; null, the default, to keep mappings until the buffer moves or is
   *     released, for exporters whose mappings cost nothing
   */
  default @Nullable MappingCache mappingCache() {
    return null;
  }

  /**
   * Makes the bytes coherent for the CPU (rules CV5, CV6). Fences that conflict have been waited
   * for.
   *
   * @param access what the CPU is about to do
   * @throws io.github.dmabuf4j.DmaBufException if it can't be done: the access doesn't begin
   */
  default void beginCpuAccess(Access access) {}

  /**
   * Makes what the CPU wrote visible to others.
   *
   * @param access what was given to {@link #beginCpuAccess}
   */
  default void endCpuAccess(Access access) {}

  /**
   * What others than this process do to the bytes and are not done with, where the exporter can
   * know: the kernel's fences of a device's buffer. Asked by whatever waits for the fences of the
   * buffer, each time; the core keeps the answer no longer than that wait (design rule RL8). Must
   * not take a reservation. Somebody who kept the buffer's reservation may ask after the buffer's
   * end: then the answer is nothing.
   *
   * @param usage the weakest usage to return: those of stronger ones belong to it, see {@link
   *     FenceUsage#includes}. An exporter that can't tell returns more rather than less
   * @return fences that are foreign, see {@link io.github.dmabuf4j.FenceContext.Builder#foreign};
   *     {@link List#of()}, the default, if there are none
   * @throws io.github.dmabuf4j.DmaBufException if it can't find out
   */
  default List<Fence> foreignFences(FenceUsage usage) {
    return List.of();
  }

  /**
   * Work on the buffer that the kernel signals was published by {@link
   * io.github.dmabuf4j.DmaBuf#publish}: an exporter that can tell others does, before the fence is
   * in the reservation (design rule FN6). By default it does nothing.
   *
   * @param fence a kernel fence, plain and pending a moment ago
   * @param access what is done to the bytes until it signals
   * @throws io.github.dmabuf4j.DmaBufException if they can't be told
   */
  default void publish(Fence fence, Access access) {}

  /**
   * The buffer was given a name by {@link io.github.dmabuf4j.DmaBuf#setName}: an exporter that can
   * tell others, such as the kernel, does (rule CB10). Names that are given at once may come in
   * either order. The name that an allocation asks for is the exporter's own business. By default
   * it does nothing.
   *
   * @param name of any length
   */
  default void renamed(String name) {}

  /**
   * Makes what an importer has mapped coherent for the CPU: called in {@link
   * io.github.dmabuf4j.CpuAccess} brackets after {@link #beginCpuAccess}, once for each attachment
   * that is mapped then (rule CH6; {@code dma_sync_sgtable_for_cpu}). The mapping doesn't end
   * meanwhile. Must not take a reservation.
   *
   * @param attachment who has it mapped
   * @param pieces what {@link #map} returned
   * @param access what the CPU is about to do
   */
  default void syncForCpu(Attachment attachment, ScatterList pieces, Access access) {}

  /**
   * Makes what the CPU wrote visible to an importer that has the buffer mapped: called before
   * {@link #endCpuAccess}, once for each attachment that is mapped then. The mapping doesn't end
   * meanwhile. Must not take a reservation.
   *
   * @param attachment who has it mapped
   * @param pieces what {@link #map} returned
   * @param access what was given to {@link #beginCpuAccess}
   */
  default void syncForDevice(Attachment attachment, ScatterList pieces, Access access) {}

  /**
   * Keeps the bytes where they are until {@link #unpin} with the same term (rules CM1 to CM4).
   * Called for the first pin of each term, so a buffer may be pinned for both at once.
   *
   * @param term how long the pin will last; a long-term pin may move the buffer out of a contiguous
   *     region first
   * @throws io.github.dmabuf4j.DmaBufException if it can't be pinned, for example because a limit
   *     on pinned bytes is reached
   */
  default void pin(Pin.Term term) {}

  /**
   * The last pin of a term is gone: the bytes may move again, unless the other term is still
   * pinned. Called once for each {@link #pin} that didn't fail.
   *
   * @param term what was given to pin
   */
  default void unpin(Pin.Term term) {}

  /**
   * An importer wants to use the buffer; an exporter that can't serve it says so here (rule CB6).
   *
   * @param attachment the importer's side
   * @throws io.github.dmabuf4j.DmaBufException if the storage can't serve this importer
   */
  default void attach(Attachment attachment) {}

  /**
   * An importer no longer uses the buffer.
   *
   * @param attachment what was attached
   */
  default void detach(Attachment attachment) {}

  /**
   * The pieces of the buffer for an importer, in order (rules CM7, CM8).
   *
   * @param attachment who wants it
   * @param access what the importer will do
   * @return the pieces, at least as many bytes as the buffer has; a fresh list at each call
   * @throws io.github.dmabuf4j.DmaBufException if they can't be mapped
   */
  ScatterList map(Attachment attachment, Access access);

  /**
   * Whether what {@link #map} returned is kept for the next time: the core then calls {@link
   * #unmap} only when the buffer moves or the importer detaches ({@code cache_sgt_mapping}).
   *
   * @return the same at each call; false by default
   */
  default boolean cachesMappings() {
    return false;
  }

  /**
   * Undoes {@link #map}.
   *
   * @param attachment who had it
   * @param pieces what map returned
   * @param access what was given to map
   */
  default void unmap(Attachment attachment, ScatterList pieces, Access access) {}

  /**
   * Who finds this buffer when memory is short and it isn't needed, or can be stored.
   *
   * @return the same at each call; null, the default, for an exporter that reclaims by itself, with
   *     {@link BufferObject#purgeLocked} and {@link BufferObject#evictLocked}, or not at all
   */
  default @Nullable BufferLru lru() {
    return null;
  }

  /**
   * Gives up the memory. The core has saved the content if it is needed, and not if it isn't
   * (design rule SH2): the exporter need not know which. Called only for a buffer that isn't busy
   * (design rule PN2), with importers notified and no mapping left; or after {@link #restore},
   * where the content could not be loaded.
   *
   * @return true if memory was given up; false if this exporter can't, or not now
   */
  default boolean evict() {
    return false;
  }

  /**
   * Provides memory again for a buffer that was evicted, before its next use; the core then maps
   * and fills it. Does nothing if it has memory: where the core could not fill it, and {@link
   * #evict} returned false or had to be left out because somebody was still unmapping, it is called
   * again at the next use. It may reclaim, and so evict others.
   *
   * @throws io.github.dmabuf4j.DmaBufException if there is no room; the buffer stays evicted
   */
  default void restore() {}

  /**
   * The last reference is gone and every fence has signaled: the memory is the exporter's again,
   * unless {@link #evict} gave it up before. What was in a store has been discarded.
   *
   * <p>Must be quick, must not fail, must neither take a reservation nor wait for a fence: it may
   * run on a thread that is signaling one.
   */
  void release();
}

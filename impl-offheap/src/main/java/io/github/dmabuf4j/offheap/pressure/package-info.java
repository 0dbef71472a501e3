/**
 * Notices that memory is short outside a heap's own limit: in the machine, in the process's
 * cgroups, or in what the JVM may have of direct memory (design rule SH8). Nothing here knows a
 * heap: whoever has memory to give back is a {@link
 * io.github.dmabuf4j.offheap.pressure.PressureListener}.
 *
 * <pre>
 *   PressureWatch ──looks, once a second──▶ PressureSources ──▶ StallSource    PSI: a trigger, or polled
 *     │                                                      ├─▶ GroupSource    cgroup v2, cgroup v1
 *     └──tells──▶ PressureListener (of a heap)               └─▶ DirectMemorySource
 * </pre>
 *
 * <table>
 * <caption>What counts as pressure</caption>
 * <tr><th>source</th><th>reads</th><th>pressure is</th></tr>
 * <tr><td>PSI</td><td>{@code memory.pressure} of the process's own cgroup if it shows one, else {@code /proc/pressure/memory}</td><td>some
 *   task stalled for 15 % of two seconds, by a trigger of the kernel's; where the trigger is refused, of the time between two looks</td></tr>
 * <tr><td>cgroup v2</td><td>{@code memory.current}, {@code memory.high}, {@code memory.max}, {@code memory.stat}, {@code memory.events},
 *   {@code memory.events.local} of groups above</td><td rowspan="2">what is in use, without inactive file cache, reaches 90 % of a limit of
 *   the process's own group or one above; while it stays there, each look that finds the limit hit again</td></tr>
 * <tr><td>cgroup v1</td><td>{@code memory.usage_in_bytes}, {@code memory.limit_in_bytes}, {@code memory.stat}, {@code memory.failcnt}</td></tr>
 * <tr><td>direct memory</td><td>the JVM's buffer pool "direct" and {@code MaxDirectMemorySize}</td><td>90 % of it is in use; heaps whose
 *   memory doesn't count there don't heed it</td></tr>
 * </table>
 *
 * <p>A level that was reached counts again only after it has been below 85 % for ten seconds
 * without a break ({@link io.github.dmabuf4j.offheap.pressure.UsageLevel}).
 *
 * <p>All files are looked for below the folder named by the system property {@code
 * dmabuf4j.offheap.pressure.root}, by default {@code /}: {@code proc/pressure/memory}, {@code
 * proc/self/cgroup}, and the mounts at {@code sys/fs/cgroup}. What can't be used says why, for
 * {@code doctor}, and nothing fails because of it.
 *
 * <p>Source: Documentation/accounting/psi.rst, Documentation/admin-guide/cgroup-v2.rst,
 * Documentation/admin-guide/cgroup-v1/memory.rst.
 */
@NullMarked
package io.github.dmabuf4j.offheap.pressure;

import org.jspecify.annotations.NullMarked;

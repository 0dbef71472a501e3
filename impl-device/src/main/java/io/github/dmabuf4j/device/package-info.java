/**
 * Heaps behind Linux file descriptors: {@code dma-heap:NAME}, {@code udmabuf:system}, {@code
 * memfd:system}.
 *
 * <p><b>Heaps.</b> {@link io.github.dmabuf4j.device.DeviceHeapProvider} knows what a machine has
 * and what it lacks, which {@code dmabuf4j doctor} prints, and opens what it has. A heap is a
 * {@link io.github.dmabuf4j.device.DeviceHeap}, the front of a {@link
 * io.github.dmabuf4j.device.FilePool}: each buffer has a file of its own, a {@link
 * io.github.dmabuf4j.device.DeviceBuffer}, which another buffer gets when that one has ended,
 * unless a descriptor of it ever left. {@link io.github.dmabuf4j.device.FileAccount} has the bytes,
 * {@link io.github.dmabuf4j.device.FileSupply} finds files for allocations. Where the files come
 * from is all that the three kinds of heaps differ in: {@link
 * io.github.dmabuf4j.device.MemoryFiles}, {@link io.github.dmabuf4j.device.UdmabufFiles}, {@link
 * io.github.dmabuf4j.device.DmaHeapFiles}.
 *
 * <p><b>Mappings.</b> A mapping of a file is a system call and address space, so those that nobody
 * uses are kept, up to a number of bytes: {@link io.github.dmabuf4j.device.IdleMappings}. They are
 * kept over the end of a buffer, too, with the file: allocating a pooled buffer, mapping it and
 * closing it makes no system call. {@link io.github.dmabuf4j.device.FileMapping} unmaps when nobody
 * refers to it.
 *
 * <p><b>The kernel's part of an access</b> to a dma-buf is with {@link
 * io.github.dmabuf4j.device.CpuBrackets}; memory files have none. Before a descriptor leaves,
 * {@link io.github.dmabuf4j.device.HostFences} are waited for.
 *
 * <p><b>Fences.</b> {@link io.github.dmabuf4j.device.KernelFences} takes the kernel's fences in and
 * gives them out, as sync_files. {@link io.github.dmabuf4j.device.EventFences} does the same for
 * fences of this process and of a peer, as events. What the kernel knows of a dma-buf, {@link
 * io.github.dmabuf4j.device.ImplicitFences} asks it at each wait: exporters of this module answer
 * {@link io.github.dmabuf4j.spi.Exporter#foreignFences} with it.
 *
 * <p><b>Timelines.</b> Where a render node's driver has them, a {@link
 * io.github.dmabuf4j.device.KernelTimeline} is one of the kernel's ({@code drm_syncobj}): fences at
 * numbered points, for a device, a compositor or another process, which may wait for a point before
 * anybody has submitted it. {@link io.github.dmabuf4j.device.PointFences} are fences of and for a
 * peer that go this way.
 *
 * <table>
 * <caption>How a fence leaves this process</caption>
 * <tr><th>as</th><th>for</th><th>costs</th><th>errors</th><th>when this process dies</th></tr>
 * <tr><td>a sync_file</td><td>fences of the kernel</td><td>a descriptor each</td><td>told</td><td>it signals all the
 *   same</td></tr>
 * <tr><td>an event</td><td>any</td><td>a descriptor each there, two here while it is pending</td><td>told</td><td>it never
 *   signals</td></tr>
 * <tr><td>a point</td><td>any, in the order of their points</td><td>a descriptor for all, one more there from the first
 *   wait to the close</td><td>not told, but by {@code PointFences}</td><td>those of the kernel are reached all the same, others
 *   never</td></tr>
 * </table>
 *
 * <p>The real kernel is in reach: {@code impl-device/vm/run -- COMMAND} boots one and runs a
 * command in it. The tests whose names end in {@code GuestTest} run there, and say what they found.
 *
 * <p>What sharing looks like: a frame is imported into Vulkan without a copy.
 *
 * {@snippet file="io/github/dmabuf4j/device/snippets/VulkanImport.java" region="import"}
 *
 * <p>The device's work on it becomes a fence, which others wait for as for any other. The program
 * that comes with the examples, {@code dmabuf4j gpu}, does all of this.
 *
 * {@snippet file="io/github/dmabuf4j/device/snippets/VulkanImport.java" region="submit"}
 */
package io.github.dmabuf4j.device;

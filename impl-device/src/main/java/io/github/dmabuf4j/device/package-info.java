/**
 * Heaps behind Linux file descriptors: {@code dma-heap:NAME}, {@code udmabuf:system}, {@code
 * memfd:system}.
 *
 * <p>So far this module knows what a machine has and what it lacks, which {@code dmabuf4j doctor}
 * prints: {@link io.github.dmabuf4j.device.DeviceNode} looks at one device node and says why it
 * can't be used and which line would change that. It opens no heap yet, and {@link
 * io.github.dmabuf4j.device.DeviceHeapProvider} says so.
 *
 * <p>A mapping of such a buffer is a system call and address space, so those that nobody uses are
 * kept, up to a number of bytes: {@link io.github.dmabuf4j.device.IdleMappings}, waiting for the
 * heaps.
 *
 * <p>The real kernel is in reach from the first day: {@code impl-device/vm/run -- COMMAND} boots
 * one and runs a command in it, and a smoke test allocates from its {@code /dev/dma_heap/system}.
 *
 * <p>What sharing will look like, against the contract as it stands: a frame is imported into
 * Vulkan without a copy.
 *
 * {@snippet file="io/github/dmabuf4j/device/snippets/VulkanImport.java" region="import"}
 */
package io.github.dmabuf4j.device;

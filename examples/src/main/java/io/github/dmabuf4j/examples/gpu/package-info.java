/**
 * A device filters decoded pictures where they lie, by way of Vulkan, and the CPU looks at the
 * result: {@code gpu} on the command line.
 *
 * <pre>
 *   decoder ──writes──▶ DmaBuf "decoded" ──exportFd──▶ VkBuffer ─┐
 *                           │                                    │ compute shader
 *                           │ EdgeFilter                         ▼
 *                           ▼            DmaBuf "edges" ──────▶ VkBuffer
 *                        expected            │ read: waits for the fence
 *                           └──── compare ◀──┘
 *                                                    VkSemaphore ──sync_file──▶ Fence, in both
 * </pre>
 *
 * <p><b>Bytes.</b> Where there is a heap of dma-bufs, the device imports their descriptors ({@link
 * io.github.dmabuf4j.examples.gpu.MemoryPath#DMA_BUF}); Vulkan owns a descriptor once the import
 * has succeeded. Elsewhere it imports the address of memory of this process ({@link
 * io.github.dmabuf4j.examples.gpu.MemoryPath#HOST_POINTER}), which a hold keeps in place. Nothing
 * is copied either way: what the decoder wrote is what the shader reads, and what the shader wrote
 * is what Java reads.
 *
 * <p><b>Order.</b> The device's semaphore leaves Vulkan as a sync_file and becomes a kernel fence,
 * which is added to the reservations of both buffers. A device that has no sync_files signals a
 * fence of its own, for which a thread waits that then ends the {@link io.github.dmabuf4j.Job} that
 * the work was published as. Either way the reader of the result waits in {@link
 * io.github.dmabuf4j.DmaBuf#read}, and knows nothing of Vulkan.
 *
 * <p><b>Arithmetic.</b> The shader counts in integers, as the CPU's filter does: the pictures are
 * the same, bit by bit.
 */
@NullMarked
package io.github.dmabuf4j.examples.gpu;

import org.jspecify.annotations.NullMarked;

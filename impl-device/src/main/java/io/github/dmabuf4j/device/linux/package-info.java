/**
 * What Linux offers, one level above its system calls: the calls themselves, descriptors that are
 * closed exactly once and counted, and failures that say what to do. Nothing here knows of buffers
 * or fences.
 *
 * <p><b>From below to above.</b> {@link io.github.dmabuf4j.device.linux.Syscalls} makes the calls
 * and returns their results or negative error numbers, as the kernel does. {@link
 * io.github.dmabuf4j.device.linux.Descriptor} owns a descriptor; {@link
 * io.github.dmabuf4j.device.linux.DescriptorBudget} knows all of them, and refuses before the
 * process has none left (design rules DV3, DV4). {@link
 * io.github.dmabuf4j.device.linux.SyscallFailure} turns an error number into an exception (design
 * rule DV1).
 *
 * <p><b>Waiting.</b> No call of this package that may wait for somebody else is made on a virtual
 * thread's carrier (design rule FN5): descriptors that others make ready are non-blocking, and
 * their readiness is awaited with epoll, by one thread for all.
 */
@org.jspecify.annotations.NullMarked
package io.github.dmabuf4j.device.linux;

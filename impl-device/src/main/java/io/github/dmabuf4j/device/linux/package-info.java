/**
 * What Linux offers, one level above its system calls: the calls themselves, descriptors that are
 * closed exactly once and counted, and failures that say what to do. Nothing here knows of this
 * library's buffers or fences.
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
 * their readiness is awaited with epoll, by one thread for all: {@link
 * io.github.dmabuf4j.device.linux.Poller}. A call that may wait for a lock of the kernel's is made
 * by way of {@link io.github.dmabuf4j.device.linux.OffCarrier}.
 *
 * <p><b>Devices.</b> {@link io.github.dmabuf4j.device.linux.RenderNode} is the graphics device
 * whose driver has syncobjs; a {@link io.github.dmabuf4j.device.linux.KernelSyncObject} is one of
 * them, by a handle that is given back exactly once.
 *
 * <p><b>Structures and constants.</b> The package {@code bindings} below this one is generated from
 * the headers of the kernel and of the C library, see {@code src/main/jextract}; a structure has
 * there the name that it has in C, and all constants are in {@code linux_h}. Written by hand is
 * what a generator that looks at one machine's headers can't know: {@link
 * io.github.dmabuf4j.device.linux.EpollEvent}, which differs between architectures, and macros that
 * compute, {@link io.github.dmabuf4j.device.linux.ControlMessages}. A test compares all of it with
 * what C compilers for x86-64 and AArch64 say. None of them may be initialized on another system
 * than Linux, for they take {@code long} for 64 bits wide. The first use of them also needs native
 * access, which {@link io.github.dmabuf4j.device.linux.Platform} checks.
 */
@org.jspecify.annotations.NullMarked
package io.github.dmabuf4j.device.linux;

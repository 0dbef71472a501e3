/**
 * Buffers as Netty's {@code ByteBuf}s, without a copy in either direction.
 *
 * <ul>
 *   <li>{@link io.github.dmabuf4j.netty.DmaByteBufs} shows a buffer as a {@code ByteBuf}, and finds
 *       the buffer behind one.
 *   <li>{@link io.github.dmabuf4j.netty.DmaByteBufAllocator} is Netty's allocator on top of a heap.
 *       What it can't allocate is an {@link io.github.dmabuf4j.netty.OutOfBufferMemoryError}.
 * </ul>
 *
 * <h2>Two counts</h2>
 *
 * <pre>
 *   slices, duplicates ──▶ ByteBuf ──▶ HeldBuffer ──▶ hold, reference ──▶ buffer
 *                          Netty's count                ours
 * </pre>
 *
 * <p>Netty counts the users of a {@code ByteBuf}, whatever is derived from it included; all of them
 * together are one reference and one hold of ours, which end when Netty's count reaches 0. So a
 * view never outlives the bytes it shows, and a buffer that is in Netty's hands is busy: neither
 * moved nor reused.
 *
 * <h2>Which arena</h2>
 *
 * <p>A {@code ByteBuf} is passed from thread to thread, so a confined arena is out of the question;
 * a shared one costs 50 to 100 µs to close, more than sending a small message. Netty's count
 * already turns a use after the release into an exception, as the arena of a segment does
 * elsewhere, so the segments are of the kind POOL unless asked otherwise. With the validator on
 * they are SHARED all the same, and a {@code nioBuffer()} that was kept for too long is found. In
 * no case can the JVM crash for it: see {@link io.github.dmabuf4j.ArenaKind}. What Netty's native
 * transports do with an address is theirs.
 *
 * <h2>Fences</h2>
 *
 * <p>A view is a hold: it keeps bytes in place and orders nothing. A buffer that somebody else
 * reads or writes, or that a device does, is shown as a part of a {@link io.github.dmabuf4j.Job},
 * whose end is the view's end:
 *
 * {@snippet file="io/github/dmabuf4j/netty/snippets/SendBuffer.java" region="send"}
 *
 * <h2>A server</h2>
 *
 * <p>All that it receives and sends is memory of one heap, with one limit:
 *
 * {@snippet file="io/github/dmabuf4j/netty/snippets/EchoServer.java" region="server"}
 *
 * <p>An event loop that stops reading instead of failing where memory is short:
 *
 * {@snippet file="io/github/dmabuf4j/netty/snippets/PatientEcho.java" region="echo"}
 */
@NullMarked
package io.github.dmabuf4j.netty;

import org.jspecify.annotations.NullMarked;

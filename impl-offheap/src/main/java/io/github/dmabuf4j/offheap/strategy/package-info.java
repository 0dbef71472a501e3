/**
 * The strategies that a heap's memory can come from instead of its own pool, so that pools can be
 * compared: {@code offheap:system?strategy=NAME}. Nothing here knows the heap: {@link
 * io.github.dmabuf4j.spi.PoolingStrategy} is all they share with it.
 *
 * <table>
 * <caption>Strategies</caption>
 * <tr><th>name</th><th>where memory comes from</th><th>known to be zero</th><th>idle memory</th><th>freed by</th></tr>
 * <tr><td>arena-confined</td><td>a confined arena per buffer</td><td>yes</td><td>the C library's</td><td>the thread that allocated
 *   it, and no other</td></tr>
 * <tr><td>arena-shared</td><td>a shared arena per buffer</td><td>yes</td><td>the C library's</td><td>any thread</td></tr>
 * <tr><td>malloc</td><td>the C library, through java.lang.foreign</td><td>no</td><td>the C library's</td><td>any thread</td></tr>
 * <tr><td>buddy</td><td>a binary buddy over chunks of 32 MiB</td><td>no</td><td>one chunk, until it is trimmed</td><td>any
 *   thread</td></tr>
 * <tr><td>netty-pooled, netty-pooled-o13</td><td>Netty's pooled allocator, with its chunks of 4 MiB, or of 64 MiB</td><td>no</td>
 *   <td>chunks and caches of threads, of all heaps together</td><td>any thread</td></tr>
 * <tr><td>netty-adaptive</td><td>Netty's adaptive allocator</td><td>no</td><td>chunks and caches of threads, of all heaps together</td><td>any
 *   thread</td></tr>
 * </table>
 *
 * <p>Those of Netty need netty-buffer, which isn't a dependency that users get with this library;
 * without it they say so. Their allocators, which can't be closed, are one of each kind for all
 * heaps of the process.
 */
@NullMarked
package io.github.dmabuf4j.offheap.strategy;

import org.jspecify.annotations.NullMarked;

/**
 * Stores for the content of evicted buffers: {@code compressed} and {@code file}. Nothing here is
 * exported; heaps see {@link io.github.dmabuf4j.spi.SwapStore}.
 *
 * <h2>What becomes of content</h2>
 *
 * <pre>
 *   content ──cut──▶ slices of 128 KiB ──codec──▶ chunk of some slices ──▶ Room: memory of the heap
 *      │                                            ▲                       │ or   a file
 *      └── one word over and over: nothing is kept  └── up to 528 KiB       ▼
 *                                                                          Place
 * </pre>
 *
 * <p>One class, {@link io.github.dmabuf4j.swap.SlicedStore}, is behind both names. {@link
 * io.github.dmabuf4j.swap.Packing} compresses slice by slice into the scratch of a {@link
 * io.github.dmabuf4j.swap.Lane} and copies what came of it, still in the processor's cache, to a
 * {@link io.github.dmabuf4j.swap.Room}: so a place has exactly the size of what is in it, the
 * scratch is small, and the copy costs a few hundredths of what the codec does. {@link
 * io.github.dmabuf4j.swap.Unpacking} decompresses from the place straight into the buffer. Without
 * a codec content goes to its place directly.
 *
 * <p>Content that is one word of eight bytes over and over, such as zeros, takes no room at all; a
 * slice of that kind takes eight bytes. If the first slice of large content doesn't shrink, a few
 * pages of the rest are tried: if none of them does, nothing more is. What wouldn't save a page is
 * refused.
 *
 * <h2>Checksums</h2>
 *
 * <p>Of each slice's bytes as they are stored there is a CRC-32C on the Java heap. It is checked
 * before the codec sees the bytes, at some 40 GB/s. {@code swap-checksum=false} does without. With
 * encryption the cipher has a tag as well, for each chunk.
 *
 * <h2>Memory</h2>
 *
 * <p>All stored bytes and all scratch are pieces of the heap's memory, and count against its limit
 * (design rule AL9). Scratch is taken at the opening (design rule SH5): 656 KiB for each of up to
 * four lanes, 528 KiB more for each if a file is encrypted, 656 KiB for {@code second=zstd}.
 * Outside of that are LZ4's state, 16 KiB for each lane, taken at the opening; about a megabyte
 * that the library of zstd takes from the C library for as long as it works on a slice; and on the
 * Java heap some 200 bytes for a buffer and 10 for each slice.
 *
 * <h2>Old content</h2>
 *
 * <p>{@link io.github.dmabuf4j.swap.SecondStage} moves it, in the thread of the heap that calls
 * {@code age()}. A {@link io.github.dmabuf4j.swap.StoredTicket} stays what it is meanwhile; its
 * class says what happens if somebody loads or discards it just then. A move to the file takes the
 * compressed bytes as they are.
 *
 * <h2>The file</h2>
 *
 * <p>{@link io.github.dmabuf4j.swap.SwapFile} never has a name where the file system can do without
 * (O_TMPFILE), else for a moment; so nothing is left of it, even if the process is killed. Its room
 * is allocated on the disk at the opening, and it is never mapped: a disk that is full is found
 * then, or else is an error of a write, after which the buffer stays in memory. It is read and
 * written with pread and pwrite through {@code java.lang.foreign}, as an interrupt closes a {@code
 * FileChannel}. {@link io.github.dmabuf4j.swap.FileExtents} knows who has which pages.
 *
 * <p>Encryption is AES-256 in Galois/counter mode with a key of the file's own, which is
 * overwritten when the store is closed.
 *
 * <h2>Closing</h2>
 *
 * <p>The close waits for who is storing or loading, frees everything, and gives memory and file
 * back. Later calls are an {@code IllegalStateException}; a late discard does nothing.
 */
@NullMarked
package io.github.dmabuf4j.swap;

import org.jspecify.annotations.NullMarked;

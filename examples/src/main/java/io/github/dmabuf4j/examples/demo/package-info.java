/**
 * A video goes through managed off-heap buffers: decode, filter, encode, without a copy between the
 * stages.
 *
 * <pre>
 *   decode thread               filter thread + crew          encode thread
 *   -------------               --------------------          -------------
 *   Demuxer → Decoder           EdgeFilter, by tiles          Encoder → file
 *      │ get_buffer2               │                             │ AVBufferRef on our bytes
 *      ▼                           ▼                             ▼
 *   DmaBuf "decoded" ──queue──▶ reads luma ───────queue───▶ reads chroma of it (handed on)
 *   DmaBuf "edges"   ──queue──▶ writes luma ──────queue───▶ reads luma of it
 * </pre>
 *
 * <p><b>Who allocates.</b> Only the decoding side, for a frame and for the picture that the filter
 * will make of it; so only the decoder ever waits for memory, what runs behind it always ends and
 * gives memory back, and no fence waits for an allocation. If the decoder waits while nothing is on
 * its way behind it, the budget is below what the codecs keep for themselves, see {@link
 * io.github.dmabuf4j.examples.demo.Traffic}.
 *
 * <p><b>Who waits for whom.</b> A frame is the codec's alone until it is delivered, and its
 * decoding may need further buffers, so a fence for it would be one that waits for an allocation: a
 * {@link io.github.dmabuf4j.Hold} is all it gets. Filter and encoder are {@link
 * io.github.dmabuf4j.Job}s: the filter's is published before the picture is handed on, and the
 * encoder's waits for its fence.
 */
@NullMarked
package io.github.dmabuf4j.examples.demo;

import org.jspecify.annotations.NullMarked;

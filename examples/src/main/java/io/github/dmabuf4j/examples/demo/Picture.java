package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.BufferSlot;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.PixelFormat;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One picture on its way from the decoder to the encoder, and where its planes were seen. Owned by
 * one stage at a time; used again for a later picture once it was encoded.
 */
final class Picture {
  static final int MAX_PLANES = 4;

  /** Number of the picture, from 0. */
  long index;

  /** When it is to be shown, in frames. */
  long time;

  int width;
  int height;
  PixelFormat format = PixelFormat.I420;

  /** Bytes from the start of the decoded buffer to each plane's first visible sample. */
  final long[] offsets = new long[MAX_PLANES];

  final int[] strides = new int[MAX_PLANES];

  /** Bytes from row to row of what the filter makes. */
  int edgesStride;

  /** The decoded picture and what the filter makes of it, where they are buffers of a heap. */
  @Nullable DmaBuf decoded;

  @Nullable DmaBuf edges;

  /** Room in the next queue, while this has some. */
  @Nullable BufferSlot slot;

  /** The same where they are plain memory. */
  @Nullable MemorySegment plainDecoded;

  @Nullable MemorySegment plainEdges;

  /** Where the planes were seen. */
  final Trail trail = new Trail();

  /** The addresses of the planes at each point where a copy could have been made. */
  static final class Trail {
    final long[] atDecoderOutput = new long[MAX_PLANES];
    final long[] atFilterInput = new long[MAX_PLANES];
    long atFilterOutput;
    final long[] atEncoderInput = new long[MAX_PLANES];

    /** Where the buffers lie that the filter was given: start and end of each. */
    long decodedStart;

    long decodedEnd;
    long edgesStart;
    long edgesEnd;
  }

  DmaBuf decoded() {
    return Objects.requireNonNull(decoded, "the decoded picture was released");
  }

  DmaBuf edges() {
    return Objects.requireNonNull(edges, "the filtered picture was released");
  }

  /** Lets go of the buffers. */
  void release() {
    DmaBuf first = decoded;
    DmaBuf second = edges;
    decoded = null;
    edges = null;
    try (first;
        second) {
      // Closed in any case, one after the other.
    }
  }
}

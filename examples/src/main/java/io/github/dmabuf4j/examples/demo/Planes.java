package io.github.dmabuf4j.examples.demo;

import java.lang.foreign.MemorySegment;

/** Copies planes between memory of FFmpeg's and memory of ours: at once where the strides agree. */
final class Planes {
  private Planes() {}

  /** Copies a plane out of FFmpeg's memory. */
  static void copyOut(
      NativeFrame frame,
      int plane,
      MemorySegment to,
      long start,
      int stride,
      long rowBytes,
      int rows) {
    int theirs = frame.stride(plane);
    if (theirs < 0) { // a picture that lies upside down
      for (int row = 0; row < rows; row++) {
        MemorySegment from = CLinker.bytes(frame.plane(plane) + (long) row * theirs, rowBytes);
        MemorySegment.copy(from, 0, to, start + (long) row * stride, rowBytes);
      }
      return;
    }
    copy(at(frame, plane, rowBytes, rows), 0, theirs, to, start, stride, rowBytes, rows);
  }

  /** Copies a plane into FFmpeg's memory. */
  static void copyIn(
      MemorySegment from,
      long start,
      int stride,
      NativeFrame frame,
      int plane,
      long rowBytes,
      int rows) {
    MemorySegment to = at(frame, plane, rowBytes, rows);
    copy(from, start, stride, to, 0, frame.stride(plane), rowBytes, rows);
  }

  private static MemorySegment at(NativeFrame frame, int plane, long rowBytes, int rows) {
    long size = (long) (rows - 1) * frame.stride(plane) + rowBytes;
    return CLinker.bytes(frame.plane(plane), size);
  }

  private static void copy(
      MemorySegment from,
      long fromStart,
      int fromStride,
      MemorySegment to,
      long toStart,
      int toStride,
      long rowBytes,
      int rows) {
    if (fromStride == toStride) {
      MemorySegment.copy(from, fromStart, to, toStart, (long) (rows - 1) * toStride + rowBytes);
      return;
    }
    for (int row = 0; row < rows; row++) {
      MemorySegment.copy(
          from, fromStart + (long) row * fromStride, to, toStart + (long) row * toStride, rowBytes);
    }
  }
}

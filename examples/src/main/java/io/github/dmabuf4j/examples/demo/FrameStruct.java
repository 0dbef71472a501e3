package io.github.dmabuf4j.examples.demo;

import java.lang.foreign.MemorySegment;
import org.bytedeco.ffmpeg.avutil.AVBufferRef;
import org.bytedeco.ffmpeg.avutil.AVFrame;

/**
 * An {@code AVFrame}, whoever owns it. Its fields are read and written where they are, for JavaCPP
 * makes an object of every pointer it reads; JavaCPP knows where they are.
 */
class FrameStruct {
  private static final long BYTES = CLinker.sizeOf(AVFrame.class);
  private static final long DATA = CLinker.offsetOf(AVFrame.class, "data");
  private static final long LINESIZE = CLinker.offsetOf(AVFrame.class, "linesize");
  private static final long WIDTH = CLinker.offsetOf(AVFrame.class, "width");
  private static final long HEIGHT = CLinker.offsetOf(AVFrame.class, "height");
  private static final long FORMAT = CLinker.offsetOf(AVFrame.class, "format");
  private static final long BUF = CLinker.offsetOf(AVFrame.class, "buf");
  private static final long BUFFER_REF_BYTES = CLinker.sizeOf(AVBufferRef.class);
  private static final long BUFFER_REF_DATA = CLinker.offsetOf(AVBufferRef.class, "data");

  private final MemorySegment struct;

  FrameStruct(long address) {
    struct = CLinker.bytes(address, BYTES);
  }

  int width() {
    return struct.get(CLinker.INT, WIDTH);
  }

  int height() {
    return struct.get(CLinker.INT, HEIGHT);
  }

  /** FFmpeg's number of the pixel format. */
  int format() {
    return struct.get(CLinker.INT, FORMAT);
  }

  /** The address of the first visible byte of a plane, 0 if there is no such plane. */
  long plane(int index) {
    return struct.get(CLinker.POINTER, DATA + index * CLinker.POINTER.byteSize());
  }

  /** Bytes from row to row of a plane; negative in a picture that lies upside down. */
  int stride(int index) {
    return struct.get(CLinker.INT, LINESIZE + index * CLinker.INT.byteSize());
  }

  void setPlane(int index, long address, int stride) {
    struct.set(CLinker.POINTER, DATA + index * CLinker.POINTER.byteSize(), address);
    struct.set(CLinker.INT, LINESIZE + index * CLinker.INT.byteSize(), stride);
  }

  /** Where the memory starts that the first plane lies in, as it was given to {@link Lent#lend}. */
  long bufferBase() {
    long reference = struct.get(CLinker.POINTER, BUF);
    return reference == 0
        ? 0
        : CLinker.bytes(reference, BUFFER_REF_BYTES).get(CLinker.POINTER, BUFFER_REF_DATA);
  }

  /**
   * Says what keeps the planes alive.
   *
   * @param reference an {@code AVBufferRef}, which the frame owns from now on
   */
  void setBuffer(long reference) {
    struct.set(CLinker.POINTER, BUF, reference);
  }
}

package io.github.dmabuf4j.examples.demo;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import org.bytedeco.ffmpeg.avutil.AVBufferRef;
import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.global.avutil;
import org.bytedeco.javacpp.Pointer;

/**
 * An {@code AVFrame} that is used for one picture after another. Its addresses are read straight
 * from the struct, for JavaCPP makes an object of every pointer it reads.
 */
final class NativeFrame implements AutoCloseable {
  private static final long DATA = Pointer.offsetof(AVFrame.class, "data");
  private static final long LINESIZE = Pointer.offsetof(AVFrame.class, "linesize");
  private static final long BUF = Pointer.offsetof(AVFrame.class, "buf");
  private static final long BUFFER_REF_DATA = Pointer.offsetof(AVBufferRef.class, "data");

  private final AVFrame frame;
  private final MemorySegment struct;

  NativeFrame() {
    frame = avutil.av_frame_alloc();
    if (frame == null) {
      throw new FfmpegException("av_frame_alloc", Ffmpeg.ENOMEM);
    }
    struct = at(frame.address(), Pointer.sizeof(AVFrame.class));
  }

  /** Bytes that FFmpeg owns. */
  static MemorySegment at(long address, long size) {
    return MemorySegment.ofAddress(address).reinterpret(size);
  }

  AVFrame pointer() {
    return frame;
  }

  /** The address of the first visible byte of a plane, 0 if there is no such plane. */
  long plane(int index) {
    return struct.get(JAVA_LONG, DATA + index * JAVA_LONG.byteSize());
  }

  int stride(int index) {
    return struct.get(JAVA_INT, LINESIZE + index * JAVA_INT.byteSize());
  }

  /** Where the memory starts that the first plane lies in, as it was given to {@link Lent#lend}. */
  long bufferBase() {
    long reference = struct.get(JAVA_LONG, BUF);
    return reference == 0
        ? 0
        : at(reference, Pointer.sizeof(AVBufferRef.class)).get(JAVA_LONG, BUFFER_REF_DATA);
  }

  void setPlane(int index, long address, int stride) {
    struct.set(JAVA_LONG, DATA + index * JAVA_LONG.byteSize(), address);
    struct.set(JAVA_INT, LINESIZE + index * JAVA_INT.byteSize(), stride);
  }

  /** Lets go of the picture; the frame is empty and can be used again. */
  void clear() {
    avutil.av_frame_unref(frame);
  }

  @Override
  public void close() {
    avutil.av_frame_free(frame);
  }
}

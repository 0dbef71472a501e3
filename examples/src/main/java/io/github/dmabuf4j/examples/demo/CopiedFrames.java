package io.github.dmabuf4j.examples.demo;

import static org.bytedeco.ffmpeg.global.avutil.AV_PIX_FMT_YUV420P;

import io.github.dmabuf4j.PixelFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.bytedeco.ffmpeg.avcodec.AVCodecContext;
import org.bytedeco.ffmpeg.avutil.AVFrame;
import org.bytedeco.ffmpeg.global.avutil;
import org.jspecify.annotations.Nullable;

/**
 * The usual way, to compare with: FFmpeg has buffers of its own, and each stage copies what it
 * gets. Written to be quick: our memory is allocated once per picture object and used again, planes
 * are copied whole where their strides agree.
 */
final class CopiedFrames implements Handover {
  private static final byte NEUTRAL = (byte) 128;
  private static final int ALIGNMENT = 64;

  private final Arena arena = Arena.ofShared();
  private final BoundedQueue toFilter = new BoundedQueue(QUEUE_CAPACITY);
  private final BoundedQueue toEncoder = new BoundedQueue(QUEUE_CAPACITY);

  @Override
  public boolean isInHeap() {
    return false;
  }

  @Override
  public PictureQueue toFilter() {
    return toFilter;
  }

  @Override
  public PictureQueue toEncoder() {
    return toEncoder;
  }

  @Override
  public void installInto(AVCodecContext decoder, boolean canUseOurMemory) {
    // FFmpeg's own get_buffer2 stays.
  }

  @Override
  public @Nullable Throwable failure() {
    return null;
  }

  @Override
  public long fenceWaits() {
    return 0;
  }

  @Override
  public void accept(NativeFrame frame, Picture picture) {
    long size = layOut(frame, picture);
    MemorySegment copy = picture.plainDecoded;
    if (copy == null || copy.byteSize() < size) {
      copy = arena.allocate(size, ALIGNMENT);
      picture.plainDecoded = copy;
      picture.plainEdges = arena.allocate((long) picture.edgesStride * picture.height, ALIGNMENT);
    }
    for (int plane = 0; plane < picture.format.planes().size(); plane++) {
      PixelFormat.Plane grid = picture.format.plane(plane);
      Planes.copyOut(
          frame,
          plane,
          copy,
          picture.offsets[plane],
          picture.strides[plane],
          grid.rowBytes(picture.width),
          grid.rows(picture.height));
    }
  }

  /** Takes FFmpeg's strides over, so that planes can be copied whole. */
  private static long layOut(NativeFrame frame, Picture picture) {
    long end = 0;
    for (int plane = 0; plane < picture.format.planes().size(); plane++) {
      picture.offsets[plane] = end;
      picture.strides[plane] = Math.abs(frame.stride(plane));
      end += (long) picture.strides[plane] * picture.format.plane(plane).rows(picture.height);
    }
    picture.edgesStride = picture.strides[0] / picture.format.plane(0).blockBytes();
    return end;
  }

  @Override
  public void filter(Picture picture, FilterCrew crew) throws Exception {
    if (!toEncoder.awaitRoom(picture)) {
      return;
    }
    MemorySegment decoded = Objects.requireNonNull(picture.plainDecoded);
    MemorySegment edges = Objects.requireNonNull(picture.plainEdges);
    crew.run(picture, (member, tiles) -> crew.work(member, tiles, picture, decoded, edges));
    toEncoder.add(picture);
  }

  @Override
  public void present(Picture picture, NativeFrame frame) {
    AVFrame raw = frame.pointer();
    raw.width(picture.width);
    raw.height(picture.height);
    raw.format(AV_PIX_FMT_YUV420P);
    Ffmpeg.check(avutil.av_frame_get_buffer(raw, 0), "av_frame_get_buffer");
    MemorySegment edges = Objects.requireNonNull(picture.plainEdges);
    Planes.copyIn(edges, 0, picture.edgesStride, frame, 0, picture.width, picture.height);
    MemorySegment decoded = Objects.requireNonNull(picture.plainDecoded);
    for (int plane = 1; plane <= 2; plane++) {
      PixelFormat.Plane grid = PixelFormat.I420.plane(plane);
      int rows = grid.rows(picture.height);
      if (Provenance.handsChromaOn(picture.format)) {
        Planes.copyIn(
            decoded,
            picture.offsets[plane],
            picture.strides[plane],
            frame,
            plane,
            grid.rowBytes(picture.width),
            rows);
      } else {
        CLinker.bytes(frame.plane(plane), (long) frame.stride(plane) * rows).fill(NEUTRAL);
      }
    }
  }

  @Override
  public void release(Picture picture) {
    // The memory stays with the picture, for the next one.
  }

  @Override
  public void close() {
    arena.close();
  }
}

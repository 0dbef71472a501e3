package io.github.dmabuf4j.examples.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.bytedeco.ffmpeg.global.avutil.AV_PIX_FMT_GRAY8;
import static org.bytedeco.ffmpeg.global.swscale.SWS_POINT;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.Job;
import io.github.dmabuf4j.PixelFormat;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import org.bytedeco.ffmpeg.avcodec.AVCodecContext;
import org.bytedeco.ffmpeg.global.swscale;
import org.bytedeco.ffmpeg.swscale.SwsContext;
import org.bytedeco.ffmpeg.swscale.SwsFilter;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.PointerPointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A copy slipped in between two stages is noticed, whoever makes it and however. */
final class ProvenanceTest {
  private static final long FRAMES = 12;
  private static final long LUMA = 720 * 405;
  private static final long CHROMA = 360 * 203;

  @TempDir private Path folder;

  /** How a plane is copied. */
  enum Copy {
    BULK {
      @Override
      void plane(MemorySegment from, MemorySegment to, int stride, int width, int rows) {
        MemorySegment.copy(from, 0, to, 0, from.byteSize());
      }
    },
    SCALAR {
      @Override
      void plane(MemorySegment from, MemorySegment to, int stride, int width, int rows) {
        for (long at = 0; at < from.byteSize(); at++) {
          to.set(ValueLayout.JAVA_BYTE, at, from.get(ValueLayout.JAVA_BYTE, at));
        }
      }
    },
    SWSCALE {
      @Override
      void plane(MemorySegment from, MemorySegment to, int stride, int width, int rows) {
        SwsContext context =
            swscale.sws_getContext(
                width,
                rows,
                AV_PIX_FMT_GRAY8,
                width,
                rows,
                AV_PIX_FMT_GRAY8,
                SWS_POINT,
                (SwsFilter) null,
                (SwsFilter) null,
                (DoublePointer) null);
        try (PointerPointer<Address> source = new PointerPointer<>(4);
            PointerPointer<Address> target = new PointerPointer<>(4);
            IntPointer strides = new IntPointer(stride, 0, 0, 0)) {
          source.put(0, new Address().at(from.address()));
          target.put(0, new Address().at(to.address()));
          int scaled = swscale.sws_scale(context, source, strides, 0, rows, target, strides);
          assertThat(scaled).isEqualTo(rows);
        } finally {
          swscale.sws_freeContext(context);
        }
      }
    };

    /** Copies a plane into one with the same stride. */
    abstract void plane(MemorySegment from, MemorySegment to, int stride, int width, int rows);
  }

  /** Gives the filter another buffer with the same content. */
  private static final class BeforeFilter extends DelegatingHandover {
    private final Heap heap;
    private final Copy how;

    BeforeFilter(Handover real, Heap heap, Copy how) {
      super(real);
      this.heap = heap;
      this.how = how;
    }

    @Override
    public void accept(NativeFrame frame, Picture picture) throws Exception {
      super.accept(frame, picture);
      DmaBuf copy;
      try (DmaBuf decoded = picture.decoded()) {
        copy = heap.allocate(AllocationRequest.of(decoded.size()).name("slipped in").build());
        picture.decoded = copy;
        Job job = Job.named("slip in").reads(decoded).writes(copy).publish();
        job.run(access -> planes(picture, access.segment(decoded), access.segment(copy)));
      }
    }

    private void planes(Picture picture, MemorySegment from, MemorySegment to) {
      for (int plane = 0; plane < 3; plane++) {
        PixelFormat.Plane grid = picture.format.plane(plane);
        int rows = grid.rows(picture.height);
        int stride = picture.strides[plane];
        long size = (long) stride * rows;
        how.plane(
            from.asSlice(picture.offsets[plane], size),
            to.asSlice(picture.offsets[plane], size),
            stride,
            (int) grid.rowBytes(picture.width),
            rows);
      }
    }
  }

  /** Gives the encoder another luma plane with the same content. */
  private static final class BeforeEncoder extends DelegatingHandover {
    private final Arena arena;
    private final Copy how;

    BeforeEncoder(Handover real, Arena arena, Copy how) {
      super(real);
      this.arena = arena;
      this.how = how;
    }

    @Override
    public void present(Picture picture, NativeFrame frame) throws Exception {
      super.present(picture, frame);
      int stride = frame.stride(0);
      long size = (long) stride * picture.height;
      MemorySegment copy = arena.allocate(size + 128, 64);
      how.plane(
          CLinker.bytes(frame.plane(0), size),
          copy.asSlice(0, size),
          stride,
          picture.width,
          picture.height);
      frame.setPlane(0, copy.address(), stride);
    }
  }

  /** What is slipped in. */
  private interface Slip {
    Handover into(Handover real, Heap heap);
  }

  private long copiedBytes(Slip slip) throws Exception {
    try (Clip clip = Clip.unpack();
        Heap heap = Heaps.open("offheap:system?limit=64MiB");
        PrintStream nowhere = new PrintStream(OutputStream.nullOutputStream())) {
      Traffic traffic = new Traffic();
      DemoOptions options = new DemoOptions(clip.file(), folder, 64 << 20, FRAMES, 1, 2);
      Handover handover = slip.into(new SharedFrames(heap, traffic), heap);
      Pipeline.Result result = new Pipeline(options, handover, traffic, "slip", nowhere).run();
      assertThat(result.frames()).isEqualTo(FRAMES);
      assertThat(heap.drain(Duration.ZERO)).as("%s", heap.info()).isTrue();
      return result.copiedBytes();
    }
  }

  @Test
  void nothingSlippedIn_isNoCopy() throws Exception {
    assertThat(copiedBytes((real, heap) -> new DelegatingHandover(real))).isZero();
  }

  @ParameterizedTest
  @EnumSource
  void copyBeforeTheFilter_isNoticed(Copy how) throws Exception {
    assertThat(copiedBytes((real, heap) -> new BeforeFilter(real, heap, how)))
        .isEqualTo(FRAMES * (LUMA + 2 * CHROMA));
  }

  @ParameterizedTest
  @EnumSource
  void copyBeforeTheEncoder_isNoticed(Copy how) throws Exception {
    try (Arena arena = Arena.ofShared()) {
      assertThat(copiedBytes((real, heap) -> new BeforeEncoder(real, arena, how)))
          .isEqualTo(FRAMES * LUMA);
    }
  }

  @Test
  void decoderWithMemoryOfItsOwn_isNoticed() throws Exception {
    Slip ownMemory =
        (real, heap) ->
            new DelegatingHandover(real) {
              @Override
              public void installInto(AVCodecContext decoder, boolean canUseOurMemory) {
                super.installInto(decoder, false);
              }
            };
    assertThat(copiedBytes(ownMemory)).isEqualTo(FRAMES * (LUMA + 2 * CHROMA));
  }
}

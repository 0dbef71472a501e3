package io.github.dmabuf4j.benchmarks;

import io.airlift.compress.v3.lz4.Lz4NativeCompressor;
import io.airlift.compress.v3.lz4.Lz4NativeDecompressor;
import java.lang.foreign.MemorySegment;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * The decoded frames of {@link SwappedFrames} without a heap: compressed slice by slice from one
 * piece of memory into another, and back, by the codec alone. By itself both have their pages all
 * the time; the subclasses give them back where a heap does.
 */
@State(Scope.Thread)
@SuppressWarnings("NullAway.Init") // by JMH
public class BareFrames {
  /** As large as the store's, so that the codec has the same to do. */
  private static final int SLICE = 128 << 10;

  /** The codec; none is a copy. */
  @Param({"lz4", "none-unchecked"})
  public String codec;

  /** How large a frame is. */
  @Param({"720x405", "1920x1080"})
  public String picture;

  private final Lz4NativeCompressor compressor = new Lz4NativeCompressor();
  private final Lz4NativeDecompressor decompressor = new Lz4NativeDecompressor();
  private MemorySegment content;
  private RawMemory frames;
  private RawMemory packed;
  private long stride;
  private long packedStride;
  private int[] lengths;

  /** Before each call the frames have their pages, and what they are compressed into has none. */
  @State(Scope.Thread)
  public static class Resident extends BareFrames {
    /** Fills the frames. */
    @Setup(Level.Invocation)
    public void bringBack() {
      fill();
      forgetPacked();
    }
  }

  /** Before each call the frames have no pages. */
  @State(Scope.Thread)
  public static class Evicted extends BareFrames {
    /** Compresses them. */
    @Setup(Level.Invocation)
    public void putAway() {
      fill();
      long _ = compressAndGiveBack();
    }
  }

  /** Fills the frames and compresses them. */
  @Setup(Level.Trial)
  public void open() {
    content = DecodedFrame.of(picture);
    lengths = new int[(int) ((content.byteSize() + SLICE - 1) / SLICE)];
    stride = RawMemory.wholePages(content.byteSize());
    packedStride = lengths.length * (SLICE + SLICE / 8L);
    frames = new RawMemory(SwappedFrames.COUNT * stride);
    packed = new RawMemory(SwappedFrames.COUNT * packedStride);
    fill();
    long _ = compress();
  }

  final void fill() {
    for (int i = 0; i < SwappedFrames.COUNT; i++) {
      frame(i).copyFrom(content);
    }
  }

  final void forgetPacked() {
    packed.giveBack();
  }

  /** Compresses all frames. */
  final long compress() {
    for (int i = 0; i < SwappedFrames.COUNT; i++) {
      compress(i);
    }
    return frames.segment().byteSize();
  }

  /** Compresses all frames and gives the pages of each back. */
  final long compressAndGiveBack() {
    for (int i = 0; i < SwappedFrames.COUNT; i++) {
      compress(i);
      frames.giveBack(i * stride, content.byteSize());
    }
    return frames.segment().byteSize();
  }

  private void compress(int index) {
    long filled = index * packedStride;
    for (int i = 0; i < lengths.length; i++) {
      MemorySegment slice = slice(index, i);
      lengths[i] = pack(slice, packed.segment().asSlice(filled, SLICE + SLICE / 8));
      filled += lengths[i];
    }
  }

  private int pack(MemorySegment slice, MemorySegment to) {
    if (codec.equals("lz4")) {
      return compressor.compress(slice, to);
    }
    MemorySegment.copy(slice, 0, to, 0, slice.byteSize());
    return (int) slice.byteSize();
  }

  /** Decompresses all frames. */
  final long decompress() {
    for (int i = 0; i < SwappedFrames.COUNT; i++) {
      long at = i * packedStride;
      for (int j = 0; j < lengths.length; j++) {
        unpack(packed.segment().asSlice(at, lengths[j]), slice(i, j));
        at += lengths[j];
      }
    }
    return frames.segment().byteSize();
  }

  private void unpack(MemorySegment from, MemorySegment slice) {
    if (codec.equals("lz4")) {
      decompressor.decompress(from, slice);
    } else {
      MemorySegment.copy(from, 0, slice, 0, slice.byteSize());
    }
  }

  private MemorySegment frame(int index) {
    return frames.segment().asSlice(index * stride, content.byteSize());
  }

  private MemorySegment slice(int index, int number) {
    MemorySegment whole = frame(index);
    long at = (long) number * SLICE;
    return whole.asSlice(at, Math.min(SLICE, whole.byteSize() - at));
  }

  /** Fails if the codec didn't bring the frames back. */
  @TearDown(Level.Trial)
  public void close() {
    fill();
    long _ = compressAndGiveBack() + decompress();
    for (int i = 0; i < SwappedFrames.COUNT; i++) {
      if (frame(i).mismatch(content) >= 0) {
        throw new IllegalStateException("what came back isn't what was compressed");
      }
    }
    frames.close();
    packed.close();
  }
}

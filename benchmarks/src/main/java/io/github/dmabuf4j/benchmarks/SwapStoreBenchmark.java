package io.github.dmabuf4j.benchmarks;

import io.airlift.compress.v3.Compressor;
import io.airlift.compress.v3.Decompressor;
import io.airlift.compress.v3.lz4.Lz4NativeCompressor;
import io.airlift.compress.v3.lz4.Lz4NativeDecompressor;
import io.airlift.compress.v3.zstd.ZstdNativeCompressor;
import io.airlift.compress.v3.zstd.ZstdNativeDecompressor;
import io.github.dmabuf4j.benchmarks.report.Bar;
import io.github.dmabuf4j.benchmarks.report.Peer;
import io.github.dmabuf4j.spi.SwapStore;
import io.github.dmabuf4j.spi.SwapStoreProvider;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.Objects;
import java.util.ServiceLoader;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What a store for evicted content adds to its codec: a decoded frame is stored and loaded, beside
 * the bare codec on the same slices of the same frame with room prepared for the result, and a bare
 * copy for the store without a codec. The files have no bars: the page cache is in between.
 *
 * <pre>
 * java -jar benchmarks/target/benchmarks.jar SwapStoreBenchmark -prof gc
 * </pre>
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 4, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class SwapStoreBenchmark {
  /** A frame, a store with the frame in it, and the codec. */
  @State(Scope.Thread)
  @SuppressWarnings("NullAway.Init") // by JMH
  public static class Frame {
    private static final int SLICE = 128 << 10;

    /** Which store. */
    @Param({"lz4", "zstd", "none", "none-unchecked", "file", "encrypted"})
    public String store;

    /** How large a frame. */
    @Param({"720x405", "1920x1080"})
    public String picture;

    private final PooledSwapMemory memory = new PooledSwapMemory();
    private SwapStore swap;
    private SwapStore.Ticket ticket;
    private MemorySegment content;
    private MemorySegment target;
    private Compressor compressor;
    private Decompressor decompressor;
    private MemorySegment compressed;
    private int[] lengths;

    /** Opens the store. */
    @Setup(Level.Trial)
    public void open() {
      boolean file = store.equals("file") || store.equals("encrypted");
      SwapStoreProvider provider =
          ServiceLoader.load(SwapStoreProvider.class).stream()
              .map(ServiceLoader.Provider::get)
              .filter(one -> one.name().equals(file ? "file" : "compressed"))
              .findFirst()
              .orElseThrow();
      swap = provider.open(options(file), memory);
      content = DecodedFrame.of(picture);
      target = Arena.ofAuto().allocate(content.byteSize(), 4096);
      ticket = Objects.requireNonNull(swap.store(content), "it was refused");
      compressor = store.equals("zstd") ? new ZstdNativeCompressor(1) : new Lz4NativeCompressor();
      decompressor =
          store.equals("zstd") ? new ZstdNativeDecompressor() : new Lz4NativeDecompressor();
      compressed = Arena.ofAuto().allocate(2 * content.byteSize(), 4096);
      lengths = new int[(int) (content.byteSize() / SLICE + 1)];
      compress();
    }

    private Map<String, String> options(boolean file) {
      return file
          ? Map.of("limit", "64MiB", "encrypted", "" + store.equals("encrypted"))
          : Map.of(
              "codec",
              store.replace("-unchecked", ""),
              "checksum",
              "" + !store.endsWith("-unchecked"));
    }

    SwapStore.Ticket store() {
      return Objects.requireNonNull(swap.store(content));
    }

    long compress() {
      long filled = 0;
      for (int i = 0; i < lengths.length; i++) {
        lengths[i] =
            compressor.compress(slice(content, i), compressed.asSlice(filled, SLICE + SLICE / 8));
        filled += lengths[i];
      }
      return filled;
    }

    long decompress() {
      long at = 0;
      for (int i = 0; i < lengths.length; i++) {
        decompressor.decompress(compressed.asSlice(at, lengths[i]), slice(target, i));
        at += lengths[i];
      }
      return at;
    }

    private static MemorySegment slice(MemorySegment whole, int index) {
      long at = (long) index * SLICE;
      return whole.asSlice(at, Math.min(SLICE, whole.byteSize() - at));
    }

    /** Closes the store; fails if it doesn't give the frame back. */
    @TearDown(Level.Trial)
    public void close() {
      swap.load(ticket, target);
      if (target.mismatch(content) >= 0) {
        throw new IllegalStateException("what came back isn't what was stored");
      }
      swap.close();
      memory.close();
    }
  }

  /** Stores the frame and discards it. */
  @Benchmark
  @Bar(
      row = "evict a decoded frame, beside the codec alone",
      of = "store=lz4|zstd",
      peers = @Peer(method = "compress"),
      atMost = 1.25,
      stretch = 1.053)
  @Bar(
      row = "evict a decoded frame without codec and checksums, beside a copy",
      of = "store=none-unchecked",
      peers = @Peer(method = "copy"),
      atMost = 1.25,
      stretch = 1.053)
  public long store(Frame frame) {
    SwapStore.Ticket ticket = frame.store();
    long bytes = ticket.storedBytes();
    frame.swap.discard(ticket);
    return bytes;
  }

  /** Loads the frame. */
  @Benchmark
  @Bar(
      row = "swap a decoded frame in, beside the codec alone",
      of = "store=lz4|zstd",
      peers = @Peer(method = "decompress"),
      atMost = 1.25,
      stretch = 1.053)
  @Bar(
      row = "swap a decoded frame in without codec and checksums, beside a copy",
      of = "store=none-unchecked",
      peers = @Peer(method = "copy"),
      atMost = 1.25,
      stretch = 1.053)
  public MemorySegment load(Frame frame) {
    frame.swap.load(frame.ticket, frame.target);
    return frame.target;
  }

  /** The codec alone. */
  @Benchmark
  public long compress(Frame frame) {
    return frame.compress();
  }

  /** The codec alone, back. */
  @Benchmark
  public long decompress(Frame frame) {
    return frame.decompress();
  }

  /** A copy. */
  @Benchmark
  public MemorySegment copy(Frame frame) {
    return frame.target.copyFrom(frame.content);
  }
}

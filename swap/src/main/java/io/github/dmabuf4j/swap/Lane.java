package io.github.dmabuf4j.swap;

import io.airlift.compress.v3.Compressor;
import io.github.dmabuf4j.HeapUnavailableException;
import io.github.dmabuf4j.spi.SwapMemory;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What one thread needs to compress: the codec's state and scratch. Its memory is taken when the
 * store is opened (design rule SH5).
 *
 * <p><b>Guard.</b> All by the lane's own lock, from {@link #take} to {@link #close}; that of a
 * {@link SecondStage} by its turn.
 */
final class Lane extends Shared {
  private final SwapMemory.Piece memory;
  private final @Nullable Compressor compressor;
  private final MemorySegment staging;
  private final MemorySegment slice;

  private Lane(Stage stage, SwapMemory.Piece memory) {
    this.memory = memory;
    this.compressor = stage.newCompressor();
    this.staging = memory.segment().asSlice(0, Slices.LONGEST_CHUNK);
    this.slice = memory.segment().asSlice(Slices.LONGEST_CHUNK, Slices.SLICE);
  }

  /**
   * Makes lanes for several threads.
   *
   * @throws HeapUnavailableException if there is no memory for them
   */
  static List<Lane> open(Stage stage, SwapMemory memory) {
    return Shared.open(() -> openOne(stage, memory));
  }

  /** Makes a single one. */
  static Lane openOne(Stage stage, SwapMemory memory) {
    SwapMemory.Piece piece = Scratch.take(memory, Slices.LONGEST_CHUNK + Slices.SLICE);
    try {
      return new Lane(stage, piece);
    } catch (RuntimeException | Error e) {
      piece.close();
      throw e;
    }
  }

  /** The codec; only where there is one. */
  Compressor compressor() {
    if (compressor == null) {
      throw new IllegalStateException("this lane has no codec");
    }
    return compressor;
  }

  /** Room for a chunk, and some more. */
  MemorySegment staging() {
    return staging;
  }

  /** Room for a slice. */
  MemorySegment slice() {
    return slice;
  }

  @Override
  void release() {
    memory.close();
  }
}

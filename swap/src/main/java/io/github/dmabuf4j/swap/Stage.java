package io.github.dmabuf4j.swap;

import io.airlift.compress.v3.Compressor;
import io.airlift.compress.v3.Decompressor;
import io.airlift.compress.v3.lz4.Lz4NativeCompressor;
import io.airlift.compress.v3.lz4.Lz4NativeDecompressor;
import io.airlift.compress.v3.zstd.ZstdNativeCompressor;
import io.airlift.compress.v3.zstd.ZstdNativeDecompressor;
import io.github.dmabuf4j.HeapUnavailableException;
import org.jspecify.annotations.Nullable;

/**
 * The codecs, as the C libraries have them. The library's own Java versions are left alone: they
 * use {@code sun.misc.Unsafe}, and are slower.
 */
enum Stage {
  /** No codec. */
  NONE,
  /** LZ4 at its fast level. */
  LZ4,
  /** Zstandard at its fastest ordinary level. */
  ZSTD,
  /** Zstandard at its default level. */
  ZSTD_STRONG;

  /** A decompressor has no state, or takes care of it: all threads share it. */
  private static final class Lz4 {
    static final Decompressor SHARED = new Lz4NativeDecompressor();
  }

  private static final class Zstd {
    static final Decompressor SHARED = new ZstdNativeDecompressor();
  }

  /**
   * Makes a compressor, for one thread at a time, with its memory, but for zstd: its library takes
   * about a megabyte from the C library for each slice, and gives it back.
   *
   * @throws HeapUnavailableException if the C library isn't there for this machine, or native
   *     access is denied
   */
  @Nullable Compressor newCompressor() {
    try {
      return switch (this) {
        case NONE -> null;
        case LZ4 -> new Lz4NativeCompressor();
        case ZSTD -> new ZstdNativeCompressor(1);
        case ZSTD_STRONG -> new ZstdNativeCompressor(3);
      };
    } catch (IllegalStateException | IllegalCallerException | LinkageError e) {
      throw new HeapUnavailableException(
          ("swap=compressed can't load the library of %s: %s. It is there for Linux on x86-64,"
                  + " AArch64 and ppc64le and for macOS; java.io.tmpdir must allow to"
                  + " load libraries from it, and native access be enabled for aircompressor.v3 or"
                  + " the class path")
              .formatted(this == LZ4 ? "LZ4" : "zstd", e));
    }
  }

  /** What undoes it. */
  Decompressor decompressor() {
    return switch (this) {
      case LZ4 -> Lz4.SHARED;
      case ZSTD, ZSTD_STRONG -> Zstd.SHARED;
      case NONE -> throw new IllegalStateException("nothing is compressed without a codec");
    };
  }
}

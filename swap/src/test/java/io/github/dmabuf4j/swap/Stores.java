package io.github.dmabuf4j.swap;

import io.github.dmabuf4j.spi.SwapStore;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

/** The kinds of stores there are, as a heap would open them. */
@SuppressWarnings("ImmutableEnumChecker") // the maps are Map.of
enum Stores {
  LZ4(Map.of()),
  ZSTD(Map.of("codec", "zstd")),
  NONE(Map.of("codec", "none")),
  UNCHECKED(Map.of("checksum", "false")),
  LZ4_THEN_ZSTD(Map.of("second", "zstd", "age", "10s")),
  NONE_THEN_ZSTD(Map.of("codec", "none", "second", "zstd", "age", "10s")),
  LZ4_THEN_FILE(Map.of("second", "file", "second-limit", "32MiB", "age", "10s")),
  LZ4_THEN_ENCRYPTED(
      Map.of("second", "file", "second-limit", "32MiB", "second-encrypted", "true", "age", "10s")),
  FILE(Map.of("limit", "32MiB")),
  ENCRYPTED(Map.of("limit", "32MiB", "encrypted", "true"));

  private final Map<String, String> options;

  Stores(Map<String, String> options) {
    this.options = options;
  }

  boolean isFile() {
    return this == FILE || this == ENCRYPTED;
  }

  boolean hasSecond() {
    return options.containsKey("second");
  }

  /** Whether it may refuse content because of what it is. */
  boolean isChoosy() {
    return this == LZ4 || this == UNCHECKED || this == ZSTD || this == LZ4_THEN_ZSTD;
  }

  SlicedStore open(TestMemory memory, AtomicLong clock) {
    SwapStore store =
        isFile()
            ? new FileStoreProvider().open(options, memory)
            : new CompressedStoreProvider(clock::get).open(options, memory);
    return (SlicedStore) store;
  }
}

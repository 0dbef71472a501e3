package io.github.dmabuf4j.swap;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What became of a buffer's content.
 *
 * <p>Immutable; its chunks are freed once, by whoever takes it out of its {@link StoredTicket}.
 *
 * @param contentBytes how many bytes it was
 * @param chunks where they are, in order; none if the content is uniform
 * @param word what fills uniform content
 * @param stage which codec made the compressed slices
 */
record StoredContent(long contentBytes, List<Chunk> chunks, long word, Stage stage) {
  /** What it takes, in whole pages. */
  long storedBytes() {
    long bytes = 0;
    for (Chunk chunk : chunks) {
      bytes += chunk.place().storedBytes();
    }
    return bytes;
  }

  /** Frees all but what other content has as well. */
  void freeExcept(@Nullable StoredContent other) {
    for (Chunk chunk : chunks) {
      if (other == null || !other.has(chunk.place())) {
        chunk.place().free();
      }
    }
  }

  private boolean has(Room.Place place) {
    for (Chunk chunk : chunks) {
      if (chunk.place() == place) {
        return true;
      }
    }
    return false;
  }

  /** Frees all of it. */
  void free() {
    for (Chunk chunk : chunks) {
      chunk.place().free();
    }
  }
}

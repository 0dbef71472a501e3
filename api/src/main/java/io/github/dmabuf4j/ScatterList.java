package io.github.dmabuf4j;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The pieces of a buffer in order ({@code struct sg_table}): one for a plain buffer, equal chunks
 * for a chunked one.
 *
 * @param pieces the pieces, in order; each valid as long as the mapping it came with
 */
public record ScatterList(List<MemorySegment> pieces) {
  /**
   * Copies the list.
   *
   * @param pieces at least one piece, none of them empty
   * @throws IllegalArgumentException if there is no piece or an empty one
   */
  public ScatterList {
    pieces = List.copyOf(pieces);
    if (pieces.isEmpty() || pieces.stream().anyMatch(piece -> piece.byteSize() == 0)) {
      throw new IllegalArgumentException(
          "wanted one piece or more, none of them empty, got " + pieces);
    }
  }

  /**
   * The bytes of all pieces together.
   *
   * @return at least the size of the buffer
   */
  public long byteSize() {
    return pieces.stream().mapToLong(MemorySegment::byteSize).sum();
  }
}

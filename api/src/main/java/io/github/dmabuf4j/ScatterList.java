package io.github.dmabuf4j;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The pieces of a buffer in order ({@code struct sg_table}): one where its memory is one run, as
 * many as there are runs where it isn't. Together they may be longer than the buffer, by the rest
 * of its last page.
 *
 * <p>Immutable. Lists with equal pieces are equal, but each mapping has a list of its own (rule
 * CM8).
 *
 * @param pieces the pieces, in order; each valid as long as the mapping it came with
 */
public record ScatterList(List<Piece> pieces) {
  /** A run of bytes, in memory of this process or where only a device reaches. */
  public sealed interface Piece {
    /**
     * Where it begins.
     *
     * @return an address of this process for {@link Memory}, of the device for {@link DeviceRange}
     */
    long address();

    /**
     * How long it is.
     *
     * @return bytes, at least 1
     */
    long byteSize();
  }

  /**
   * A piece in memory of this process.
   *
   * @param segment its bytes
   */
  public record Memory(MemorySegment segment) implements Piece {
    @Override
    public long address() {
      return segment.address();
    }

    @Override
    public long byteSize() {
      return segment.byteSize();
    }
  }

  /**
   * A piece that only devices reach, for importers that {@linkplain Importer#allowsPeerToPeer say}
   * they can.
   *
   * @param address where it begins, as the device that imports it counts
   * @param byteSize how long it is
   */
  public record DeviceRange(long address, long byteSize) implements Piece {}

  /**
   * Copies the list.
   *
   * @param pieces at least one piece, none of them empty
   * @throws IllegalArgumentException if there is no piece or an empty one
   */
  public ScatterList {
    pieces = List.copyOf(pieces);
    if (pieces.isEmpty() || pieces.stream().anyMatch(piece -> piece.byteSize() <= 0)) {
      throw new IllegalArgumentException(
          "wanted one piece or more, none of them empty, got " + pieces);
    }
  }

  /**
   * A list of pieces in memory of this process.
   *
   * @param segments at least one, none of them empty
   * @return a new list
   * @throws IllegalArgumentException if there is no segment or an empty one
   */
  public static ScatterList of(MemorySegment... segments) {
    Piece[] pieces = new Piece[segments.length];
    for (int i = 0; i < segments.length; i++) {
      pieces[i] = new Memory(segments[i]);
    }
    return new ScatterList(List.of(pieces));
  }

  /**
   * The bytes of all pieces together.
   *
   * @return at least the size of the buffer
   */
  public long byteSize() {
    long bytes = 0;
    for (int i = 0; i < pieces.size(); i++) { // of each map
      bytes += pieces.get(i).byteSize();
    }
    return bytes;
  }

  /**
   * The pieces for somebody who uses the CPU.
   *
   * @return a segment for each piece, in order
   * @throws UnsupportedOperationException if a piece is where only devices reach
   */
  public List<MemorySegment> segments() {
    return pieces.stream().map(ScatterList::segment).toList();
  }

  /** The same pieces for somebody who mustn't write; a device's own ranges stay as they are. */
  ScatterList asReadOnly() {
    return new ScatterList(
        pieces.stream()
            .<Piece>map(
                piece ->
                    piece instanceof Memory memory
                        ? new Memory(memory.segment().asReadOnly())
                        : piece)
            .toList());
  }

  private static MemorySegment segment(Piece piece) {
    return switch (piece) {
      case Memory memory -> memory.segment();
      case DeviceRange range ->
          throw new UnsupportedOperationException(
              range + " is memory that only devices reach: use its address");
    };
  }
}

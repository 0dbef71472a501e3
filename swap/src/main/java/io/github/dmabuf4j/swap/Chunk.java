package io.github.dmabuf4j.swap;

/**
 * Some slices of a buffer's content, one after the other in one place.
 *
 * <p>Immutable; the arrays are nobody else's.
 *
 * @param place where the bytes are
 * @param marks of each slice, see {@link Slices}
 * @param checksums of each slice: CRC-32C of the bytes as they are stored
 */
@SuppressWarnings("ArrayRecordComponent") // nobody compares chunks
record Chunk(Room.Place place, int[] marks, int[] checksums) {
  /** Whether the stored bytes are the content itself. */
  boolean isRaw() {
    for (int mark : marks) {
      if (Slices.form(mark) != Slices.RAW) {
        return false;
      }
    }
    return true;
  }
}

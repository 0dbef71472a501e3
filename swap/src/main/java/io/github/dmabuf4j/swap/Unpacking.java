package io.github.dmabuf4j.swap;

import io.airlift.compress.v3.MalformedInputException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * Brings content back, and checks each slice's checksum, if it has one, before its bytes are
 * believed.
 *
 * <p><b>Threads.</b> One, for one buffer.
 */
final class Unpacking {
  private final String store;
  private final Stage stage;
  private final boolean checked;
  private final CRC32C checksum = new CRC32C();

  /**
   * Begins.
   *
   * @param store the name of the store, for messages
   * @param stage which codec made the compressed slices
   * @param checked whether there are checksums
   */
  Unpacking(String store, Stage stage, boolean checked) {
    this.store = store;
    this.stage = stage;
    this.checked = checked;
  }

  /**
   * Brings all of it back.
   *
   * @param content what was stored
   * @param target where to, exactly as large
   * @param lanes whose scratch to read compressed chunks from a file into
   * @throws io.github.dmabuf4j.DmaBufException if it can't be read or is damaged
   */
  void load(StoredContent content, MemorySegment target, List<Lane> lanes) {
    if (content.chunks().isEmpty()) {
      Slices.fill(target, content.word());
      return;
    }
    long at = 0;
    for (Chunk chunk : content.chunks()) {
      long left = target.byteSize() - at;
      MemorySegment part =
          target.asSlice(at, Math.min(left, (long) chunk.marks().length * Slices.SLICE));
      loadChunk(chunk, part, lanes);
      at += part.byteSize();
    }
  }

  private void loadChunk(Chunk chunk, MemorySegment target, List<Lane> lanes) {
    MemorySegment stored = chunk.place().inMemory();
    if (stored != null) {
      loadSlices(chunk, stored, target);
    } else if (chunk.isRaw()) {
      chunk.place().read(target);
      checkSlices(chunk, target);
    } else {
      try (Lane lane = Lane.take(lanes)) {
        MemorySegment scratch = lane.staging().asSlice(0, chunk.place().bytes());
        chunk.place().read(scratch);
        loadSlices(chunk, scratch, target);
      }
    }
  }

  private void loadSlices(Chunk chunk, MemorySegment stored, MemorySegment target) {
    long from = 0;
    for (int i = 0; i < chunk.marks().length; i++) {
      long to = (long) i * Slices.SLICE;
      long length = Math.min(Slices.SLICE, target.byteSize() - to);
      from += loadSlice(chunk, i, stored, from, target.asSlice(to, length));
    }
  }

  /**
   * Brings one slice back.
   *
   * @param stored the bytes of the chunk
   * @param from where those of the slice begin
   * @return how many they are
   */
  int loadSlice(Chunk chunk, int index, MemorySegment stored, long from, MemorySegment target) {
    int mark = chunk.marks()[index];
    MemorySegment bytes = stored.asSlice(from, Slices.bytes(mark));
    check(chunk, index, bytes);
    switch (Slices.form(mark)) {
      case Slices.RAW -> target.copyFrom(bytes);
      case Slices.UNIFORM -> Slices.fill(target, bytes.get(ValueLayout.JAVA_LONG_UNALIGNED, 0));
      default -> decompress(bytes, target);
    }
    return Slices.bytes(mark);
  }

  private void decompress(MemorySegment bytes, MemorySegment target) {
    RuntimeException malformed = null;
    int came = -1;
    try {
      came = stage.decompressor().decompress(bytes, target);
    } catch (MalformedInputException | IllegalArgumentException e) { // the latter from C
      malformed = e;
    }
    if (came != target.byteSize()) {
      throw StoreFailures.damaged(
          store,
          "a slice that decompresses to %d B".formatted(target.byteSize()),
          malformed == null ? came + " B" : "one that can't be decompressed",
          malformed);
    }
  }

  private void checkSlices(Chunk chunk, MemorySegment bytes) {
    long from = 0;
    for (int i = 0; i < chunk.marks().length; i++) {
      int length = Slices.bytes(chunk.marks()[i]);
      check(chunk, i, bytes.asSlice(from, length));
      from += length;
    }
  }

  private void check(Chunk chunk, int index, MemorySegment bytes) {
    if (!checked) {
      return;
    }
    checksum.reset();
    checksum.update(bytes.asByteBuffer());
    int came = (int) checksum.getValue();
    if (came != chunk.checksums()[index]) {
      throw StoreFailures.damaged(
          store,
          "the CRC-32C %08x of %d stored bytes"
              .formatted(chunk.checksums()[index], bytes.byteSize()),
          "%08x".formatted(came),
          null);
    }
  }
}

package io.github.dmabuf4j.swap;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * Puts the content of one buffer away, slice by slice: compresses into a lane's scratch, and each
 * time that is full copies it, still in the cache, to a place of exactly its size.
 *
 * <p><b>Invariant.</b> Each place that was taken is in {@code chunks}, until {@link #finish} hands
 * them on or {@link #close} frees them.
 *
 * <p><b>Threads.</b> One, which has the lane.
 */
final class Packing implements AutoCloseable {
  private static final int SLICES = 2 * Slices.CHUNK / Slices.SLICE;

  /** Samples of a page each. */
  private static final int MOST_SAMPLES = 16;

  private static final int FEWEST_SAMPLES = 4;

  /** There is a sample for so many bytes. */
  private static final long SAMPLED = 256 << 10;

  /** What has to be saved of at least one sample. */
  private static final int SAVED = (int) Slices.PAGE / 16;

  private final List<Room> rooms;
  private final CRC32C checksum = new CRC32C();
  private final List<Chunk> chunks = new ArrayList<>();
  private final int[] marks = new int[SLICES];
  private final int[] checksums = new int[SLICES];
  private final boolean checked;
  private final long most;
  private int slices;
  private long inMemory;
  private boolean full;

  /**
   * Begins.
   *
   * @param rooms where to put it, the best first
   * @param checked whether checksums are wanted
   * @param most how many bytes of memory it may take: more isn't worth it
   */
  Packing(List<Room> rooms, boolean checked, long most) {
    this.rooms = rooms;
    this.checked = checked;
    this.most = most;
  }

  /**
   * Puts content away as it is.
   *
   * @return whether there was room
   */
  boolean addRaw(MemorySegment content) {
    long size = content.byteSize();
    for (long at = 0; at < size; at += Slices.CHUNK) {
      MemorySegment bytes = content.asSlice(at, Math.min(Slices.CHUNK, size - at));
      for (long slice = 0; slice < bytes.byteSize(); slice += Slices.SLICE) {
        int length = (int) Math.min(Slices.SLICE, bytes.byteSize() - slice);
        note(Slices.RAW, bytes.asSlice(slice, length));
      }
      if (!put(bytes)) {
        return false;
      }
    }
    return true;
  }

  /**
   * Compresses content.
   *
   * @return whether there was room, and it is worth it
   */
  boolean addCompressed(MemorySegment content, Lane lane) {
    long size = content.byteSize();
    int filled = 0;
    for (long at = 0; at < size; at += Slices.SLICE) {
      filled = addSlice(content.asSlice(at, Math.min(Slices.SLICE, size - at)), filled, lane);
      if (filled < 0 || (at == 0 && isIncompressible(content, lane))) {
        return false;
      }
    }
    return filled == 0 || put(lane.staging().asSlice(0, filled));
  }

  /**
   * Whether a look at a few pages says that large content, whose first slice didn't shrink, isn't
   * worth going on. If it did, there is no need to look.
   */
  private boolean isIncompressible(MemorySegment content, Lane lane) {
    long size = content.byteSize();
    if (Slices.form(marks[0]) != Slices.RAW || size < 2 * Slices.SLICE) {
      return false;
    }
    int samples = Math.clamp(size / SAMPLED, FEWEST_SAMPLES, MOST_SAMPLES);
    long step = (size - Slices.SLICE) / samples;
    for (int i = 0; i < samples; i++) {
      MemorySegment sample = content.asSlice(Slices.SLICE + i * step + step / 2, Slices.PAGE);
      if (lane.compressor().compress(sample, lane.slice()) <= Slices.PAGE - SAVED) {
        return false;
      }
    }
    return true;
  }

  /**
   * Compresses the next slice.
   *
   * @param filled how much of the scratch is in use
   * @return how much is now; -1 if there was no room for what was in it, or it isn't worth it
   */
  int addSlice(MemorySegment slice, int filled, Lane lane) {
    int length = (int) slice.byteSize();
    MemorySegment staging = lane.staging();
    int start = filled;
    if (isFilled(filled, lane.compressor().maxCompressedLength(length), staging)) {
      if (!put(staging.asSlice(0, filled))) {
        return -1;
      }
      start = 0;
    }
    int bytes = pack(slice, staging.asSlice(start), lane);
    return inMemory + Slices.wholePages(start + bytes) > most ? -1 : start + bytes;
  }

  private boolean isFilled(int filled, int bound, MemorySegment staging) {
    return slices == SLICES || filled + bound > staging.byteSize();
  }

  private int pack(MemorySegment slice, MemorySegment target, Lane lane) {
    int length = (int) slice.byteSize();
    if (Slices.isUniform(slice)) {
      target.set(ValueLayout.JAVA_LONG_UNALIGNED, 0, Slices.firstWord(slice));
      return note(Slices.UNIFORM, target.asSlice(0, Slices.WORD));
    }
    int bytes = lane.compressor().compress(slice, target);
    if (bytes < length - length / 32) {
      return note(Slices.COMPRESSED, target.asSlice(0, bytes));
    }
    return note(Slices.RAW, target.asSlice(0, length).copyFrom(slice));
  }

  private int note(int form, MemorySegment stored) {
    int bytes = (int) stored.byteSize();
    marks[slices] = Slices.mark(form, bytes);
    if (checked) {
      checksum.reset();
      checksum.update(stored.asByteBuffer());
      checksums[slices] = (int) checksum.getValue();
    }
    slices++;
    return bytes;
  }

  /**
   * Puts a chunk of noted slices where there is room.
   *
   * @return whether there is, and it is worth it
   */
  boolean put(MemorySegment bytes) {
    for (Room room : rooms) {
      Room.Place place = room.put(bytes);
      if (place != null) {
        chunks.add(
            new Chunk(place, Arrays.copyOf(marks, slices), Arrays.copyOf(checksums, slices)));
        slices = 0;
        inMemory += place.inMemory() == null ? 0 : place.storedBytes();
        return inMemory <= most;
      }
    }
    full = true;
    return false;
  }

  /** Whether it ended for want of room. */
  boolean isFull() {
    return full;
  }

  /** What was put away; from now on the caller's to free. */
  StoredContent finish(long contentBytes, Stage stage) {
    StoredContent content = new StoredContent(contentBytes, List.copyOf(chunks), 0, stage);
    chunks.clear();
    return content;
  }

  /** Frees what was put away, unless it was finished. */
  @Override
  public void close() {
    for (Chunk chunk : chunks) {
      chunk.place().free();
    }
    chunks.clear();
  }
}

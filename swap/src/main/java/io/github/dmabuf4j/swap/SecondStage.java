package io.github.dmabuf4j.swap;

import io.github.dmabuf4j.DmaBufException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Where old content goes: through a stronger codec, or to a file.
 *
 * <p><b>Guard.</b> The lane and the scratch by {@code turn}: one thread moves at a time.
 */
abstract sealed class SecondStage implements AutoCloseable {
  /** What became of a try. */
  enum Outcome {
    /** It was moved, or is better off where it is. */
    DONE,
    /** It is being loaded, or was discarded. */
    IN_USE,
    /** There is no room just now. */
    NO_ROOM
  }

  private final ReentrantLock turn = new ReentrantLock();

  /** Begins, unless another thread is at it. */
  final boolean tryBegin() {
    return turn.tryLock();
  }

  final void end() {
    turn.unlock();
  }

  /**
   * Moves the content of a ticket, unless it is used or was discarded. The ticket's owner notices
   * nothing.
   */
  final Outcome move(StoredTicket ticket) {
    StoredContent old = ticket.beginMove();
    if (old == null) {
      return Outcome.IN_USE;
    }
    StoredContent moved = null;
    Outcome outcome = Outcome.DONE;
    try {
      moved = moved(old);
      outcome = moved == null ? Outcome.NO_ROOM : Outcome.DONE;
      moved = moved == old ? null : moved;
    } catch (DmaBufException e) {
      moved = null; // damaged: it stays, and who loads it is told
    } finally {
      outcome = end(ticket, old, moved) ? outcome : Outcome.IN_USE;
    }
    return outcome;
  }

  /** Ends a move, and frees what nobody needs; whether what was moved is used from now on. */
  private static boolean end(
      StoredTicket ticket, StoredContent old, @Nullable StoredContent moved) {
    StoredContent dropped = ticket.endMove(moved);
    if (dropped != null) {
      dropped.freeExcept(dropped == moved ? old : moved);
    }
    StoredContent last = ticket.takeIfUnused();
    if (last != null) {
      last.free();
    }
    return dropped == null || dropped != moved;
  }

  /**
   * Stores content anew.
   *
   * @return what it is to be; the same if it is better off as it is; null if there is no room
   */
  abstract @Nullable StoredContent moved(StoredContent old);

  @Override
  public void close() {}

  /** Packs content better, in memory. */
  static final class Stronger extends SecondStage {
    private final String store;
    private final Lane lane;
    private final List<Room> rooms;
    private final boolean checked;

    /**
     * Creates it.
     *
     * @param store the name of the store
     * @param lane of the stronger codec, nobody else's
     * @param rooms where to put it
     * @param checked whether there are checksums
     */
    Stronger(String store, Lane lane, List<Room> rooms, boolean checked) {
      this.store = store;
      this.lane = lane;
      this.rooms = rooms;
      this.checked = checked;
    }

    @Override
    @Nullable StoredContent moved(StoredContent old) {
      try (Packing packing = new Packing(rooms, checked, old.storedBytes() - Slices.PAGE)) {
        if (old.chunks().isEmpty()) {
          return old;
        }
        if (repack(old, packing)) {
          return packing.finish(old.contentBytes(), Stage.ZSTD_STRONG);
        }
        return packing.isFull() ? null : old;
      }
    }

    private boolean repack(StoredContent old, Packing packing) {
      Unpacking unpacking = new Unpacking(store, old.stage(), checked);
      long left = old.contentBytes();
      int filled = 0;
      for (Chunk chunk : old.chunks()) {
        MemorySegment stored = chunk.place().inMemory();
        if (stored == null) {
          return false; // there is no file beside this stage
        }
        long from = 0;
        for (int i = 0; i < chunk.marks().length; i++) {
          MemorySegment slice = lane.slice().asSlice(0, Math.min(Slices.SLICE, left));
          from += unpacking.loadSlice(chunk, i, stored, from, slice);
          left -= slice.byteSize();
          filled = packing.addSlice(slice, filled, lane);
          if (filled < 0) {
            return false;
          }
        }
      }
      return filled == 0 || packing.put(lane.staging().asSlice(0, filled));
    }

    @Override
    public void close() {
      lane.release();
    }
  }

  /** Takes what is in memory to a file, as it is. */
  static non-sealed class ToFile extends SecondStage {
    private final Room file;

    /**
     * Creates it.
     *
     * @param file the room that isn't memory
     */
    ToFile(Room file) {
      this.file = file;
    }

    @Override
    @Nullable StoredContent moved(StoredContent old) {
      List<Chunk> chunks = new ArrayList<>();
      boolean done = false;
      try {
        for (Chunk chunk : old.chunks()) {
          Chunk moved = moved(chunk);
          if (moved == null) {
            return null;
          }
          chunks.add(moved);
        }
        StoredContent content =
            chunks.equals(old.chunks())
                ? old
                : new StoredContent(old.contentBytes(), List.copyOf(chunks), 0, old.stage());
        done = true;
        return content;
      } finally {
        if (!done) {
          new StoredContent(0, chunks, 0, old.stage()).freeExcept(old);
        }
      }
    }

    private @Nullable Chunk moved(Chunk chunk) {
      MemorySegment stored = chunk.place().inMemory();
      if (stored == null) {
        return chunk;
      }
      Room.Place place = file.put(stored);
      return place == null ? null : new Chunk(place, chunk.marks(), chunk.checksums());
    }
  }
}

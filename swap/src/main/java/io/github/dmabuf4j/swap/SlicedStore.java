package io.github.dmabuf4j.swap;

import io.github.dmabuf4j.spi.SwapStore;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The store behind every name: content is cut into slices, perhaps compressed, and put into rooms.
 * See the package documentation.
 *
 * <p><b>Invariant.</b> Rooms, lanes and places are used inside the read side of {@code gate} while
 * {@code closed} is false, and given back inside its write side: nothing is touched after the
 * close. A ticket whose content was stored is on the {@code shelf} before anybody sees it, until it
 * is discarded; so the close frees all.
 *
 * <p><b>Locks.</b> Outermost first: the gate; whose turn it is to move ({@link SecondStage}); a
 * {@link Lane}; a {@link CipherLane}; a ticket's monitor, the shelf's, the lock of {@link
 * FileExtents}, each alone.
 */
final class SlicedStore implements SwapStore {
  /** How much content one call of {@link #age} moves at most: it takes a fraction of a second. */
  private static final long MOVED_AT_ONCE = 64L << 20;

  /**
   * What a store is made of.
   *
   * @param name for messages
   * @param stage the codec
   * @param lanes to compress in, if there is a codec
   * @param rooms where to put things, the best first
   * @param second where old content goes
   * @param checked whether stored bytes have checksums
   */
  record Parts(
      String name,
      Stage stage,
      List<Lane> lanes,
      List<Room> rooms,
      @Nullable SecondStage second,
      boolean checked) {
    void close() {
      lanes.forEach(Lane::release);
      if (second != null) {
        second.close();
      }
      rooms.forEach(Room::close);
    }
  }

  private final Parts parts;
  private final long age;
  private final LongSupplier clock;
  private final Shelf shelf = new Shelf();
  private final ReadWriteLock gate = new ReentrantReadWriteLock();
  private boolean closed;

  /**
   * Creates a store.
   *
   * @param parts what it is made of, its own to close: the first room is where compressed content
   *     has to save something; the second, if there is one, takes what the first doesn't
   * @param age after which time content is old
   * @param clock the time, in the same unit; any origin
   */
  SlicedStore(Parts parts, long age, LongSupplier clock) {
    this.parts = parts;
    this.age = Math.max(1, age); // what was used just now is young
    this.clock = clock;
  }

  @Override
  public @Nullable Ticket store(MemorySegment content) {
    requireNative(content);
    gate.readLock().lock();
    try {
      requireOpen();
      StoredContent stored = pack(content);
      return stored == null ? null : shelved(stored);
    } finally {
      gate.readLock().unlock();
    }
  }

  private Ticket shelved(StoredContent stored) {
    boolean done = false;
    try {
      StoredTicket ticket = new StoredTicket(this, stored, clock.getAsLong());
      shelf.add(ticket);
      done = true;
      return ticket;
    } finally {
      if (!done) {
        stored.free();
      }
    }
  }

  private @Nullable StoredContent pack(MemorySegment content) {
    if (Slices.isUniform(content)) {
      return new StoredContent(
          content.byteSize(), List.of(), Slices.firstWord(content), Stage.NONE);
    }
    List<Room> rooms = parts.rooms();
    if (parts.stage() == Stage.NONE) {
      return packRaw(content, rooms);
    }
    StoredContent stored = packCompressed(content);
    return stored == null && rooms.size() > 1
        ? packRaw(content, rooms.subList(1, rooms.size()))
        : stored;
  }

  private @Nullable StoredContent packRaw(MemorySegment content, List<Room> rooms) {
    try (Packing packing = new Packing(rooms, parts.checked(), Long.MAX_VALUE)) {
      return packing.addRaw(content) ? packing.finish(content.byteSize(), Stage.NONE) : null;
    }
  }

  private @Nullable StoredContent packCompressed(MemorySegment content) {
    long most = Slices.wholePages(content.byteSize()) - Slices.PAGE;
    if (most == 0) {
      return null;
    }
    try (Lane lane = Lane.take(parts.lanes());
        Packing packing = new Packing(parts.rooms(), parts.checked(), most)) {
      return packing.addCompressed(content, lane)
          ? packing.finish(content.byteSize(), parts.stage())
          : null;
    }
  }

  @Override
  public void load(Ticket ticket, MemorySegment target) {
    StoredTicket own = own(ticket);
    requireNative(target);
    gate.readLock().lock();
    try {
      requireOpen();
      StoredContent content = own.beginLoad();
      if (content == null) {
        throw new IllegalStateException(
            "wanted a ticket that wasn't discarded, got one that was, of the swap store "
                + parts.name());
      }
      try {
        if (target.byteSize() != content.contentBytes()) {
          throw new IllegalArgumentException(
              "wanted a target of %d B, the size of what was stored, got one of %d B"
                  .formatted(content.contentBytes(), target.byteSize()));
        }
        new Unpacking(parts.name(), content.stage(), parts.checked())
            .load(content, target, parts.lanes());
      } finally {
        free(own.endLoad());
      }
    } finally {
      gate.readLock().unlock();
    }
  }

  @Override
  public void discard(Ticket ticket) {
    StoredTicket own = own(ticket);
    // Not the lock that waits: if the store is being closed, the close frees it.
    if (!gate.readLock().tryLock()) {
      return;
    }
    try {
      if (!closed) {
        shelf.remove(own);
        free(own.discard());
      }
    } finally {
      gate.readLock().unlock();
    }
  }

  @Override
  public void age() {
    SecondStage second = parts.second();
    if (second == null) {
      return;
    }
    gate.readLock().lock();
    try {
      if (!closed && second.tryBegin()) {
        try {
          moveOld(second);
        } finally {
          second.end();
        }
      }
    } finally {
      gate.readLock().unlock();
    }
  }

  private void moveOld(SecondStage second) {
    long left = MOVED_AT_ONCE;
    long now = clock.getAsLong();
    while (left > 0) {
      StoredTicket oldest = shelf.settleOldest(now, age);
      if (oldest == null) {
        return;
      }
      StoredContent content = oldest.content();
      left -= content == null ? 0 : content.contentBytes();
      switch (second.move(oldest)) {
        case DONE -> {}
        case IN_USE -> shelf.renew(oldest, now);
        case NO_ROOM -> {
          shelf.putBack(oldest);
          return;
        }
      }
    }
  }

  @Override
  public void close() {
    gate.writeLock().lock();
    try {
      if (!closed) {
        closed = true;
        try {
          for (StoredTicket ticket : shelf.clear()) {
            free(ticket.discard());
          }
        } finally {
          parts.close();
        }
      }
    } finally {
      gate.writeLock().unlock();
    }
  }

  /** How many tickets there are. */
  int size() {
    return shelf.size();
  }

  /** Where it puts things: for tests. */
  List<Room> rooms() {
    return parts.rooms();
  }

  @Override
  public String toString() {
    return "swap store " + parts.name();
  }

  private static void free(@Nullable StoredContent content) {
    if (content != null) {
      content.free();
    }
  }

  private StoredTicket own(Ticket ticket) {
    if (ticket instanceof StoredTicket stored && stored.store() == this) {
      return stored;
    }
    throw new IllegalArgumentException(
        "wanted a ticket of the swap store %s, got %s".formatted(parts.name(), ticket));
  }

  private static void requireNative(MemorySegment segment) {
    if (!segment.isNative()) {
      throw new IllegalArgumentException("wanted native memory, got " + segment);
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the swap store %s is closed".formatted(parts.name()));
    }
  }
}

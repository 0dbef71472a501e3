package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.BufferQueue;
import io.github.dmabuf4j.BufferSlot;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Hands one buffer of each picture on through a {@link BufferQueue}; the picture goes beside it, by
 * the number of its slot. The buffers come from outside and go on there, so the slots are empty
 * between two pictures.
 *
 * <p><b>Invariant.</b> A picture stands in {@code beside} from when its buffer was attached until
 * it was detached or withdrawn, and has no handle of that buffer meanwhile: it is the queue's.
 *
 * <p><b>Threads.</b> An element of {@code beside} belongs to whoever has the slot in hand; the
 * queue orders the two.
 */
final class SharedQueue implements PictureQueue {
  /** A stage that falls silent for so long has died, and the report says who has what. */
  private static final Duration PATIENCE = Duration.ofHours(1);

  /** Which buffer of a picture goes through a queue. */
  enum Cargo {
    /** What the decoder made. */
    DECODED {
      @Override
      DmaBuf of(Picture picture) {
        return picture.decoded();
      }

      @Override
      void set(Picture picture, @Nullable DmaBuf buffer) {
        picture.decoded = buffer;
      }
    },

    /** What the filter makes. */
    EDGES {
      @Override
      DmaBuf of(Picture picture) {
        return picture.edges();
      }

      @Override
      void set(Picture picture, @Nullable DmaBuf buffer) {
        picture.edges = buffer;
      }
    };

    abstract DmaBuf of(Picture picture);

    abstract void set(Picture picture, @Nullable DmaBuf buffer);
  }

  private final BufferQueue queue;
  private final Cargo cargo;
  private final @Nullable Picture[] beside;

  SharedQueue(String producer, String consumer, Cargo cargo, int capacity) {
    this.cargo = cargo;
    this.beside = new Picture[capacity];
    this.queue =
        BufferQueue.named(producer + " to " + consumer)
            .producer(producer)
            .consumer(consumer)
            .slots(capacity);
  }

  @Override
  public boolean awaitRoom(Picture picture) throws InterruptedException {
    try {
      BufferSlot slot = queue.attach(cargo.of(picture), PATIENCE);
      cargo.set(picture, null);
      picture.slot = slot;
      beside[slot.index()] = picture;
      return true;
    } catch (IllegalStateException e) {
      return ifClosed(e, false);
    }
  }

  /** Undoes {@link #awaitRoom}. */
  void giveRoomBack(Picture picture) {
    BufferSlot slot = slot(picture);
    beside[slot.index()] = null;
    cargo.set(picture, queue.withdraw(slot));
  }

  @Override
  public void add(Picture picture) {
    queue.queue(slot(picture));
  }

  /** Adds a picture whose buffer is still being filled. */
  void add(Picture picture, Fence filled) {
    queue.queue(slot(picture), filled);
  }

  private static BufferSlot slot(Picture picture) {
    BufferSlot slot = Objects.requireNonNull(picture.slot, "no room was waited for");
    picture.slot = null;
    return slot;
  }

  /** The fence is left behind: it is in the buffer's reservation, too, where a job looks for it. */
  @Override
  public @Nullable Picture take() throws InterruptedException {
    try {
      Optional<BufferSlot> next = queue.acquire(PATIENCE);
      return next.isPresent() ? detach(next.get()) : null;
    } catch (IllegalStateException e) {
      return ifClosed(e, null);
    }
  }

  private Picture detach(BufferSlot slot) {
    Picture picture = Objects.requireNonNull(beside[slot.index()]);
    beside[slot.index()] = null;
    cargo.set(picture, queue.detach(slot));
    return picture;
  }

  private <T extends @Nullable Object> T ifClosed(IllegalStateException refused, T result) {
    if (queue.isClosed()) {
      return result;
    }
    throw refused;
  }

  @Override
  public void end() {
    queue.end();
  }

  @Override
  public void close() {
    queue.close();
  }

  @Override
  public @Nullable Picture takeLeftOver() {
    for (int i = 0; i < beside.length; i++) {
      Picture picture = beside[i];
      if (picture != null) {
        beside[i] = null;
        return picture;
      }
    }
    return null;
  }

  @Override
  public String toString() {
    return queue.toString();
  }
}

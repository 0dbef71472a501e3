package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.DmaBuf;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The buffers of a pool over memory of others, and their account.
 *
 * <p><b>Invariant.</b> {@code bytes} is the sum of {@code live}, and never above the limit. A
 * buffer is in {@code live} from before its export until its memory was let go, and a stolen one in
 * {@code stolen}, by its first byte, for as long; no two of these overlap, so no byte is freed
 * twice. Once sealed, none is added.
 *
 * <p><b>Locks.</b> One lock guards everything; nothing else is locked while it is held, and no code
 * of users runs. Leaving needs no memory, so a release can't fail.
 *
 * <p>Source: design rules UM1, UM2; mm/util.c, __account_locked_vm.
 */
final class UserBuffers {
  private enum Answer {
    ADMITTED,
    SEALED,
    FULL
  }

  final Pool pool;
  final long limit;

  /** What memory that is backed has to be made of. */
  final long pageSize;

  private final ReentrantLock lock = new ReentrantLock();
  private final Set<UserBuffer> live = new LinkedHashSet<>();
  private final TreeMap<Long, StolenBuffer> stolen = new TreeMap<>();
  private long bytes;
  private boolean sealed;

  UserBuffers(Pool pool, long limit, long pageSize) {
    this.pool = pool;
    this.limit = limit;
    this.pageSize = pageSize;
  }

  /**
   * Admits a buffer and exports it. Where it fails nothing is left of it here, and its memory
   * wasn't touched.
   */
  DmaBuf export(UserBuffer buffer) {
    while (true) {
      pool.lifecycle.requireOpen(true);
      Answer answer = tryAdmit(buffer);
      if (answer == Answer.FULL) {
        throw Shortage.user(
            buffer.byteSize, this, usedBytes(), addTo(new BufInfo(pool.name, List.of())));
      }
      if (answer == Answer.ADMITTED) {
        break;
      }
      // A close was in the way: what became of it?
    }
    boolean done = false;
    try {
      DmaBuf first = buffer.object.export(buffer.byteSize, null, null);
      done = true;
      return first;
    } finally {
      if (!done) {
        leave(buffer);
      }
    }
  }

  private Answer tryAdmit(UserBuffer buffer) {
    lock.lock();
    try {
      if (sealed) {
        return Answer.SEALED;
      }
      refuseStolen(buffer);
      if (buffer.byteSize > limit - bytes) {
        return Answer.FULL;
      }
      if (buffer instanceof StolenBuffer owned) {
        stolen.put(owned.address, owned);
      }
      boolean added = false;
      try {
        added = live.add(buffer);
      } finally {
        if (!added) { // the Java heap is full, and the set may have it all the same
          live.remove(buffer);
          stolen.remove(buffer.address);
        }
      }
      bytes += buffer.byteSize;
      return Answer.ADMITTED;
    } finally {
      lock.unlock();
    }
  }

  /** Two owners would free the bytes twice, and another user outlive their owner. Lock held. */
  private void refuseStolen(UserBuffer buffer) {
    var before = stolen.floorEntry(buffer.address + buffer.byteSize - 1);
    if (before != null && before.getValue().overlaps(buffer)) {
      StolenBuffer owner = before.getValue();
      throw new IllegalArgumentException(
          "wanted memory that no buffer owns, got %d bytes at 0x%x, of which %s has stolen some: %d bytes at 0x%x"
              .formatted(
                  buffer.byteSize,
                  buffer.address,
                  owner.object.displayName(),
                  owner.byteSize,
                  owner.address));
    }
  }

  // ---- leaving ----

  /** Lets the memory of a buffer go, or tries again later. */
  void release(UserBuffer buffer) {
    if (buffer.tryEnd()) {
      leave(buffer);
    } else {
      stick(buffer);
    }
  }

  private void stick(UserBuffer buffer) {
    lock.lock();
    try {
      buffer.stuck = true;
    } finally {
      lock.unlock();
    }
    try {
      Decay.retryLater(pool);
    } catch (OutOfMemoryError e) {
      // Whoever is refused next has this one tried again, too.
    }
  }

  /** Tries again what was refused. */
  void retry() {
    List<UserBuffer> refused;
    lock.lock();
    try {
      refused = live.stream().filter(buffer -> buffer.stuck).toList();
      refused.forEach(buffer -> buffer.stuck = false); // ours to try
    } finally {
      lock.unlock();
    }
    refused.forEach(this::release);
  }

  private void leave(UserBuffer buffer) {
    lock.lock();
    try {
      if (live.remove(buffer)) {
        bytes -= buffer.byteSize;
      }
      if (buffer instanceof StolenBuffer) {
        stolen.remove(buffer.address);
      }
    } finally {
      lock.unlock();
    }
    pool.lifecycle.afterGivingBack();
  }

  /** Admits none any more, or again. */
  void seal(boolean shut) {
    lock.lock();
    try {
      sealed = shut;
    } finally {
      lock.unlock();
    }
  }

  // ---- figures ----

  /** How many count now. */
  int count() {
    lock.lock();
    try {
      return live.size();
    } finally {
      lock.unlock();
    }
  }

  /** How many bytes they have. */
  long usedBytes() {
    lock.lock();
    try {
      return bytes;
    } finally {
      lock.unlock();
    }
  }

  /** Adds those that are live or in quarantine. */
  BufInfo addTo(BufInfo others) {
    List<UserBuffer> now;
    lock.lock();
    try {
      now = List.copyOf(live);
    } finally {
      lock.unlock();
    }
    List<BufInfo.Buffer> all = new ArrayList<>(others.buffers());
    for (UserBuffer buffer : now) {
      if (buffer.object.isReferenced()) {
        all.add(buffer.object.info());
      }
    }
    return new BufInfo(others.heap(), all, others.region());
  }
}

package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.spi.SwapStore;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A store that copies, knows which of its tickets are good, and fails where it is told to. What it
 * is told of what it doesn't have fails the test.
 */
final class TestStore implements SwapStore {
  enum Call {
    STORE,
    LOAD,
    DISCARD
  }

  /** A ticket with what it stands for. */
  private final class Copy implements Ticket {
    final byte[] bytes;

    Copy(byte[] bytes) {
      this.bytes = bytes;
    }

    @Override
    public long storedBytes() {
      if (!live.contains(this)) {
        wrong.incrementAndGet();
      }
      return bytes.length / 4;
    }
  }

  private final Set<Copy> live = ConcurrentHashMap.newKeySet();
  private final Map<Call, AtomicInteger> calls = new ConcurrentHashMap<>();
  private final Map<Call, Throwable> failures = new ConcurrentHashMap<>();

  /** How often a ticket was used that is no good. */
  final AtomicInteger wrong = new AtomicInteger();

  volatile boolean refuses;

  /** What happens while content is stored or loaded. */
  volatile @Nullable Runnable meanwhile;

  /** Fails one call, the next. Loading and storing fail half way, discarding afterwards. */
  void failNext(Call call, Throwable failure) {
    failures.put(call, failure);
  }

  int count(Call call) {
    AtomicInteger count = calls.get(call);
    return count == null ? 0 : count.get();
  }

  /** How many tickets are good. */
  int stored() {
    return live.size();
  }

  /** Nothing is left in it, and nobody came with a ticket that was no good. */
  void assertEmpty() {
    assertThat(live).as("what is left in the store").isEmpty();
    assertThat(wrong).as("uses of tickets that are no good").hasValue(0);
  }

  private void called(Call call) {
    calls.computeIfAbsent(call, first -> new AtomicInteger()).incrementAndGet();
    Runnable action = meanwhile;
    if (action != null) {
      action.run();
    }
    Throwable failure = failures.remove(call);
    if (failure != null) {
      RunAll.rethrow(failure);
    }
  }

  @Override
  public @Nullable Ticket store(MemorySegment content) {
    assertThat(content.isReadOnly()).as("what is saved is for reading").isTrue();
    called(Call.STORE);
    if (refuses) {
      return null;
    }
    Copy copy = new Copy(content.toArray(ValueLayout.JAVA_BYTE));
    live.add(copy);
    return copy;
  }

  @Override
  public void load(Ticket ticket, MemorySegment target) {
    Copy copy = (Copy) ticket;
    if (!live.contains(copy)) {
      wrong.incrementAndGet();
    }
    target.fill((byte) 0x77);
    called(Call.LOAD);
    MemorySegment.copy(copy.bytes, 0, target, ValueLayout.JAVA_BYTE, 0, copy.bytes.length);
  }

  @Override
  public void discard(Ticket ticket) {
    if (!live.remove((Copy) ticket)) {
      wrong.incrementAndGet();
    }
    called(Call.DISCARD);
  }

  @Override
  public void close() {}
}

package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.function.Supplier;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.jspecify.annotations.Nullable;

/** A {@link BufferQueue} against the simplest thing that keeps its contract: lists of numbers. */
final class BufferQueueProperties {
  /** How a call ended. */
  private enum Outcome {
    DONE,
    NOTHING,
    OVER,
    REFUSED
  }

  /** Where each slot is, with which buffer and what fence. */
  private static final class Model {
    final Deque<Integer> empty = new ArrayDeque<>();
    final Map<Integer, Integer> contents = new HashMap<>();
    final Deque<Integer> free = new ArrayDeque<>();
    final Deque<Integer> queued = new ArrayDeque<>();
    final List<Integer> dequeued = new ArrayList<>();
    final List<Integer> acquired = new ArrayList<>();
    final Map<Integer, Fence> fences = new HashMap<>();
    final int maxDequeued;
    final int maxAcquired;
    boolean ended;
    boolean closed;

    Model(int buffers, int maxDequeued, int maxAcquired) {
      this.maxDequeued = maxDequeued;
      this.maxAcquired = maxAcquired;
      for (int i = 0; i < buffers; i++) {
        free.add(i);
        contents.put(i, i);
        fences.put(i, Fence.stub());
      }
    }

    Outcome dequeue() {
      if (closed || ended || dequeued.size() >= maxDequeued) {
        return Outcome.REFUSED;
      }
      return moved(free, dequeued);
    }

    Outcome attach(int buffer) {
      if (closed || ended || dequeued.size() >= maxDequeued) {
        return Outcome.REFUSED;
      }
      if (!empty.isEmpty()) {
        contents.put(empty.getFirst(), buffer);
      }
      return moved(empty, dequeued);
    }

    Outcome takeOut(List<Integer> from, int index) {
      Outcome outcome = give(from, index, Fence.stub(), empty);
      if (outcome == Outcome.DONE) {
        contents.remove(index);
      }
      return outcome;
    }

    Outcome acquire() {
      if (closed) {
        return Outcome.REFUSED;
      }
      if (ended && queued.isEmpty()) {
        return Outcome.OVER;
      }
      return acquired.size() >= maxAcquired ? Outcome.REFUSED : moved(queued, acquired);
    }

    private static Outcome moved(Deque<Integer> from, List<Integer> to) {
      if (from.isEmpty()) {
        return Outcome.NOTHING;
      }
      to.add(from.remove());
      return Outcome.DONE;
    }

    Outcome give(List<Integer> from, int index, @Nullable Fence fence, Deque<Integer> to) {
      if (!from.contains(index) || (to == queued && ended && !closed)) {
        return Outcome.REFUSED;
      }
      from.removeIf(each -> each == index);
      if (fence != null) {
        fences.put(index, fence);
      }
      if (!closed) {
        to.add(index);
      }
      return Outcome.DONE;
    }

    void close() {
      closed = true;
      empty.clear();
      free.clear();
      queued.clear();
    }

    /** A buffer that was let go with a slot that is in no place any more, and isn't in flight. */
    boolean isReleased(int buffer) {
      return contents.entrySet().stream()
          .anyMatch(slot -> slot.getValue() == buffer && isGone(slot.getKey()));
    }

    private boolean isGone(int index) {
      return closed
          && !dequeued.contains(index)
          && !acquired.contains(index)
          && fences.get(index).isSignaled();
    }
  }

  /** A queue, its model, and what goes on around them. */
  private static final class Run {
    private final Random random;
    private final int buffers;
    private final List<TestExporter> exporters = new ArrayList<>();
    private final List<FenceContext> contexts = new ArrayList<>();
    private final List<Fence> fences = new ArrayList<>();
    private final Map<Integer, BufferSlot> slots = new HashMap<>();
    private final Map<Integer, DmaBuf> outside = new HashMap<>();
    private final BufferQueue queue;
    private final Model model;

    Run(long seed) {
      random = new Random(seed);
      buffers = 1 + random.nextInt(4);
      int maxDequeued = 1 + random.nextInt(5);
      int maxAcquired = 1 + random.nextInt(5);
      List<DmaBuf> handles = new ArrayList<>();
      for (int i = 0; i < buffers; i++) {
        exporters.add(new TestExporter());
        handles.add(exporters.getLast().export());
      }
      queue =
          BufferQueue.named("property")
              .maxDequeued(maxDequeued)
              .maxAcquired(maxAcquired)
              .over(handles);
      handles.forEach(DmaBuf::close);
      model = new Model(buffers, maxDequeued, maxAcquired);
    }

    void step() {
      switch (random.nextInt(40)) {
        case 0 -> {
          queue.end();
          model.ended = true;
        }
        case 1 -> {
          queue.close();
          model.close();
        }
        case 2, 3, 4, 5, 6, 7 -> signal();
        case 8, 9, 10, 11, 12, 13, 14, 15, 16 -> checkTaken(take(true), model.dequeue(), true);
        case 17, 18, 19, 20, 21, 22, 23, 24 -> checkTaken(take(false), model.acquire(), false);
        case 25, 26, 27 -> attach();
        case 28, 29, 30 -> takeOut(random.nextBoolean(), random.nextInt(buffers));
        default -> give(random.nextInt(3), random.nextInt(buffers), fence());
      }
      check();
    }

    private void signal() {
      if (!fences.isEmpty()) {
        int chosen = random.nextInt(fences.size());
        if (random.nextInt(4) == 0 && !fences.get(chosen).isSignaled()) {
          contexts.get(chosen).fail(fences.get(chosen), new IllegalStateException("failed"));
        } else {
          contexts.get(chosen).signal(fences.get(chosen));
        }
      }
    }

    private @Nullable Fence fence() {
      int kind = random.nextInt(3);
      if (kind == 0) {
        return null;
      }
      if (kind == 1) {
        return fences.isEmpty() ? Fence.stub() : fences.get(random.nextInt(fences.size()));
      }
      contexts.add(FenceContext.create("work"));
      fences.add(contexts.getLast().newFence());
      return fences.getLast();
    }

    private void attach() {
      if (outside.isEmpty()) {
        return;
      }
      int number = outside.keySet().iterator().next();
      Outcome found = attached(outside.get(number));
      if (found == Outcome.DONE) {
        outside.remove(number);
      }
      checkTaken(found, model.attach(number), true);
    }

    private Outcome attached(DmaBuf buffer) {
      try {
        Optional<BufferSlot> slot =
            random.nextBoolean()
                ? queue.tryAttach(buffer)
                : Optional.of(queue.attachUninterruptibly(buffer, Duration.ZERO));
        slot.ifPresent(taken -> slots.put(taken.index(), taken));
        return slot.isEmpty() ? Outcome.NOTHING : Outcome.DONE;
      } catch (OutOfBuffersException late) {
        return Outcome.NOTHING;
      } catch (IllegalStateException refused) {
        return Outcome.REFUSED;
      }
    }

    private void takeOut(boolean withdraws, int index) {
      BufferSlot slot = slots.get(index);
      if (slot == null) {
        return;
      }
      Integer number = model.contents.get(index);
      Outcome found;
      try {
        DmaBuf buffer = withdraws ? queue.withdraw(slot) : queue.detach(slot);
        outside.put(Objects.requireNonNull(number), buffer);
        found = Outcome.DONE;
      } catch (IllegalStateException refused) {
        found = Outcome.REFUSED;
      }
      assertThat(found)
          .isEqualTo(model.takeOut(withdraws ? model.dequeued : model.acquired, index));
    }

    private Outcome take(boolean dequeues) {
      try {
        Optional<BufferSlot> taken;
        if (random.nextBoolean()) {
          taken = dequeues ? queue.tryDequeue() : queue.tryAcquire();
        } else {
          taken =
              dequeues
                  ? Optional.of(queue.dequeueUninterruptibly(Duration.ZERO))
                  : queue.acquireUninterruptibly(Duration.ZERO);
        }
        taken.ifPresent(slot -> slots.put(slot.index(), slot));
        boolean over = !dequeues && taken.isEmpty() && queue.isDrained();
        return over ? Outcome.OVER : taken.isEmpty() ? Outcome.NOTHING : Outcome.DONE;
      } catch (OutOfBuffersException | NothingQueuedException late) {
        return Outcome.NOTHING;
      } catch (IllegalStateException refused) {
        return Outcome.REFUSED;
      }
    }

    private void checkTaken(Outcome found, Outcome wanted, boolean dequeues) {
      assertThat(found).isEqualTo(wanted);
      if (wanted == Outcome.DONE) {
        int index = (dequeues ? model.dequeued : model.acquired).getLast();
        Fence fence = model.fences.get(index);
        boolean isNews = !fence.isSignaled() || fence.error().isPresent();
        assertThat(slots.get(index).index()).isEqualTo(index);
        assertThat(slots.get(index).fence()).isSameAs(isNews ? fence : Fence.stub());
      }
    }

    private void give(int operation, int index, @Nullable Fence fence) {
      BufferSlot slot = slots.get(index);
      if (slot == null) {
        return;
      }
      Supplier<Outcome> wanted =
          switch (operation) {
            case 0 -> () -> model.give(model.dequeued, index, fence, model.queued);
            case 1 -> () -> model.give(model.dequeued, index, fence, model.free);
            default -> () -> model.give(model.acquired, index, fence, model.free);
          };
      assertThat(given(operation, slot, fence)).isEqualTo(wanted.get());
    }

    private Outcome given(int operation, BufferSlot slot, @Nullable Fence fence) {
      try {
        if (fence == null) {
          switch (operation) {
            case 0 -> queue.queue(slot);
            case 1 -> queue.cancel(slot);
            default -> queue.release(slot);
          }
        } else {
          switch (operation) {
            case 0 -> queue.queue(slot, fence);
            case 1 -> queue.cancel(slot, fence);
            default -> queue.release(slot, fence);
          }
        }
        return Outcome.DONE;
      } catch (IllegalStateException refused) {
        return Outcome.REFUSED;
      }
    }

    private void check() {
      assertThat(queue.toString())
          .startsWith(
              "buffer queue property: %d free, %d with the producer, %d queued, %d with the consumer"
                  .formatted(
                      model.free.size(),
                      model.dequeued.size(),
                      model.queued.size(),
                      model.acquired.size()));
      if (!model.empty.isEmpty()) {
        assertThat(queue.toString()).contains(", %d empty".formatted(model.empty.size()));
      }
      assertThat(queue.isDrained()).isEqualTo(model.ended && model.queued.isEmpty());
      assertThat(queue.isClosed()).isEqualTo(model.closed);
      for (int i = 0; i < buffers; i++) {
        assertThat(exporters.get(i).isReleased()).isEqualTo(model.isReleased(i));
      }
    }

    void end() {
      queue.close();
      model.close();
      List.copyOf(model.dequeued).forEach(index -> give(1, index, null));
      List.copyOf(model.acquired).forEach(index -> give(2, index, null));
      contexts.forEach(FenceContext::close);
      check();
      outside.values().forEach(DmaBuf::close);
      assertThat(exporters).allMatch(exporter -> exporter.count(TestExporter.Call.RELEASE) == 1);
    }
  }

  @Property(tries = 500)
  void anyHistory_isThatOfTheModel(@ForAll long seed) {
    Run run = new Run(seed);
    for (int step = 0; step < 80; step++) {
      run.step();
    }
    run.end();
  }
}

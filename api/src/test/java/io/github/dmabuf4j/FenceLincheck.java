package io.github.dmabuf4j;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;

/** What {@link LincheckTest} does to timelines and to the callbacks of a fence. */
final class FenceLincheck {
  private FenceLincheck() {}

  /** Advance, and look at what is reached. */
  @Param(name = "value", gen = IntGen.class, conf = "1:3")
  public static final class TimelineOperations {
    private final Timeline timeline = Timeline.create("linear");

    @Operation
    public void advance(@Param(name = "value") int value) {
      timeline.advance(value);
    }

    @Operation
    public long value() {
      return timeline.value();
    }

    @Operation
    public boolean isReached(@Param(name = "value") int value) {
      return timeline.fenceAt(value).isSignaled();
    }
  }

  /** Add, remove, signal, and count what ran. */
  @Param(name = "callback", gen = IntGen.class, conf = "0:1")
  public static final class CallbackOperations {
    private final Fence fence = Fence.single(FenceOrigin.CPU_ACCESS);
    private final AtomicInteger[] runs = {new AtomicInteger(), new AtomicInteger()};
    private final List<Fence.Callback> callbacks =
        Stream.of(runs).<Fence.Callback>map(count -> signaled -> count.incrementAndGet()).toList();

    @Operation
    public boolean add(@Param(name = "callback") int callback) {
      return fence.addCallback(callbacks.get(callback));
    }

    @Operation
    public boolean remove(@Param(name = "callback") int callback) {
      return fence.removeCallback(callbacks.get(callback));
    }

    @Operation
    public boolean signal() {
      return fence.signal(null);
    }

    @Operation
    public boolean isSignaled() {
      return fence.isSignaled();
    }
  }

  /** Submit points and ask for them. */
  @Param(name = "point", gen = IntGen.class, conf = "0:2")
  public static final class SyncObjectOperations {
    private final SyncObject timeline = SyncObject.create("linear");

    @Operation
    public void signal(@Param(name = "point") int point) {
      timeline.at(point).signal();
    }

    @Operation
    public void reset() {
      timeline.reset();
    }

    @Operation
    public boolean isAvailable(@Param(name = "point") int point) {
      return timeline.at(point).awaitUninterruptibly(SyncPoint.WaitFor.AVAILABLE, Duration.ZERO);
    }

    @Operation
    public long lastSubmitted() {
      return timeline.lastSubmitted();
    }
  }
}

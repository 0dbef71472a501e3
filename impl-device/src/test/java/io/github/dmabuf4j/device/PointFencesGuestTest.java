package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceAbandonedException;
import io.github.dmabuf4j.FenceArray;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.Fences;
import io.github.dmabuf4j.Timeline;
import io.github.dmabuf4j.device.PointFences.Sent;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.EventCounter;
import io.github.dmabuf4j.device.linux.RenderNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Design rules FN6 and DV5: both sides are in this process, the timelines in the kernel. */
@Tag("guest")
@Timeout(120)
final class PointFencesGuestTest {
  private static final Duration LONG = Duration.ofSeconds(60);

  private final RenderNode node = RenderNode.present().orElseThrow();
  private final int handles = node.handles();
  private final int before = fences();
  private final FenceContext stage = FenceContext.create("stage");
  private final PointFences sender = new PointFences("receiver");
  private final PointFences receiver = new PointFences("sender");

  /** How many are open; tests before this one may still have some that are being closed. */
  private static int fences() {
    return DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.FENCE);
  }

  @AfterEach
  void nothingIsLeft() {
    stage.close();
    sender.close();
    receiver.close();
    assertThat(node.handles()).isEqualTo(handles);
    while (fences() > before) {
      Thread.onSpinWait(); // the poller may have one in its hands
    }
  }

  /** Takes a point in as the peer would. */
  private Fence arrived(Sent sent) {
    try (sent) {
      if (!sent.descriptors().isEmpty()) {
        receiver.importTimeline(
            sent.timeline(),
            sent.descriptors().getFirst().detach(),
            sent.descriptors().getLast().detach());
      }
      sent.wasSent();
      return receiver.importFence(sent.timeline(), sent.point());
    }
  }

  private Fence arrived(Fence fence) {
    return arrived(sender.export(fence).orElseThrow());
  }

  /** The first fence of a context has no timeline. */
  private void begin(FenceContext context) {
    Fence first = context.newFence();
    assertThat(sender.export(first)).isEmpty();
    context.signal(first);
  }

  // ---- one timeline for all fences of a context ----

  @Test
  void fn6_fencesOfAContext_takeNoMoreDescriptors_howeverManyArePending() throws Exception {
    begin(stage);
    List<Fence> ours = new ArrayList<>();
    List<Fence> theirs = new ArrayList<>();
    int open = 0;
    for (int i = 0; i < 200; i++) {
      Fence fence = stage.newFence();
      ours.add(fence);
      theirs.add(arrived(fence));
      while (i == 0 && fences() > before + 3) {
        Thread.onSpinWait(); // the file of the timeline is closed in a moment
      }
      open = i == 0 ? fences() : open;
      assertThat(fences()).isLessThanOrEqualTo(open);
    }
    assertThat(open).isLessThanOrEqualTo(before + 3); // failures here and there, a counter there
    for (int i = 0; i < ours.size(); i++) {
      assertThat(theirs.get(i).isSignaled()).isFalse();
      stage.signal(ours.get(i));
      assertThat(theirs.get(i).await(LONG)).isTrue();
      assertThat(theirs.get(i).error()).isEmpty();
    }
  }

  @Test
  void fence_thatIsExportedAgain_isTheSamePoint() throws Exception {
    begin(stage);
    Fence fence = stage.newFence();
    try (Sent first = sender.export(fence).orElseThrow();
        Sent second = sender.export(fence).orElseThrow()) {
      assertThat(second.point()).isEqualTo(first.point());
      assertThat(second.descriptors()).as("until it was sent").hasSize(2);
    }
    Fence arrived = arrived(fence);
    try (Sent third = sender.export(fence).orElseThrow()) {
      assertThat(third.point()).isEqualTo(1);
      assertThat(third.descriptors()).isEmpty();
    }
    stage.signal(fence);
    assertThat(arrived.await(LONG)).isTrue();
    assertThat(sender.export(fence)).as("there is nothing to wait for").isEmpty();
  }

  @Test
  void twoThreads_thatBothSendTheFirstPoint_sendOneTimeline() throws Exception {
    begin(stage);
    Fence one = stage.newFence();
    Fence other = stage.newFence();
    Sent first = sender.export(one).orElseThrow();
    Sent second = sender.export(other).orElseThrow();
    Fence later = arrived(second); // overtakes
    Fence earlier = arrived(first);
    stage.signal(one);
    assertThat(earlier.await(LONG)).isTrue();
    assertThat(later.isSignaled()).isFalse();
    stage.signal(other);
    assertThat(later.await(LONG)).isTrue();
  }

  // ---- which fences go ----

  @Test
  void fences_thatMaySignalBeforeThoseSent_goAnotherWay() {
    begin(stage);
    Fence early = stage.newFence();
    Fence late = stage.newFence();
    arrived(late);
    assertThat(sender.export(early)).isEmpty();
    assertThat(sender.export(FenceArray.all(List.of(late, early)))).isEmpty();
    assertThat(sender.export(Fence.stub())).isEmpty();
    try (Timeline counter = Timeline.create("counter")) {
      assertThat(sender.export(counter.fenceAt(10))).isEmpty();
      assertThat(arrived(counter.fenceAt(20)).isSignaled()).isFalse();
      assertThat(sender.export(counter.fenceAt(15))).as("below the one that was sent").isEmpty();
      assertThat(arrived(counter.fenceAt(21)).isSignaled()).isFalse();
    }
  }

  @Test
  void contexts_beyondTheMost_goAnotherWay() {
    List<FenceContext> contexts = new ArrayList<>();
    for (int i = 0; i < PointFences.MAX_TIMELINES + 1; i++) {
      FenceContext context = FenceContext.create("context " + i);
      contexts.add(context);
      begin(context);
      Optional<Sent> sent = sender.export(context.newFence());
      assertThat(sent.isPresent()).isEqualTo(i < PointFences.MAX_TIMELINES);
      sent.ifPresent(this::arrived);
    }
    contexts.forEach(FenceContext::close);
  }

  // ---- errors ----

  @Test
  void failure_isTold_withItsNumber_andNoOtherFenceFails() throws Exception {
    begin(stage);
    List<Fence> ours = new ArrayList<>();
    List<Fence> theirs = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      ours.add(stage.newFence());
      theirs.add(arrived(ours.get(i)));
    }
    for (int i = 0; i < 6; i++) {
      if (i % 2 == 0) {
        stage.signal(ours.get(i));
      } else {
        stage.fail(ours.get(i), new DmaBufException("work", Errno.EIO, "on purpose", null));
      }
    }
    for (int i = 0; i < 6; i++) {
      assertThat(theirs.get(i).await(LONG)).isTrue();
      assertThat(theirs.get(i).error().isPresent()).isEqualTo(i % 2 == 1);
    }
    assertThat(theirs.get(1).error())
        .hasValueSatisfying(
            error ->
                assertThat(error)
                    .isInstanceOfSatisfying(
                        DmaBufException.class, e -> assertThat(e.errno()).hasValue(Errno.EIO))
                    .hasMessageContaining("sender gave up the work"));
  }

  @Test
  void failures_beyondTheRoomOfALog_areToldEach_byTimelinesThatFollow() throws Exception {
    begin(stage);
    int count = FailureLog.CAPACITY + 10;
    for (int i = 0; i < count; i++) {
      Fence fence = stage.newFence();
      Fence arrived = arrived(fence);
      stage.fail(fence, new IllegalStateException("on purpose"));
      assertThat(arrived.await(LONG)).isTrue();
      assertThat(arrived.error()).isPresent();
    }
    assertThat(node.handles()).isEqualTo(handles + 6);
  }

  @Test
  void fences_asManyAsMayFail_arePromised_andNoMore() throws Exception {
    begin(stage);
    List<Fence> arrived = new ArrayList<>();
    for (int i = 0; i < FailureLog.CAPACITY; i++) {
      arrived.add(arrived(stage.newFence()));
    }
    assertThat(sender.export(stage.newFence())).isEmpty();
    stage.close();
    assertThat(Fences.awaitAll(arrived, LONG)).isTrue();
    assertThat(arrived).allMatch(fence -> fence.error().isPresent());
  }

  @Test
  void fn1_lostContext_isToldAsAFailure() throws Exception {
    begin(stage);
    Fence arrived = arrived(stage.newFence());
    stage.close();
    assertThat(arrived.await(LONG)).isTrue();
    assertThat(arrived.error()).isPresent();
  }

  // ---- the end ----

  @Test
  void close_failsWhatThePeerHadPending_andIsHeardOfNoMore() {
    begin(stage);
    Fence ours = stage.newFence();
    Fence arrived = arrived(ours);
    receiver.close();
    assertThat(arrived.error()).containsInstanceOf(FenceAbandonedException.class);
    assertThatIllegalStateException().isThrownBy(() -> receiver.importFence(0, 1));
    sender.close();
    assertThat(sender.export(stage.newFence())).isEmpty();
    stage.signal(ours);
  }

  // ---- lies ----

  private Sent second() {
    begin(stage);
    return sender.export(stage.newFence()).orElseThrow();
  }

  private static Descriptor counter() {
    return EventCounter.create(Descriptor.Kind.FENCE, "test");
  }

  @Test
  void otherFiles_areRefused_andClosed() {
    try (Sent sent = second()) {
      int log = sent.descriptors().getLast().detach();
      assertThatIllegalArgumentException()
          .isThrownBy(() -> receiver.importTimeline(0, counter().detach(), log))
          .withMessageContaining("drm_syncobj");
    }
    try (Sent sent = sender.export(stage.newFence()).orElseThrow()) {
      int points = sent.descriptors().getFirst().detach();
      assertThatIllegalArgumentException()
          .isThrownBy(() -> receiver.importTimeline(0, points, counter().detach()))
          .withMessageContaining("memory file");
    }
  }

  @Test
  void numbersThatCanNotBe_areRefused() {
    for (int timeline : new int[] {-1, PointFences.MAX_TIMELINES, Integer.MAX_VALUE}) {
      assertThatIllegalArgumentException()
          .isThrownBy(
              () -> receiver.importTimeline(timeline, counter().detach(), counter().detach()))
          .withMessageContaining("from 0 to");
    }
    assertThatIllegalArgumentException()
        .isThrownBy(() -> receiver.importFence(0, 1))
        .withMessageContaining("has sent");
    arrived(second());
    for (long point : new long[] {0, -1, Long.MIN_VALUE, FailureLog.LAST_POINT + 1}) {
      assertThatIllegalArgumentException().isThrownBy(() -> receiver.importFence(0, point));
    }
    assertThat(receiver.importFence(0, FailureLog.LAST_POINT).isSignaled()).isFalse();
  }

  @Test
  void pointsBeyondTheMost_areRefused_withoutADescriptorMore() {
    arrived(second());
    int open = fences();
    for (int i = 1; i < PointFences.MAX_PENDING; i++) {
      receiver.importFence(0, 1000L + i);
    }
    assertThat(fences()).isLessThanOrEqualTo(open);
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(() -> receiver.importFence(0, 1))
        .satisfies(e -> assertThat(e.errno()).hasValue(Errno.ENOSPC));
  }
}

package io.github.dmabuf4j.device.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.device.linux.KernelSyncObject.State;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.lang.ref.WeakReference;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What the kernel's syncobjs do, asked of virtio_gpu (rules CS5 to CS9). */
@Tag("guest")
@Timeout(120)
final class SyncObjectsGuestTest {
  private static final long LONG = Duration.ofSeconds(60).toNanos();

  private final RenderNode node = RenderNode.present().orElseThrow();
  private final int handles = node.handles();
  private final int fences = fences();
  private final KernelSyncObject timeline = KernelSyncObject.create(node, "timeline");
  private final Descriptor counter = EventCounter.create(Descriptor.Kind.FENCE, "test");

  private static int fences() {
    return DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.FENCE);
  }

  @AfterEach
  void nothingIsLeft() {
    counter.close();
    timeline.close();
    assertThat(node.handles()).isEqualTo(handles);
    assertThat(fences()).isLessThanOrEqualTo(fences); // tests before may still be closing some
  }

  // ---- the node ----

  @Test
  void vgem_comesFirst_andIsPassedBy_forItHasNoSyncobjs() {
    assertThat(node.driver()).isEqualTo("virtio_gpu");
    assertThat(node.capability(linux_h.DRM_CAP_SYNCOBJ())).isEqualTo(1);
    assertThat(node.capability(linux_h.DRM_CAP_SYNCOBJ_TIMELINE())).isEqualTo(1);
    RenderNode.Search vgem = RenderNode.search(Path.of("/dev/dri"), "/dev/dri/renderD128");
    assertThat(vgem.node()).isNull();
    assertThat(vgem.reason()).isEqualTo("/dev/dri/renderD128 (vgem) has no syncobjs");
  }

  @Test
  void fileThatIsNoDevice_isNamed() {
    RenderNode.Search search = RenderNode.search(Path.of("/dev/dri"), "/dev/null");
    assertThat(search.node()).isNull();
    assertThat(search.reason()).contains("DRM_IOCTL_VERSION").contains("/dev/null");
  }

  // ---- points ----

  @Test
  void cs5_point_isSubmittedByASignal_andReachedWithAllBeforeIt() {
    assertThat(timeline.look(3)).isEqualTo(State.NOT_SUBMITTED);
    assertThat(timeline.lastSubmitted()).isZero();
    timeline.signal(3);
    assertThat(timeline.look(2)).isEqualTo(State.REACHED);
    assertThat(timeline.look(3)).isEqualTo(State.REACHED);
    assertThat(timeline.look(4)).isEqualTo(State.NOT_SUBMITTED);
    assertThat(timeline.lastSignaled()).isEqualTo(3);
    assertThat(timeline.lastSubmitted()).isEqualTo(3);
  }

  @Test
  void cs6_waitForWhatNobodySubmitted_isEINVAL_unlessItIsForSubmit() {
    int forSubmit = linux_h.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT();
    int available = linux_h.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE();
    assertThat(timeline.look(1, 0)).isEqualTo(-linux_h.EINVAL());
    assertThat(timeline.look(1, forSubmit)).isEqualTo(-linux_h.ETIME());
    assertThat(timeline.look(1, available | forSubmit)).isEqualTo(-linux_h.ETIME());
    timeline.signal(1);
    assertThat(timeline.look(1, forSubmit)).isZero();
    assertThat(timeline.look(1, available)).isZero();
  }

  @Test
  void cs7_counter_isWokenByAPointThatWasNotSubmittedYet_andNotByOneBefore() throws Exception {
    timeline.whenReached(5, counter);
    timeline.signal(4);
    assertThat(Poller.look(counter, Poller.IN)).isZero();
    timeline.signal(6);
    assertThat(Poller.ofThisProcess().await(counter, Poller.IN, LONG)).isTrue();
    assertThat(EventValue.of(counter)).hasValue(1);
  }

  @Test
  void counter_isWokenAtOnce_byAPointThatIsReached() throws Exception {
    timeline.signal(5);
    timeline.whenReached(5, counter);
    assertThat(Poller.ofThisProcess().await(counter, Poller.IN, LONG)).isTrue();
  }

  /** Why points of one timeline are signaled in their order, and no other. */
  @Test
  void cs9_pointOutOfOrder_losesItsOwnMeaning() {
    timeline.signal(2);
    assertThat(timeline.look(1)).isEqualTo(State.REACHED);
    timeline.signal(1);
    assertThat(timeline.lastSubmitted()).isEqualTo(2);
  }

  // ---- descriptors ----

  @Test
  void descriptor_isTheSameTimeline_whateverHandleItBecomes() {
    try (Descriptor file = timeline.export("test");
        KernelSyncObject other = KernelSyncObject.of(node, file, "other")) {
      other.signal(7);
      assertThat(timeline.look(7)).isEqualTo(State.REACHED);
      timeline.signal(8);
      assertThat(other.lastSignaled()).isEqualTo(8);
    }
  }

  @Test
  void otherFiles_areRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> KernelSyncObject.of(node, counter, "no syncobj"))
        .withMessageContaining("drm_syncobj");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> KernelSyncObject.of(node, node.file, "no syncobj"));
    assertThatIllegalArgumentException().isThrownBy(() -> timeline.submit(1, counter));
  }

  @Test
  void cs9_syncFileOfAPoint_isASnapshot() {
    timeline.signal(1);
    try (Descriptor file = timeline.exportSyncFile(1, "test")) {
      assertThat(SyncFile.status(file)).isEqualTo(SyncFile.SIGNALED);
    }
    assertThatIllegalArgumentException()
        .isThrownBy(() -> timeline.exportSyncFile(2, "test"))
        .withMessageContaining("point 2 of syncobj timeline");
  }

  // ---- the end ----

  @Test
  void use_afterClose_isRefused_andClosingAgainDoesNothing() {
    KernelSyncObject one = KernelSyncObject.create(node, "one");
    one.close();
    one.close();
    assertThat(node.handles()).isEqualTo(handles + 1);
    assertThatIllegalStateException().isThrownBy(() -> one.signal(1));
    assertThatIllegalStateException().isThrownBy(() -> one.look(1));
  }

  @Test
  void lostObject_isClosedWhenItIsCollected() {
    WeakReference<KernelSyncObject> lost =
        new WeakReference<>(KernelSyncObject.create(node, "lost on purpose"));
    while (node.handles() > handles + 1) {
      System.gc();
      Thread.yield();
    }
    assertThat(lost.get()).isNull();
  }

  /** A peer may do this at any time: whoever waits for submit goes on waiting. */
  @Test
  void cs6_reset_takesNothingFromACounterThatWaits() throws Exception {
    timeline.signal(1);
    timeline.whenReached(3, counter);
    reset();
    assertThat(timeline.lastSubmitted()).isZero();
    assertThat(Poller.look(counter, Poller.IN)).isZero();
    timeline.signal(3);
    assertThat(Poller.ofThisProcess().await(counter, Poller.IN, LONG)).isTrue();
  }

  private void reset() {
    try (Descriptor file = timeline.export("test")) {
      HostileSyncObject.reset(node, file);
    }
  }
}

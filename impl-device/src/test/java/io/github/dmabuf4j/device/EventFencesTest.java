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
import io.github.dmabuf4j.FenceTimeoutException;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.EventCounter;
import io.github.dmabuf4j.device.linux.Poller;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Design rules FN6 and DV5, with both sides in this process. */
@EnabledOnOs(OS.LINUX)
@Timeout(120)
class EventFencesTest {
  private static final Duration LONG = Duration.ofSeconds(60);

  private final int before = open();
  private final EventFences peer = new EventFences("peer 17");
  private final FenceContext stage = FenceContext.create("stage");

  private static int open() {
    return DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.FENCE);
  }

  @AfterEach
  void nothingIsLeft() {
    stage.close();
    peer.close();
    assertThat(open()).isEqualTo(before);
  }

  /** Exports a fence and takes it back as the peer would. */
  private Fence sent(Fence fence) {
    return peer.importFence(peer.exportFence(fence).detach());
  }

  private static Descriptor counter() {
    return EventCounter.create(Descriptor.Kind.FENCE, "EventFencesTest");
  }

  // ---- out ----

  @Test
  void fn6_exportedFence_isReadableOnceItSignals_andStaysSo() {
    Fence fence = stage.newFence();
    try (Descriptor exported = (Descriptor) peer.exportFence(fence)) {
      assertThat(Poller.look(exported, Poller.IN)).isZero();
      assertThat(EventCounter.value(exported)).hasValue(0);
      stage.signal(fence);
      assertThat(Poller.look(exported, Poller.IN)).isEqualTo(Poller.IN);
      assertThat(EventCounter.value(exported)).hasValue(1);
      assertThat(EventCounter.value(exported)).hasValue(1);
    }
  }

  @Test
  void failure_isToldByItsNumber() {
    Fence known = stage.newFence();
    Fence unknown = stage.newFence();
    try (Descriptor first = (Descriptor) peer.exportFence(known);
        Descriptor second = (Descriptor) peer.exportFence(unknown)) {
      stage.fail(known, new DmaBufException("work", Errno.EIO, "failed on purpose", null));
      stage.fail(unknown, new IllegalStateException("failed on purpose"));
      assertThat(EventCounter.value(first)).hasValue(1 + Errno.EIO.number());
      assertThat(EventCounter.value(second)).hasValue(1 + Errno.ECANCELED.number());
    }
  }

  @Test
  void fenceThatHasSignaled_isReadableAtOnce() {
    try (Descriptor exported = (Descriptor) peer.exportFence(Fence.stub())) {
      assertThat(EventCounter.value(exported)).hasValue(1);
    }
  }

  @Test
  void fn1_lostProducer_isToldAsAFailure() {
    Fence fence = stage.newFence();
    try (Descriptor exported = (Descriptor) peer.exportFence(fence)) {
      stage.close();
      assertThat(EventCounter.value(exported)).hasValue(1 + Errno.ECANCELED.number());
    }
  }

  @Test
  void container_isExportedAsAnyOtherFence() {
    FenceContext second = FenceContext.create("second");
    Fence one = stage.newFence();
    Fence other = second.newFence();
    try (Descriptor exported = (Descriptor) peer.exportFence(FenceArray.all(List.of(one, other)))) {
      stage.signal(one);
      assertThat(EventCounter.value(exported)).hasValue(0);
      second.signal(other);
      assertThat(EventCounter.value(exported)).hasValue(1);
    }
    second.close();
  }

  // ---- in ----

  @Test
  void fn6_importedFence_signalsWithThePeers() throws Exception {
    Fence fence = stage.newFence();
    Fence imported = sent(fence);
    assertThat(imported.isSignaled()).isFalse();
    assertThat(imported.kind()).isEqualTo(Fence.Kind.HOST);
    assertThat(imported.driverName()).isEqualTo("peer 17");
    stage.signal(fence);
    assertThat(imported.await(LONG)).isTrue();
    assertThat(imported.error()).isEmpty();
  }

  @Test
  void importedFence_failsAsThePeers() throws Exception {
    Fence fence = stage.newFence();
    Fence imported = sent(fence);
    stage.fail(fence, new DmaBufException("work", Errno.EIO, "failed on purpose", null));
    assertThat(imported.await(LONG)).isTrue();
    assertThat(imported.error().orElseThrow())
        .isInstanceOf(DmaBufException.class)
        .hasMessageContaining("peer 17 gave up")
        .extracting(error -> ((DmaBufException) error).errno().orElseThrow())
        .isEqualTo(Errno.EIO);
  }

  @Test
  void anyNumberOfImports_ofOneEvent_seeIt() throws Exception {
    Fence fence = stage.newFence();
    List<Fence> imported = new ArrayList<>();
    try (Descriptor exported = (Descriptor) peer.exportFence(fence)) {
      for (int i = 0; i < 10; i++) {
        imported.add(peer.importFence(exported.duplicate("EventFencesTest").detach()));
      }
    }
    stage.signal(fence);
    for (Fence one : imported) {
      assertThat(one.await(LONG)).isTrue();
      assertThat(one.error()).isEmpty();
    }
  }

  // ---- peers that lie ----

  @ParameterizedTest
  @ValueSource(longs = {4097, 1L << 32, Long.MAX_VALUE, -2})
  void dv5_valueThatMeansNothing_failsTheFence(long value) throws Exception {
    try (Descriptor theirs = counter()) {
      Fence imported = peer.importFence(theirs.duplicate("EventFencesTest").detach());
      EventCounter.add(theirs, value);
      assertThat(imported.await(LONG)).isTrue();
      assertThat(imported.error().orElseThrow())
          .hasMessageContaining("peer 17 signaled its fence with the value");
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {2, 100, 4096})
  void dv5_anyErrorNumber_isAnError(long value) throws Exception {
    try (Descriptor theirs = counter()) {
      Fence imported = peer.importFence(theirs.duplicate("EventFencesTest").detach());
      EventCounter.add(theirs, value);
      assertThat(imported.await(LONG)).isTrue();
      assertThat(imported.error().orElseThrow())
          .hasMessageContaining("gave up the work of its fence: error " + (value - 1));
    }
  }

  @Test
  void dv5_anotherKindOfFile_isRefused_andClosed() {
    int file = Syscalls.memfdCreate("not a fence", linux_h.MFD_CLOEXEC());
    assertThatIllegalArgumentException()
        .isThrownBy(() -> peer.importFence(file))
        .withMessageContaining("got another kind of file");
    assertThat(Syscalls.fcntl(file, linux_h.F_GETFD(), 0)).isEqualTo(-linux_h.EBADF());
    assertThatIllegalArgumentException().isThrownBy(() -> peer.importFence(-1));
  }

  @Test
  void fn1_silentPeer_isGivenUp_andItsFenceStaysPendingUntilItHasGone() {
    try (EventFences silent = new EventFences("silent", Duration.ofMillis(5));
        Descriptor theirs = counter()) {
      Fence imported = silent.importFence(theirs.duplicate("EventFencesTest").detach());
      assertThatExceptionOfType(FenceTimeoutException.class).isThrownBy(imported::await);
      assertThat(imported.isSignaled()).isFalse();
      silent.close();
      assertThat(imported.error().orElseThrow()).isInstanceOf(FenceAbandonedException.class);
    }
  }

  // ---- the end ----

  @Test
  void closed_importsNothing() {
    peer.close();
    peer.close();
    try (Descriptor theirs = counter()) {
      assertThatIllegalStateException()
          .isThrownBy(() -> peer.importFence(theirs.duplicate("EventFencesTest").detach()))
          .withMessageContaining("peer 17");
    }
  }

  @Test
  void closing_whileThePeerSignalsAndFencesComeIn_endsEachOnce_andLeavesNothing() throws Exception {
    for (int round = 0; round < 50; round++) {
      EventFences leaving = new EventFences("leaving");
      List<Descriptor> theirs = IntStream.range(0, 20).mapToObj(i -> counter()).toList();
      CountDownLatch half = new CountDownLatch(10);
      List<Fence> imported = new ArrayList<>();
      Thread importing =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      for (Descriptor one : theirs) {
                        imported.add(
                            leaving.importFence(one.duplicate("EventFencesTest").detach()));
                        half.countDown();
                      }
                    } catch (IllegalStateException closed) {
                      half.countDown();
                    }
                  });
      half.await();
      Thread signaling =
          Thread.ofPlatform().start(() -> theirs.forEach(one -> EventCounter.add(one, 1)));
      leaving.close();
      importing.join();
      signaling.join();
      for (Fence one : imported) {
        assertThat(one.await(LONG)).isTrue();
      }
      theirs.forEach(Descriptor::close);
    }
  }

  @Test
  void thousandsOfFences_goThroughAtOnce() throws Exception {
    List<Fence> fences = new ArrayList<>();
    List<FenceContext> contexts = new ArrayList<>();
    List<Fence> imported = new ArrayList<>();
    for (int i = 0; i < 1500; i++) { // two descriptors each
      FenceContext context = FenceContext.create("work");
      contexts.add(context);
      fences.add(context.newFence());
      imported.add(sent(fences.getLast()));
    }
    for (int i = 0; i < fences.size(); i++) {
      contexts.get(i).signal(fences.get(i));
    }
    for (Fence one : imported) {
      assertThat(one.await(LONG)).isTrue();
      assertThat(one.error()).isEmpty();
    }
    contexts.forEach(FenceContext::close);
  }
}

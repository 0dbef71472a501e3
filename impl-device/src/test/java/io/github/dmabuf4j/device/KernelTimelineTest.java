package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.EventCounter;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** Where no render node has timelines, that is said, and what to do instead. */
@EnabledOnOs(OS.LINUX)
final class KernelTimelineTest {
  private final KernelTimeline.Support support = KernelTimeline.support();

  @BeforeEach
  void onlyWithoutANode() {
    assumeFalse(support.isThere(), "there are timelines here, by " + support.node());
  }

  @Test
  void timeline_withoutANode_isRefused_withTheReasonAndWhatToUseInstead() {
    assertThat(support.node()).isEmpty();
    assertThat(support.reason()).isNotEmpty();
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(() -> KernelTimeline.create("none"))
        .satisfies(e -> assertThat(e.errno()).hasValue(Errno.EOPNOTSUPP))
        .withMessageContaining(support.reason())
        .withMessageContaining("EventFences");
  }

  @Test
  void descriptor_thatIsImportedWithoutANode_isClosed() {
    int before = DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.FENCE);
    Descriptor counter = EventCounter.create(Descriptor.Kind.FENCE, "test");
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(() -> KernelTimeline.importFd(counter.detach(), "none"));
    assertThat(DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.FENCE)).isEqualTo(before);
  }

  @Test
  void pointsOfAPeer_areNotAvailable_andNothingIsOpenedForThem() {
    assertThat(PointFences.areAvailable()).isFalse();
    int before = DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.FENCE);
    try (PointFences fences = new PointFences("peer");
        FenceContext stage = FenceContext.create("stage")) {
      assertThat(fences.export(stage.newFence())).as("the first of its context").isEmpty();
    }
    assertThat(DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.FENCE)).isEqualTo(before);
  }
}

package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.github.dmabuf4j.LockdepException.Rule;
import io.github.dmabuf4j.spi.MappedBytes;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Exporters that do in a callback what the table in their interface forbids. */
@CleanRun.ExceptOnPurpose
@ValidatorOn
final class LockdepExporterTest {
  private static final Importer DEVICE =
      new Importer() {
        @Override
        public String name() {
          return "device";
        }

        @Override
        public boolean isDynamic() {
          return true;
        }
      };

  private final Fence pending = Fence.single(FenceOrigin.CPU_ACCESS);
  private Runnable inBegin = () -> {};
  private Runnable inEnd = () -> {};
  private Runnable inSync = () -> {};
  private Runnable inVunmap = () -> {};

  private final TestExporter exporter =
      new TestExporter() {
        @Override
        public void beginCpuAccess(Access access) {
          super.beginCpuAccess(access);
          inBegin.run();
        }

        @Override
        public void endCpuAccess(Access access) {
          super.endCpuAccess(access);
          inEnd.run();
        }

        @Override
        public void syncForCpu(Attachment attachment, ScatterList pieces, Access access) {
          inSync.run();
        }

        @Override
        public void vunmap(MappedBytes bytes) {
          super.vunmap(bytes);
          inVunmap.run();
        }
      };

  private final DmaBuf buffer = exporter.export();

  private void takeReservation() {
    exporter.object.reservation().lock();
    exporter.object.reservation().unlock();
  }

  @AfterEach
  void nothingIsLeft() {
    inBegin = inEnd = inSync = inVunmap = () -> {};
    assertThat(buffer.info().holds()).isZero();
    assertThat(buffer.info().fences()).isEmpty();
    buffer.close();
    assertThat(exporter.isReleased()).isTrue();
  }

  private static void assertReported(Rule rule, ThrowingCallable call) {
    assertThatExceptionOfType(LockdepException.class)
        .isThrownBy(call)
        .satisfies(report -> assertThat(report.rule()).isEqualTo(rule));
  }

  @Test
  void fn4_accessThatTakesTheReservation_onceItsFenceIsPublished_isReported() throws Exception {
    inBegin = this::takeReservation;
    assertReported(Rule.ORDER, () -> buffer.read(segment -> 0));
    assertReported(Rule.ORDER, () -> buffer.write(segment -> {}));
    try (Job job = Job.named("job").writes(buffer).publish()) {
      assertReported(Rule.ORDER, job::open);
    }
    inBegin = () -> {};
    inEnd = this::takeReservation;
    assertReported(Rule.ORDER, () -> buffer.read(segment -> 0));
    Job job = Job.named("job").writes(buffer).publish();
    job.open().close();
    assertReported(Rule.ORDER, job::signal);
  }

  @Test
  void fn4_syncThatWaits_isReported_forWhoSignalsMaySynchroniseToo() {
    inSync = pending::awaitUninterruptibly;
    try (Attachment attachment = buffer.attach(DEVICE)) {
      attachment.reservation().lock();
      attachment.map(Access.READ);
      attachment.reservation().unlock();
      assertReported(Rule.BLOCKING, () -> buffer.beginCpuAccess(Access.READ));
    }
  }

  @Test
  void fn2_vunmapThatWaits_isReported() {
    inVunmap = pending::awaitUninterruptibly;
    buffer.hold().close();
    assertReported(Rule.BLOCKING, exporter.object::dropIdleMapping);
  }
}

package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.TestExporter.Call;
import io.github.dmabuf4j.spi.MappingCache;
import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** An exporter of another language, which throws checked exceptions: nothing is kept for it. */
final class CheckedFailureTest {
  private static final Importer DEVICE = () -> "device";

  /** One that keeps no idle mapping, so that each last user unmaps. */
  private static final class Forgetting extends TestExporter implements MappingCache {
    @Override
    public MappingCache mappingCache() {
      return this;
    }

    @Override
    public void mapped(BufferObject buffer, int mapping) {
      boolean _ = buffer.dropIdleMapping();
    }

    @Override
    public void used(BufferObject buffer) {}

    @Override
    public void unmapped(BufferObject buffer, int mapping) {}
  }

  private final TestExporter exporter = new Forgetting();
  private final DmaBuf buffer = exporter.export();
  private final IOException failure = new IOException("thrown on purpose");

  @AfterEach
  void nothingIsLeft() {
    assertThat(exporter.object.reservation().isLocked()).isFalse();
    BufInfo.Buffer info = buffer.info();
    assertThat(info.holds()).isZero();
    assertThat(info.pins()).isZero();
    assertThat(info.attachments()).isEmpty();
    assertThat(info.fences()).isEmpty();
    assertThat(info.references()).isEqualTo(2); // the handle, and the one that asks
    buffer.close();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
    assertThat(exporter.count(Call.ATTACH)).isEqualTo(exporter.count(Call.DETACH));
  }

  private void locked(Runnable body) {
    Reservation reservation = buffer.reservation();
    reservation.lock();
    try {
      body.run();
    } finally {
      reservation.unlock();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"VMAP", "VUNMAP", "BEGIN", "END"})
  void closure(Call call) {
    exporter.failNext(call, failure);
    assertThatThrownBy(() -> buffer.write(segment -> {})).isSameAs(failure);
  }

  @ParameterizedTest
  @EnumSource(names = {"VMAP", "VUNMAP", "SEGMENT"})
  void vmapLocked(Call call) {
    exporter.failNext(call, failure);
    assertThatThrownBy(() -> locked(buffer::vmapLocked)).isSameAs(failure);
  }

  @Test
  void vmapLocked_inAContext() throws Exception {
    exporter.failNext(Call.VUNMAP, failure);
    AcquireContext context = AcquireContext.lockAll(buffer.reservation(), new Reservation());
    buffer.vmapLocked();
    assertThatThrownBy(context::close).isSameAs(failure);
  }

  @ParameterizedTest
  @EnumSource(names = {"VMAP", "PIN", "SEGMENT"})
  void vmapPinned(Call call) {
    exporter.failNext(call, failure);
    assertThatThrownBy(() -> locked(() -> buffer.vmapPinned(Pin.Term.SHORT, ArenaKind.SHARED)))
        .isSameAs(failure);
  }

  @ParameterizedTest
  @EnumSource(names = {"VMAP", "VUNMAP"})
  void hold(Call call) {
    exporter.failNext(call, failure);
    assertThatThrownBy(() -> buffer.hold(ArenaKind.SHARED).close()).isSameAs(failure);
  }

  @ParameterizedTest
  @EnumSource(names = {"VMAP", "BEGIN", "END"})
  void job(Call call) {
    exporter.failNext(call, failure);
    assertThatThrownBy(
            () -> {
              try (Job job = Job.named("job").writes(buffer).publish()) {
                job.run(access -> {});
              }
            })
        .isSameAs(failure);
  }

  @ParameterizedTest
  @EnumSource(names = {"ATTACH", "DETACH", "PIN", "MAP", "UNMAP", "UNPIN"})
  void attachment(Call call) {
    exporter.failNext(call, failure);
    assertThatThrownBy(
            () -> {
              try (Attachment attachment = buffer.attach(DEVICE)) {
                locked(() -> attachment.map(Access.READ));
              }
            })
        .isSameAs(failure);
    if (call == Call.ATTACH) {
      exporter.called(Call.DETACH); // nothing was attached
    }
  }

  @Test
  void pin() {
    exporter.failNext(Call.PIN, failure);
    assertThatThrownBy(() -> locked(() -> buffer.pin(Pin.Term.LONG))).isSameAs(failure);
    exporter.failNext(Call.UNPIN, failure);
    assertThatThrownBy(() -> locked(() -> buffer.pin(Pin.Term.LONG).close())).isSameAs(failure);
  }
}

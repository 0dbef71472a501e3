package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.dmabuf4j.TestExporter.Call;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What an attachment maps, keeps, and has synchronised by brackets. */
final class AttachmentMappingTest {
  /** An exporter whose lists are kept, and that notes what it is asked to synchronise. */
  private static final class Keeping extends TestExporter {
    final List<String> synced = new ArrayList<>();

    @Override
    public boolean cachesMappings() {
      return true;
    }

    @Override
    public void syncForCpu(Attachment attachment, ScatterList pieces, Access access) {
      synced.add("cpu " + access);
    }

    @Override
    public void syncForDevice(Attachment attachment, ScatterList pieces, Access access) {
      synced.add("device " + access);
    }
  }

  private record Device(boolean isDynamic, boolean allowsPeerToPeer) implements Importer {
    @Override
    public String name() {
      return "device";
    }
  }

  private final Keeping exporter = new Keeping();
  private final DmaBuf buffer = exporter.export();

  private static void locked(Attachment attachment, Runnable body) {
    attachment.reservation().lock();
    try {
      body.run();
    } finally {
      attachment.reservation().unlock();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void map_keptMapping_asksTheExporterOncePerAccess(boolean dynamic) {
    try (Attachment attachment = buffer.attach(new Device(dynamic, false))) {
      locked(
          attachment,
          () -> {
            ScatterList first = attachment.map(Access.READ);
            attachment.unmap();
            ScatterList other = attachment.map(Access.WRITE);
            attachment.unmap();
            assertThat(attachment.map(Access.READ)).isSameAs(first).isNotSameAs(other);
            attachment.unmap();
            assertThat(exporter.count(Call.MAP)).isEqualTo(2);
            assertThat(exporter.count(Call.UNMAP)).isZero();
            assertThat(buffer.info().pins()).isZero();
          });
    }
    assertThat(exporter.unmapped).containsExactlyInAnyOrder(Access.READ, Access.WRITE);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void move_keptMapping_isUnmappedAndMadeAnew(boolean dynamic) {
    try (Attachment attachment = buffer.attach(new Device(dynamic, false))) {
      locked(
          attachment,
          () -> {
            ScatterList before = attachment.map(Access.READ);
            attachment.unmap();
            exporter.object.moveNotifyLocked();
            assertThat(exporter.count(Call.UNMAP)).isEqualTo(1);
            assertThat(attachment.map(Access.READ)).isNotSameAs(before);
          });
    }
    assertThat(exporter.count(Call.MAP)).isEqualTo(exporter.count(Call.UNMAP)).isEqualTo(2);
  }

  @Test
  void bracket_synchronisesEachMappedAttachment_andNoOther() throws Exception {
    try (Attachment mapped = buffer.attach(new Device(true, false));
        Attachment _ = buffer.attach(new Device(true, false))) {
      buffer.read(segment -> 0);
      assertThat(exporter.synced).isEmpty();
      locked(mapped, () -> mapped.map(Access.READ));
      buffer.write(segment -> {});
      try (CpuAccess _ = buffer.beginCpuAccess(Access.READ)) {
        assertThat(exporter.synced).hasSize(3).endsWith("cpu READ");
      }
      assertThat(exporter.synced)
          .containsExactly("cpu READ_WRITE", "device READ_WRITE", "cpu READ", "device READ");
    }
  }

  @Test
  void unmap_waitsUntilTheMappingIsSynchronised() throws Exception {
    CountDownLatch syncing = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    List<String> order = new ArrayList<>();
    TestExporter slow =
        new TestExporter() {
          @Override
          public void syncForCpu(Attachment attachment, ScatterList pieces, Access access) {
            syncing.countDown();
            Threads.until(() -> goOn.getCount() == 0);
            order.add("synchronised");
          }

          @Override
          public void unmap(Attachment attachment, ScatterList pieces, Access access) {
            order.add("unmapped");
          }
        };
    try (DmaBuf slowBuffer = slow.export();
        Attachment attachment = slowBuffer.attach(new Device(true, false))) {
      locked(attachment, () -> attachment.map(Access.READ));
      Threads.Started reader = Threads.platform(() -> slowBuffer.read(segment -> 0));
      Threads.until(() -> syncing.getCount() == 0);
      Threads.Started unmapper =
          Threads.platform(() -> locked(attachment, attachment::unmap)).awaitBlocked();
      goOn.countDown();
      reader.join();
      unmapper.join();
    }
    assertThat(order).containsExactly("synchronised", "unmapped");
  }

  @Test
  void bracket_whoseAttachmentFailsToSynchronise_endsWhatTheExporterBegan() {
    IllegalStateException failure = new IllegalStateException("thrown on purpose");
    TestExporter failing =
        new TestExporter() {
          @Override
          public void syncForCpu(Attachment attachment, ScatterList pieces, Access access) {
            throw failure;
          }
        };
    try (DmaBuf failingBuffer = failing.export();
        Attachment attachment = failingBuffer.attach(new Device(true, false))) {
      locked(attachment, () -> attachment.map(Access.READ));
      assertThatExceptionOfType(IllegalStateException.class)
          .isThrownBy(() -> failingBuffer.read(segment -> 0))
          .isSameAs(failure);
      assertThat(failing.count(Call.BEGIN)).isEqualTo(failing.count(Call.END)).isEqualTo(1);
      assertThat(failingBuffer.info().holds()).isZero();
      assertThat(failingBuffer.info().fences()).isEmpty();
    }
  }

  @Test
  void cm8_listThatSomebodyHas_isRefused() {
    TestExporter sharing =
        new TestExporter() {
          private final ScatterList pieces = ScatterList.of(memory());

          @Override
          public ScatterList map(Attachment attachment, Access access) {
            return pieces;
          }
        };
    try (DmaBuf shared = sharing.export();
        Attachment one = shared.attach(new Device(false, false));
        Attachment two = shared.attach(new Device(false, false))) {
      locked(one, () -> one.map(Access.READ));
      locked(
          two,
          () ->
              assertThatExceptionOfType(DmaBufException.class)
                  .isThrownBy(() -> two.map(Access.READ))
                  .withMessageContaining("CM8"));
      assertThat(shared.info().pins()).isEqualTo(1);
    }
  }

  @Test
  void cm7_listThatIsTooShort_isRefusedAndUnmapped() {
    TestExporter lying =
        new TestExporter() {
          @Override
          public ScatterList map(Attachment attachment, Access access) {
            return ScatterList.of(memory().asSlice(0, 1000));
          }
        };
    try (DmaBuf shorter = lying.export();
        Attachment attachment = shorter.attach(new Device(false, false))) {
      locked(
          attachment,
          () ->
              assertThatExceptionOfType(DmaBufException.class)
                  .isThrownBy(() -> attachment.map(Access.READ))
                  .withMessageContaining("1000 bytes of 4096"));
      assertThat(lying.count(Call.UNMAP)).isEqualTo(1);
      assertThat(shorter.info().pins()).isZero();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void map_ofAReadOnlyHandle_givesNothingToWriteTo(boolean dynamic) {
    try (DmaBuf readOnly = buffer.dupReadOnly();
        Attachment attachment = readOnly.attach(new Device(dynamic, false))) {
      locked(
          attachment,
          () -> {
            assertThat(attachment.map(Access.READ).segments())
                .isNotEmpty()
                .allMatch(java.lang.foreign.MemorySegment::isReadOnly);
            attachment.unmap();
          });
    }
    assertThat(exporter.count(Call.MAP)).isEqualTo(exporter.count(Call.UNMAP)).isEqualTo(1);
  }

  @Test
  void info_saysWhoIsAttachedAndHow() {
    try (Attachment attachment = buffer.attach(new Device(true, true))) {
      assertThat(attachment.allowsPeerToPeer()).isTrue();
      assertThat(buffer.info().attachments())
          .containsExactly(new BufInfo.Attached("device", true, true, null));
      locked(attachment, () -> attachment.map(Access.WRITE));
      assertThat(buffer.info().toString())
          .contains("attached to [device (dynamic, peer to peer, mapped for WRITE)]");
    }
  }

  @Test
  void pieces_whereOnlyDevicesReach_haveAddressesAndNoSegments() {
    ScatterList list =
        new ScatterList(
            List.of(
                new ScatterList.DeviceRange(0x1000, 4096),
                new ScatterList.Memory(exporter.memory())));
    assertThat(list.byteSize()).isEqualTo(4096 + TestExporter.SIZE);
    assertThat(list.pieces().getFirst().address()).isEqualTo(0x1000);
    assertThatExceptionOfType(UnsupportedOperationException.class)
        .isThrownBy(list::segments)
        .withMessageContaining("only devices reach");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new ScatterList(List.of(new ScatterList.DeviceRange(0, 0))));
  }

  @Test
  void cb12_importOfOnesOwnExport_givesTheOriginal() {
    try (DmaBuf other = buffer.dup()) {
      assertThat(BufferObject.exporterOf(other, Keeping.class)).containsSame(exporter);
      assertThat(BufferObject.exporterOf(other, TestExporter.Incoherent.class)).isEmpty();
    }
  }
}

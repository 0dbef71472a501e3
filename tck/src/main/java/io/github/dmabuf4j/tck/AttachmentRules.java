package io.github.dmabuf4j.tck;

import static io.github.dmabuf4j.tck.Bench.SIZE;
import static io.github.dmabuf4j.tck.Bench.locked;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Importer;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.ScatterList;
import io.github.dmabuf4j.tck.exporters.Callback;
import io.github.dmabuf4j.tck.exporters.Recorder;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/**
 * How importers attach and map: design rule PN1, rules CB6 to CB9, CL6, CM4, CM5, CM7 and CM8. What
 * they hear of moves is in {@link MoveRules}.
 */
public abstract class AttachmentRules extends Rules {
  private static final Importer NOBODY = () -> "nobody in particular";

  /** For subclasses. */
  protected AttachmentRules() {}

  // ---- PN1 ----

  @Test
  @Rule({"PN1", "CL1"})
  void pn1_mapAndUnmapWithoutTheReservation_areRefused(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (Attachment attachment = buffer.attach(NOBODY)) {
      assertThrows(IllegalStateException.class, () -> attachment.map(Access.READ));
      assertEquals(0, buffer.info().pins());
      locked(buffer, () -> attachment.map(Access.READ));
      assertThrows(IllegalStateException.class, attachment::unmap);
      assertEquals(Access.READ, buffer.info().attachments().getFirst().mapped());
      locked(
          buffer,
          () ->
              Worker.start(() -> assertThrows(IllegalStateException.class, attachment::unmap))
                  .join());
      locked(buffer, attachment::unmap);
    }
  }

  @Test
  @Rule({"PN1", "CL4"})
  void pn1_mapAndUnmap_leaveTheReservationHeld(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    for (boolean dynamic : new boolean[] {true, false}) {
      try (Device device = dynamic ? Device.following(buffer) : Device.fixed(buffer)) {
        Reservation reservation = device.reservation();
        locked(
            reservation,
            () -> {
              device.mapLocked();
              assertTrue(reservation.isHeldByCurrentThread(), "after map");
              device.unmapLocked();
              assertTrue(reservation.isHeldByCurrentThread(), "after unmap");
            });
      }
    }
  }

  // ---- CB ----

  @Test
  @Rule({"CB6", "CL3"})
  @Needs(Capability.REFUSES_IMPORTERS)
  void cb6_importerThatCanNotBeServed_isRefused_andNothingIsAttached(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (Device device = Device.following(buffer)) {
      DmaBufException refusal =
          assertThrows(DmaBufException.class, () -> buffer.attach(bench.under().refusedImporter()));
      assertEquals(Optional.of(Errno.EBUSY), refusal.errno());
      assertEquals(1, buffer.info().attachments().size(), "the one that was there");
      device.map();
    }
    assertEquals(List.of(), buffer.info().attachments());
    if (bench.has(Capability.OBSERVABLE)) {
      assertEquals(2, bench.recorder().count(Callback.ATTACH));
      assertEquals(1, bench.recorder().count(Callback.DETACH), "who isn't in needn't get out");
    }
  }

  @Test
  @Rule("CB7")
  @Needs(Capability.OBSERVABLE)
  void cb7_bufferThatNobodyUses_asksItsExporterForNothing(Bench bench) {
    DmaBuf buffer = bench.allocate();
    buffer.setName("unused");
    DmaBuf second = buffer.dup();
    assertEquals(SIZE, second.size());
    second.close();
    buffer.close();
    assertEquals(List.of(Callback.RELEASE), bench.recorder().callbacks());
  }

  @Test
  @Rule("CB8")
  void cb8_importer_isAskedOnceWhetherItFollowsMoves(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    boolean[] dynamic = {false};
    Importer fickle =
        new Importer() {
          @Override
          public String name() {
            return "fickle";
          }

          @Override
          public boolean isDynamic() {
            return dynamic[0];
          }
        };
    try (Attachment attachment = buffer.attach(fickle)) {
      dynamic[0] = true;
      assertFalse(attachment.isDynamic());
      locked(
          buffer,
          () -> {
            attachment.map(Access.READ);
            assertEquals(1, buffer.info().pins(), "as it was when it attached");
            dynamic[0] = false;
            attachment.unmap();
          });
      assertEquals(0, buffer.info().pins());
    }
  }

  @Test
  @Rule({"CB9", "CB5"})
  void cb9_detaching_undoesTheMappingFirst(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    for (boolean dynamic : new boolean[] {true, false}) {
      Device device = dynamic ? Device.following(buffer) : Device.fixed(buffer);
      device.map();
      device.close();
      device.close(); // again: nothing
      assertEquals(List.of(), buffer.info().attachments());
      assertEquals(0, buffer.info().pins());
      locked(
          buffer,
          () ->
              assertThrows(
                  IllegalStateException.class, () -> device.attachment().map(Access.READ)));
    }
    if (bench.has(Capability.OBSERVABLE)) {
      assertEquals(
          List.of(Callback.UNMAP, Callback.DETACH),
          bench.recorder().callbacks().stream()
              .filter(callback -> callback == Callback.UNMAP || callback == Callback.DETACH)
              .skip(2)
              .toList());
    }
  }

  @Test
  @Rule({"CB9", "CB5", "CG2"})
  void cb9_attachment_keepsTheBufferAlive(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Device device = Device.following(buffer);
    buffer.close();
    assertEquals(1, bench.heap().statistics().liveBuffers());
    device.map();
    device.unmap();
    device.close();
    assertEquals(0, bench.heap().statistics().liveBuffers());
  }

  @Test
  @Rule({"CL2", "CB6"})
  void cl2_attachAndDetachWithTheReservationHeld_areRefused(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    locked(buffer, () -> assertThrows(IllegalStateException.class, () -> buffer.attach(NOBODY)));
    Attachment attachment = buffer.attach(NOBODY);
    locked(buffer, () -> assertThrows(IllegalStateException.class, attachment::close));
    assertEquals(1, buffer.info().attachments().size());
    attachment.close();
    assertEquals(List.of(), buffer.info().attachments());
  }

  @Test
  @Rule("CL6")
  void cl6_reportOfAttachments_needsNoLock(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (Device first = Device.following(buffer);
        Device second = Device.fixed(buffer)) {
      first.map();
      locked(
          buffer,
          () ->
              Worker.start(
                      () ->
                          assertEquals(
                              List.of(
                                  new BufInfo.Attached(
                                      first.name(), true, false, Access.READ_WRITE),
                                  new BufInfo.Attached(second.name(), false, false, null)),
                              buffer.info().attachments()))
                  .join());
    }
  }

  // ---- CM ----

  @Test
  @Rule({"CM4", "CG1"})
  void cm4_fixedImporter_pinsWhileItIsMapped(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (Device one = Device.fixed(buffer);
        Device two = Device.fixed(buffer);
        Device follower = Device.following(buffer)) {
      one.map();
      assertEquals(1, buffer.info().pins());
      two.map();
      assertEquals(2, buffer.info().pins());
      follower.map();
      assertEquals(2, buffer.info().pins(), "who follows moves needs no pin");
      one.unmap();
      assertEquals(1, buffer.info().pins());
      two.unmap();
      assertEquals(0, buffer.info().pins());
    }
  }

  @Test
  @Rule({"CM4", "CM7"})
  @Needs(Capability.OBSERVABLE)
  void cm4_mapThatFails_isUnpinned(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (Device device = Device.fixed(buffer)) {
      for (Object answer : new Object[] {"fails", "nothing", "too little"}) {
        bench
            .recorder()
            .intercept(
                call -> {
                  if (call.callback() != Callback.MAP) {
                    return call.proceed();
                  }
                  return switch (answer.toString()) {
                    case "nothing" -> null;
                    case "too little" -> ScatterList.of(MemorySegment.ofArray(new byte[8]));
                    default -> throw new IllegalStateException("thrown on purpose");
                  };
                });
        assertThrows(RuntimeException.class, device::map, () -> "map " + answer);
        assertEquals(0, buffer.info().pins(), () -> "map " + answer);
        assertFalse(device.isMapped());
      }
      bench.recorder().letThrough();
      device.map(); // works again
      device.unmap();
    }
    bench.recorder().clear(); // some maps failed and have no unmap
  }

  @Test
  @Rule({"CM5", "CR2"})
  void cm5_fixedImporter_getsItsPiecesOnceMemoryManagementIsDone(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    FenceContext copier = bench.device("copier");
    Fence moving = Bench.publish(copier, buffer, FenceUsage.KERNEL);
    try (Device fixed = Device.fixed(buffer);
        Device follower = Device.following(buffer)) {
      follower.map(); // waits by itself, if and when it wants to
      assertFalse(moving.isSignaled());
      Worker mapper =
          Worker.start(
                  () -> {
                    fixed.map();
                    assertTrue(moving.isSignaled());
                  })
              .awaitBlocked();
      copier.signal(moving);
      mapper.join();
      Fence writing = Bench.publish(copier, buffer, FenceUsage.WRITE);
      fixed.unmap();
      fixed.map(); // waits for memory management alone
      copier.signal(writing);
    }
  }

  @Test
  @Rule("CM7")
  void cm7_pieces_coverTheBuffer_andAreAlignedToPages(Bench bench) throws Exception {
    for (long size : new long[] {1, 4095, 4096, 4097, SIZE, 100_000}) {
      DmaBuf buffer = bench.allocate(size);
      try (Attachment attachment = buffer.attach(NOBODY)) {
        locked(
            buffer,
            () -> {
              ScatterList pieces = attachment.map(Access.READ);
              assertTrue(pieces.byteSize() >= size, () -> size + " B in " + pieces);
              for (ScatterList.Piece piece : pieces.pieces()) {
                assertEquals(0, piece.address() % 4096, () -> "the address of " + piece);
              }
              attachment.unmap();
            });
      }
    }
  }

  @Test
  @Rule("CM8")
  void cm8_eachMapping_hasPiecesOfItsOwn(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (Device one = Device.following(buffer);
        Device two = Device.following(buffer);
        Device fixed = Device.fixed(buffer)) {
      List<ScatterList> lists = List.of(one.map(), two.map(), fixed.map());
      for (int i = 0; i < lists.size(); i++) {
        for (int j = 0; j < i; j++) {
          assertNotSame(lists.get(i), lists.get(j));
        }
      }
    }
  }

  @Test
  @Rule({"CM7", "CM8", "CG1"})
  void m5_tableOfAPinnedBuffer_isANewOne_andCoversIt(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate(1 << 20);
    try (Attachment one = buffer.attach(NOBODY);
        Attachment two = buffer.attach(NOBODY)) {
      locked(
          buffer,
          () -> {
            Pin pin = buffer.pin(Pin.Term.SHORT);
            ScatterList first = one.map(Access.READ);
            ScatterList second = two.map(Access.READ);
            assertNotSame(first, second);
            for (ScatterList table : List.of(first, second)) {
              assertTrue(table.byteSize() >= 1 << 20);
              assertTrue(table.pieces().stream().allMatch(piece -> piece.address() != 0));
            }
            one.unmap();
            two.unmap();
            pin.close();
          });
    }
  }

  @Test
  @Rule({"CM8", "CM7"})
  @Needs(Capability.OBSERVABLE)
  void cm8_unmap_getsWhatMapReturned(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (Device one = Device.following(buffer);
        Device two = Device.fixed(buffer)) {
      ScatterList first = one.map();
      ScatterList second = two.map();
      one.unmap();
      two.unmap();
      one.close();
      two.close();
      List<Recorder.Entry> unmaps =
          bench.recorder().entries().stream()
              .filter(entry -> entry.callback() == Callback.UNMAP)
              .toList();
      assertEquals(2, unmaps.size());
      for (Recorder.Entry unmap : unmaps) {
        assertTrue(
            unmap.argument() == (unmap.attachment() == one.attachment() ? first : second),
            "the very list");
      }
    }
  }

  @Test
  @Rule({"CM7", "CB11"})
  void cm7_mapTwice_orForWritingWithAReadOnlyHandle_isRefused(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (DmaBuf reader = buffer.dupReadOnly();
        Attachment readOnly = reader.attach(NOBODY)) {
      locked(
          buffer,
          () -> {
            assertThrows(IllegalStateException.class, () -> readOnly.map(Access.WRITE));
            assertThrows(IllegalStateException.class, () -> readOnly.map(Access.READ_WRITE));
            readOnly.map(Access.READ);
            assertThrows(IllegalStateException.class, () -> readOnly.map(Access.READ));
            assertEquals(1, buffer.info().pins());
            readOnly.unmap();
            assertThrows(IllegalStateException.class, readOnly::unmap);
            assertEquals(0, buffer.info().pins());
          });
    }
  }

  @Test
  @Rule("CM7")
  @Needs(Capability.HOST_PIECES)
  void cm7_piecesForReading_canNotBeWritten(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (Attachment attachment = buffer.attach(NOBODY)) {
      locked(
          buffer,
          () -> {
            assertTrue(attachment.map(Access.READ).segments().getFirst().isReadOnly());
            attachment.unmap();
            assertFalse(attachment.map(Access.WRITE).segments().getFirst().isReadOnly());
            attachment.unmap();
          });
    }
  }

  @Test
  @Rule("CB6")
  @Needs(Capability.HOST_PIECES)
  void cb6_severalImporters_workOnTheSameBytes(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (Device writer = Device.following(buffer);
        Device reader = Device.fixed(buffer)) {
      writer.write(SIZE, 1);
      writer.unmap();
      reader.assertSees(SIZE, 1);
      reader.unmap();
      Pattern.assertIn(buffer, 1);
    }
  }
}

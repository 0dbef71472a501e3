package io.github.dmabuf4j.tck;

import static io.github.dmabuf4j.tck.Bench.SIZE;
import static io.github.dmabuf4j.tck.Bench.locked;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dmabuf4j.Advice;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.BufferPurgedException;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.OwnedFd;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * Buffers whose descriptors others are given: design rules FN6, DV3, DV4 and DV7. What a descriptor
 * leads to is looked up in {@code /proc/self}, for such heaps are Linux's.
 */
@Needs(Capability.SHAREABLE)
public abstract class ShareRules extends Rules {
  private static final int CLOSE_ON_EXEC = 02000000;

  /** For subclasses. */
  protected ShareRules() {}

  /** Which file a descriptor leads to. */
  private static Map<String, Object> file(OwnedFd fd) throws IOException {
    return Files.readAttributes(link(fd.fd()), "unix:dev,ino");
  }

  private static Path link(int fd) {
    return Path.of("/proc/self/fd", Integer.toString(fd));
  }

  private static boolean isCloseOnExec(int fd) throws IOException {
    Path path = Path.of("/proc/self/fdinfo", Integer.toString(fd));
    String flags =
        Files.readAllLines(path).stream()
            .filter(line -> line.startsWith("flags:"))
            .findFirst()
            .orElseThrow();
    return (Integer.parseInt(flags.substring(6).strip(), 8) & CLOSE_ON_EXEC) != 0;
  }

  // ---- FN6 ----

  @Test
  @Rule("FN6")
  void fn6_descriptor_isGivenOutOnceHostFencesHaveSignaled(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    FenceContext ring = bench.device("ring");
    Fence work = Bench.publish(ring, buffer, FenceUsage.WRITE);
    Worker sharer =
        Worker.start(
                () -> {
                  try (var fd = buffer.exportFd()) {
                    assertTrue(work.isSignaled());
                    assertTrue(fd.fd() >= 0);
                  }
                })
            .awaitBlocked();
    ring.signal(work);
    sharer.join();
  }

  @Test
  @Rule("FN6")
  void fn6_waitForHostFences_endsAtAnInterrupt_andLeavesNothing(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    FenceContext ring = bench.device("ring");
    Fence work = Bench.publish(ring, buffer, FenceUsage.READ);
    Worker sharer =
        Worker.start(() -> assertThrows(InterruptedException.class, buffer::exportFd))
            .awaitBlocked();
    sharer.thread().interrupt();
    sharer.join();
    assertEquals(2, buffer.info().references(), "the handle's, and that of the report");
    ring.signal(work);
  }

  // ---- DV3 ----

  @Test
  @Rule("DV3")
  void dv3_eachDescriptor_isCloseOnExec_andOneOfItsOwn(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (OwnedFd one = buffer.exportFd();
        OwnedFd two = buffer.exportFd()) {
      assertNotEquals(one.fd(), two.fd());
      assertTrue(isCloseOnExec(one.fd()));
      assertTrue(isCloseOnExec(two.fd()));
      one.close();
      one.close(); // again: nothing, also if somebody else has the number by now
      assertThrows(IllegalStateException.class, one::fd);
      assertTrue(Files.exists(link(two.fd())), "the other one's is its own");
    }
    Pattern.write(buffer, 1); // and so is the buffer's
    Pattern.assertIn(buffer, 1);
  }

  @Test
  @Rule("DV3")
  void dv3_detachedDescriptor_isSomebodyElsesToClose(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Path link; // stays open: the JDK alone has nothing that closes it
    try (OwnedFd lent = buffer.exportFd()) {
      link = link(lent.detach());
      assertThrows(IllegalStateException.class, lent::fd);
      assertThrows(IllegalStateException.class, lent::detach);
    }
    assertTrue(Files.exists(link), "closing what was detached closes nothing");
  }

  @Test
  @Rule("DV3")
  void dv3_closedHandle_givesNoDescriptor(Bench bench) {
    DmaBuf buffer = bench.allocate();
    buffer.close();
    assertThrows(IllegalStateException.class, buffer::exportFd);
  }

  // ---- DV4 ----

  @Test
  @Rule("DV4")
  void dv4_descriptorsOfOneBuffer_leadToOneFile_andOfTwoToTwo(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    DmaBuf other = bench.allocate();
    try (OwnedFd one = buffer.exportFd();
        OwnedFd two = buffer.exportFd();
        OwnedFd three = other.exportFd()) {
      assertEquals(file(one), file(two));
      assertNotEquals(file(one), file(three));
    }
  }

  // ---- DV7 ----

  @Test
  @Rule({"DV7", "AL7"})
  void dv7_memoryThatOthersMayHave_isNeverGivenToAnotherBuffer(Bench bench) throws Exception {
    List<OwnedFd> shared = new ArrayList<>();
    AllocationRequest dirty = AllocationRequest.of(SIZE).uninitialized().build();
    try {
      for (int round = 0; round < 8; round++) {
        DmaBuf buffer = bench.track(bench.heap().allocate(dirty));
        OwnedFd fd = buffer.exportFd();
        for (OwnedFd earlier : shared) {
          assertNotEquals(file(earlier), file(fd), "somebody else may still have this file");
        }
        shared.add(fd);
        Pattern.write(buffer, round);
        buffer.close();
      }
    } finally {
      shared.forEach(OwnedFd::close);
    }
  }

  @Test
  @Rule({"DV7", "AL9"})
  void dv7_sharedBuffer_isUncountedAtItsEnd_whoeverStillHasADescriptor(Bench bench)
      throws Exception {
    long before = bench.heap().statistics().committedBytes();
    DmaBuf buffer = bench.allocate();
    try (OwnedFd fd = buffer.exportFd()) {
      buffer.close();
      bench.heap().trim();
      assertEquals(before, bench.heap().statistics().committedBytes());
      assertTrue(Files.exists(link(fd.fd())), "it is good beyond the buffer");
    }
  }

  @Test
  @Rule({"DV7", "PN2"})
  @Needs(Capability.PURGES)
  void dv7_memoryThatOthersMayHave_isNotDropped(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 3);
    try (OwnedFd fd = buffer.exportFd()) {
      locked(buffer, () -> assertTrue(buffer.advise(Advice.DONT_NEED)));
      assertEquals(0, bench.under().purgeAll(), () -> "dropped, while somebody has " + fd);
      locked(buffer, () -> assertTrue(buffer.advise(Advice.WILL_NEED)));
    }
    Pattern.assertIn(buffer, 3);
  }

  @Test
  @Rule({"SH2", "DV7"})
  @Needs(Capability.PURGES)
  void sh2_droppedBuffer_hasNothingToShare(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    locked(buffer, () -> assertTrue(buffer.advise(Advice.DONT_NEED)));
    assertEquals(1, bench.under().purgeAll());
    locked(buffer, () -> assertFalse(buffer.advise(Advice.WILL_NEED)));
    assertThrows(BufferPurgedException.class, buffer::exportFd);
  }
}

package io.github.dmabuf4j.tck;

import static io.github.dmabuf4j.tck.Bench.SIZE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.CpuAccess;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.Job;
import io.github.dmabuf4j.tck.exporters.Callback;
import io.github.dmabuf4j.tck.exporters.Recorder;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * What a bracket does to the bytes, and what shows where it is missing: design rules CA1 and CA3,
 * rules CV4 and CV6.
 */
public abstract class CoherencyRules extends Rules {
  /** For subclasses. */
  protected CoherencyRules() {}

  // ---- CA1: coherency ----

  @Test
  @Rule({"CA1", "CV4"})
  @Needs(Capability.HOST_PIECES)
  void ca1_whatTheCpuWritesInABracket_theDeviceSees(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (Device device = Device.following(buffer)) {
      try (CpuAccess access = buffer.beginCpuAccess(Access.READ_WRITE)) {
        Pattern.put(access.segment(), 1);
      }
      device.assertSees(SIZE, 1);
      try (CpuAccess access = buffer.beginCpuAccess(Access.WRITE)) {
        Pattern.put(access.segment(), 2);
      }
      device.assertSees(SIZE, 2);
      buffer.write(segment -> Pattern.put(segment, 3));
      device.assertSees(SIZE, 3);
      Job.named("writer")
          .writes(buffer)
          .publish()
          .run(access -> Pattern.put(access.segment(buffer), 4));
      device.assertSees(SIZE, 4);
    }
  }

  @Test
  @Rule({"CA1", "CV4"})
  @Needs(Capability.HOST_PIECES)
  void ca1_whatTheDeviceWrites_theCpuSeesInABracket(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 0); // whatever the CPU has cached is stale from here on
    try (Device device = Device.following(buffer)) {
      device.write(SIZE, 1);
      try (CpuAccess access = buffer.beginCpuAccess(Access.READ)) {
        Pattern.assertIn(access.segment(), 1);
      }
      device.write(SIZE, 2);
      try (CpuAccess access = buffer.beginCpuAccess(Access.READ_WRITE)) {
        Pattern.assertIn(access.segment(), 2);
      }
      device.write(SIZE, 3);
      Pattern.assertIn(buffer, 3);
      device.write(SIZE, 4);
      Job.named("reader")
          .reads(buffer)
          .publish()
          .run(access -> Pattern.assertIn(access.segment(buffer), 4));
    }
  }

  @Test
  @Rule({"CA1", "CV4"})
  @Needs(Capability.HOST_PIECES)
  void ca1_bracketThatWritesAFewBytes_leavesTheOthersAsTheDeviceWroteThem(Bench bench)
      throws Exception {
    DmaBuf buffer = bench.allocate();
    try (Device device = Device.following(buffer)) {
      device.write(SIZE, 5);
      buffer.write(segment -> segment.set(ValueLayout.JAVA_BYTE, 100, (byte) 0x77));
      assertEquals((byte) 0x77, device.read(100));
      assertEquals(Pattern.at(99, 5), device.read(99));
      assertEquals(Pattern.at(SIZE - 1, 5), device.read(SIZE - 1));
    }
  }

  @Test
  @Rule({"CA1", "CV4"})
  @Needs(Capability.HOST_PIECES)
  void ca1_bracketThatOnlyReads_changesNothing(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (Device device = Device.following(buffer)) {
      device.write(SIZE, 6);
      try (CpuAccess access = buffer.beginCpuAccess(Access.READ)) {
        Pattern.assertIn(access.segment(), 6);
      }
      device.assertSees(SIZE, 6);
    }
  }

  // ---- CA3 ----

  @Test
  @Rule({"CA3", "CV4"})
  @Needs({Capability.SEPARATE_COPIES, Capability.HOST_PIECES})
  void ca3_missingBracket_shows(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (Device device = Device.following(buffer)) {
      device.write(SIZE, 1);
      try (Hold bare = buffer.hold()) {
        assertNotEquals(
            Pattern.at(7, 1), bare.segment().get(ValueLayout.JAVA_BYTE, 7), "read past it");
        bare.segment().set(ValueLayout.JAVA_BYTE, 8, (byte) 0x44);
      }
      assertEquals(Pattern.at(8, 1), device.read(8), "written past it");
      Pattern.assertIn(buffer, 1);
    }
  }

  @Test
  @Rule({"CA3", "CV4", "CV6"})
  @Needs({Capability.SEPARATE_COPIES, Capability.HOST_PIECES})
  void ca3_bracketThatIsNotEnded_shows(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (Device device = Device.following(buffer)) {
      device.write(SIZE, 2);
      try (CpuAccess access = buffer.beginCpuAccess(Access.READ_WRITE)) {
        access.segment().set(ValueLayout.JAVA_BYTE, 9, (byte) 0x55);
        assertEquals(Pattern.at(9, 2), device.read(9), "not before the end");
      }
      assertEquals((byte) 0x55, device.read(9));
    }
  }

  @Test
  @Rule({"CA3", "CV6"})
  @Needs(Capability.OBSERVABLE)
  void ca3_brackets_areBalanced_howeverTheyEnd(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    buffer.beginCpuAccess(Access.READ).close();
    buffer.beginCpuAccessUninterruptibly(Access.WRITE).close();
    buffer.read(segment -> 0);
    assertThrows(
        IllegalStateException.class,
        () ->
            buffer.write(
                segment -> {
                  throw new IllegalStateException("thrown on purpose");
                }));
    Job.named("runs").writes(buffer).publish().run(access -> {});
    Job.named("never runs").reads(buffer).publish().close();
    assertThrows(
        IllegalStateException.class,
        () ->
            Job.named("fails")
                .writes(buffer)
                .publish()
                .run(
                    access -> {
                      throw new IllegalStateException("thrown on purpose");
                    }));
    CpuAccess twice = buffer.beginCpuAccess(Access.READ_WRITE);
    twice.close();
    twice.close();
    List<Object> begun = arguments(bench, Callback.BEGIN_CPU_ACCESS);
    assertEquals(begun, arguments(bench, Callback.END_CPU_ACCESS), "each end as its begin");
    assertEquals(7, begun.size());
  }

  private static List<Object> arguments(Bench bench, Callback callback) {
    return bench.recorder().entries().stream()
        .filter(entry -> entry.callback() == callback)
        .map(Recorder.Entry::argument)
        .toList();
  }
}

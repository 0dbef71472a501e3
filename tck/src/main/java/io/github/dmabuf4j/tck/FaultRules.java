package io.github.dmabuf4j.tck;

import static io.github.dmabuf4j.tck.Bench.locked;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Advice;
import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.BufferPurgedException;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Job;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.Vmap;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * What is left when an exporter's callback fails, or takes its time: nothing. Every callback of
 * every use fails in turn, with an exception, an exception of ours and an {@link OutOfMemoryError};
 * and every callback is held up in turn. Rules CB4, CB5, CM4 and CV6, design rules VM1, CA1 and
 * JB1.
 */
@Needs(Capability.OBSERVABLE)
public abstract class FaultRules extends Rules {
  /** For subclasses. */
  protected FaultRules() {}

  // ---- the uses ----

  private static void hold(DmaBuf buffer) {
    buffer.hold().close();
  }

  private static void bracket(DmaBuf buffer) throws InterruptedException {
    buffer.beginCpuAccess(Access.READ_WRITE).close();
  }

  private static void closures(DmaBuf buffer) throws InterruptedException {
    Pattern.write(buffer, 1);
    Pattern.assertIn(buffer, 1);
  }

  private static void job(DmaBuf buffer) throws InterruptedException {
    try (Job job = Job.named("job").writes(buffer).publish()) {
      job.run(access -> Pattern.put(access.segment(buffer), 2));
    }
  }

  private static void pins(DmaBuf buffer) throws Exception {
    for (Pin.Term term : List.of(Pin.Term.LONG, Pin.Term.SHORT)) {
      locked(buffer, () -> buffer.pin(term).close());
    }
  }

  private static void vmaps(DmaBuf buffer) throws Exception {
    locked(buffer, () -> buffer.vmapLocked().segment().fill((byte) 1));
    locked(
        buffer,
        () -> {
          Vmap vmap = buffer.vmapPinned(Pin.Term.SHORT, ArenaKind.SHARED);
          vmap.segment().fill((byte) 2);
          vmap.close();
        });
  }

  private static void fixedImporter(DmaBuf buffer) {
    try (Device device = Device.fixed(buffer)) {
      device.map();
      device.unmap();
      device.map(); // undone by the end
    }
  }

  private static void followingImporter(DmaBuf buffer) throws InterruptedException {
    try (Device device = Device.following(buffer)) {
      device.map();
      buffer.write(segment -> Pattern.put(segment, 3));
      device.unmap();
    }
  }

  private static Faults.Use move(Bench bench) {
    return buffer -> {
      try (Device device = Device.following(buffer)) {
        buffer.hold().close();
        device.map();
        bench.under().moveAll();
        device.map();
        buffer.hold().close();
      }
    };
  }

  private static Faults.Use purge(Bench bench) {
    return buffer -> {
      try {
        buffer.hold().close();
        locked(buffer, () -> buffer.advise(Advice.DONT_NEED));
        bench.under().purgeAll();
        locked(buffer, () -> buffer.advise(Advice.WILL_NEED));
      } catch (BufferPurgedException e) {
        // gone by the first, failing time: a clean end
      }
    };
  }

  private static Faults.Use evict(Bench bench) {
    return buffer -> {
      Pattern.write(buffer, 4);
      bench.under().evictAll();
      try {
        Pattern.assertIn(buffer, 4);
      } catch (DmaBufException | OutOfMemoryError | IllegalStateException failed) {
        Pattern.assertIn(buffer, 4); // it isn't lost
        throw failed;
      }
    };
  }

  private static Faults.Use givingUpMappings(Bench bench) {
    return buffer -> {
      buffer.hold().close();
      bench.under().dropIdleMappings();
      buffer.hold().close();
    };
  }

  // ---- they fail ----

  @Test
  @Rule({"VM1", "CB4", "CV2"})
  void vm1_exporterThatFailsInAMapping_leavesNothing(Bench bench) throws Exception {
    Faults.inEachCallbackOf(bench, FaultRules::hold);
    Faults.inEachCallbackOf(bench, FaultRules::vmaps);
  }

  @Test
  @Rule({"VM1", "CB4", "CV2"})
  @Needs(Capability.DROPS_MAPPINGS)
  void vm1_exporterThatFailsInGivingAMappingUp_leavesNothing(Bench bench) throws Exception {
    Faults.inEachCallbackOf(bench, givingUpMappings(bench));
  }

  @Test
  @Rule({"CV6", "CA1", "CB4"})
  void cv6_exporterThatFailsInABracket_leavesNothing(Bench bench) throws Exception {
    Faults.inEachCallbackOf(bench, FaultRules::bracket);
    Faults.inEachCallbackOf(bench, FaultRules::closures);
  }

  @Test
  @Rule({"JB1", "CA1", "CB4"})
  void jb1_exporterThatFailsInAJob_leavesNothing(Bench bench) throws Exception {
    Faults.inEachCallbackOf(bench, FaultRules::job);
  }

  @Test
  @Rule({"PN1", "CB4", "CM4"})
  void pn1_exporterThatFailsInAPin_leavesNothing(Bench bench) throws Exception {
    Faults.inEachCallbackOf(bench, FaultRules::pins);
  }

  @Test
  @Rule({"CM4", "CB9", "CB4"})
  void cm4_exporterThatFailsInAnAttachment_leavesNothing(Bench bench) throws Exception {
    Faults.inEachCallbackOf(bench, FaultRules::fixedImporter);
    Faults.inEachCallbackOf(bench, FaultRules::followingImporter);
  }

  @Test
  @Rule({"CM13", "PN5", "CB4"})
  @Needs(Capability.MOVES)
  void cm13_exporterThatFailsInAMove_leavesNothing(Bench bench) throws Exception {
    Faults.inEachCallbackOf(bench, move(bench));
  }

  @Test
  @Rule({"CG5", "SH2", "CB4"})
  @Needs(Capability.PURGES)
  void cg5_exporterThatFailsInAPurge_leavesNothing(Bench bench) throws Exception {
    Faults.inEachCallbackOfReclaim(bench, purge(bench));
  }

  @Test
  @Rule({"SH2", "SH7", "CB4"})
  @Needs(Capability.EVICTS)
  void sh2_exporterThatFailsInAnEviction_losesAndLeavesNothing(Bench bench) throws Exception {
    Faults.inEachCallbackOfReclaim(bench, evict(bench));
  }

  // ---- they take their time ----

  @Test
  @Rule({"CL4", "CB4"})
  void cl4_slowCallback_holdsUpOnlyWhoNeedsTheBuffer(Bench bench) throws Exception {
    for (Faults.Use use :
        List.<Faults.Use>of(
            FaultRules::hold,
            FaultRules::closures,
            FaultRules::job,
            FaultRules::pins,
            FaultRules::fixedImporter,
            FaultRules::followingImporter)) {
      Faults.slowEachCallbackOf(bench, use);
    }
  }
}

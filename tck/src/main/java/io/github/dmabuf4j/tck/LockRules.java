package io.github.dmabuf4j.tck;

import static io.github.dmabuf4j.tck.Bench.locked;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.dmabuf4j.Advice;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Job;
import io.github.dmabuf4j.Lockdep;
import io.github.dmabuf4j.LockdepException;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.tck.exporters.Callback;
import io.github.dmabuf4j.tck.exporters.Recorder;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Who has the reservation when: rules CL1 to CL4 and CL7. */
public abstract class LockRules extends Rules {
  /** For subclasses. */
  protected LockRules() {}

  /** Everything that can be done with a buffer. */
  private static void useAll(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 1);
    buffer.read(segment -> 0);
    buffer.hold().close();
    try (Device follower = Device.following(buffer);
        Device fixed = Device.fixed(buffer)) {
      follower.map();
      fixed.map();
      Pattern.write(buffer, 2);
      fixed.unmap();
      if (bench.has(Capability.MOVES)) {
        assertEquals(1, bench.under().moveAll());
        Pattern.assertIn(buffer, 2);
      }
    }
    locked(
        buffer,
        () -> {
          buffer.pin(Pin.Term.LONG).close();
          buffer.vmapLocked().segment().fill((byte) 3);
        });
    Job.named("job").writes(buffer).publish().run(access -> access.segment(buffer).fill((byte) 4));
    if (bench.has(Capability.EVICTS)) {
      assertEquals(1, bench.under().evictAll());
      buffer.hold().close();
    }
    if (bench.has(Capability.PURGES)) {
      locked(buffer, () -> buffer.advise(Advice.DONT_NEED));
      assertEquals(1, bench.under().purgeAll());
    }
    buffer.close();
  }

  @Test
  @Rule("CL3")
  @Needs(Capability.OBSERVABLE)
  void cl3_callbacks_areCalledWithoutTheReservation(Bench bench) throws Exception {
    useAll(bench);
    assertEquals(called(bench, Callback.Lock.NOT_HELD), calledWithHeld(bench, false));
  }

  @Test
  @Rule("CL4")
  @Needs(Capability.OBSERVABLE)
  void cl4_callbacks_areCalledWithTheReservation(Bench bench) throws Exception {
    useAll(bench);
    assertEquals(called(bench, Callback.Lock.HELD), calledWithHeld(bench, true));
  }

  /** What must have been called for {@link #useAll}, of those that find the lock so. */
  private static Set<Callback> called(Bench bench, Callback.Lock lock) {
    Set<Callback> wanted = EnumSet.allOf(Callback.class);
    wanted.removeIf(callback -> callback.lock() != lock);
    if (!bench.has(Capability.EVICTS)) {
      wanted.remove(Callback.RESTORE);
    }
    if (!bench.has(Capability.EVICTS) && !bench.has(Capability.PURGES)) {
      wanted.remove(Callback.EVICT);
    }
    return wanted;
  }

  private static Set<Callback> calledWithHeld(Bench bench, boolean held) {
    Set<Callback> seen = EnumSet.noneOf(Callback.class);
    for (Recorder.Entry entry : bench.recorder().entries()) {
      if (entry.reservationHeld() == held && entry.callback().lock() != Callback.Lock.EITHER) {
        seen.add(entry.callback());
      }
    }
    if (held && bench.has(Capability.EVICTS)) { // to save and to fill
      seen.remove(Callback.BEGIN_CPU_ACCESS);
      seen.remove(Callback.END_CPU_ACCESS);
    }
    return seen;
  }

  @Test
  @Rule({"CL4", "CL3"})
  void cl4_everyUse_works(Bench bench) throws Exception {
    useAll(bench); // an exporter that takes a lock it has fails here
  }

  @Test
  @Rule({"CL3", "CL2"})
  @Needs(Capability.OBSERVABLE)
  void cl3_attachAndDetach_mayTakeTheReservation(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Set<Callback> took = EnumSet.noneOf(Callback.class);
    bench
        .recorder()
        .intercept(
            call -> {
              if (call.callback() == Callback.ATTACH || call.callback() == Callback.DETACH) {
                buffer.reservation().lock();
                took.add(call.callback());
                buffer.reservation().unlock();
              }
              return call.proceed();
            });
    Device.following(buffer).close();
    bench.recorder().letThrough();
    assertEquals(EnumSet.of(Callback.ATTACH, Callback.DETACH), took);
  }

  @Test
  @Rule({"CL4", "CL7"})
  @Needs(Capability.OBSERVABLE)
  void cl4_callbackThatTakesTheLockItHas_isRefusedAndHangsNobody(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    bench
        .recorder()
        .intercept(
            call -> {
              if (call.callback() == Callback.MAP || call.callback() == Callback.VMAP) {
                buffer.reservation().lock();
              }
              return call.proceed();
            });
    assertThrows(IllegalStateException.class, buffer::hold);
    try (Device device = Device.fixed(buffer)) {
      assertThrows(IllegalStateException.class, device::map);
    }
    assertEquals(0, buffer.info().holds());
    assertEquals(0, buffer.info().pins());
    bench.recorder().letThrough();
    Pattern.write(buffer, 1);
  }

  @Test
  @Rule({"CL7", "CL1"})
  @ReportsOnPurpose
  void cl7_secondReservationWithoutAContext_isReported(Bench bench) throws Exception {
    DmaBuf one = bench.allocate();
    DmaBuf two = bench.allocate();
    long before = Lockdep.reports();
    locked(
        one,
        () -> {
          if (Lockdep.isEnabled()) {
            assertThrows(LockdepException.class, () -> two.hold().close());
          } else {
            two.hold().close();
          }
        });
    assertEquals(Lockdep.isEnabled() ? 1 : 0, Lockdep.reports() - before);
    assertEquals(0, two.info().holds());
  }
}

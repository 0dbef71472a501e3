package io.github.dmabuf4j.tck;

import static io.github.dmabuf4j.tck.Bench.SIZE;
import static io.github.dmabuf4j.tck.Bench.locked;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.BufferRevokedException;
import io.github.dmabuf4j.CpuAccess;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceTimeoutException;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Job;
import io.github.dmabuf4j.tck.exporters.Callback;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/**
 * What a bracket waits for, and what it doesn't keep out: design rules CA1, CA2 and CA4, rules CV5
 * to CV8 and CR3. What it does to the bytes is in {@link CoherencyRules}.
 */
public abstract class CpuAccessRules extends Rules {
  /** For subclasses. */
  protected CpuAccessRules() {}

  // ---- CA1 ----

  @Test
  @Rule({"CA1", "CV5", "CR3"})
  void ca1_begin_waitsForWhatConflictsAndForNothingElse(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    for (Access access : Access.values()) {
      for (FenceUsage usage : FenceUsage.values()) {
        FenceContext ring = bench.device("ring");
        Fence fence = Bench.publish(ring, buffer, usage);
        if (FenceUsage.conflictingWith(access).includes(usage)) {
          Worker waits =
              Worker.start(
                  () -> {
                    try (CpuAccess inside = buffer.beginCpuAccess(access)) {
                      assertTrue(fence.isSignaled(), access + " waited for " + usage);
                      assertEquals(access, inside.access());
                    }
                  });
          waits.awaitBlocked();
          ring.signal(fence);
          waits.join();
        } else {
          try (CpuAccess inside = buffer.beginCpuAccess(access)) {
            assertFalse(fence.isSignaled(), access + " doesn't wait for " + usage);
            assertEquals(SIZE, inside.segment().byteSize());
          }
          ring.signal(fence);
        }
      }
    }
  }

  @Test
  @Rule({"CA1", "FN1", "FN5"})
  void ca1_begin_givesUpOnASilentDevice_andLeavesNothing(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    FenceContext silent =
        FenceContext.builder("silent device").foreign(Duration.ofMillis(5)).build();
    Fence fence = Bench.publish(silent, buffer, FenceUsage.WRITE);
    assertThrows(FenceTimeoutException.class, () -> buffer.beginCpuAccess(Access.READ));
    assertThrows(FenceTimeoutException.class, () -> buffer.read(segment -> 0));
    assertThrows(
        FenceTimeoutException.class, () -> buffer.beginCpuAccessUninterruptibly(Access.WRITE));
    assertEquals(0, buffer.info().holds());
    assertEquals(1, buffer.info().fences().size(), "the silent one");
    silent.signal(fence);
    silent.close();
    buffer.beginCpuAccess(Access.READ).close();
  }

  @Test
  @Rule({"CA1", "CV5"})
  void ca1_begin_endsAtAnInterrupt_andLeavesNothing(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    FenceContext ring = bench.device("ring");
    Fence fence = Bench.publish(ring, buffer, FenceUsage.WRITE);
    for (Access access : Access.values()) {
      Worker waits =
          Worker.start(
                  () ->
                      assertThrows(InterruptedException.class, () -> buffer.beginCpuAccess(access)))
              .awaitBlocked();
      waits.thread().interrupt();
      waits.join();
      assertEquals(0, buffer.info().holds());
    }
    ring.signal(fence);
  }

  @Test
  @Rule({"CA1", "CL2"})
  void ca1_beginWithTheReservationHeld_isRefused(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    locked(
        buffer,
        () -> {
          assertThrows(IllegalStateException.class, () -> buffer.beginCpuAccess(Access.READ));
          assertThrows(IllegalStateException.class, () -> buffer.read(segment -> 0));
        });
    assertEquals(0, buffer.info().holds());
  }

  // ---- CA2 ----

  @Test
  @Rule({"CA2", "CV7"})
  void ca2_bracket_keepsNobodyOut(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (CpuAccess mine = buffer.beginCpuAccess(Access.READ_WRITE)) {
      assertTrue(buffer.info().fences().isEmpty(), "nothing is published");
      Worker.start(
              () -> {
                try (CpuAccess theirs = buffer.beginCpuAccess(Access.READ_WRITE)) {
                  theirs.segment().set(ValueLayout.JAVA_BYTE, 1, (byte) 11);
                }
              })
          .join();
      mine.segment().set(ValueLayout.JAVA_BYTE, 2, (byte) 22);
    }
    buffer.read(
        segment -> {
          assertEquals((byte) 11, segment.get(ValueLayout.JAVA_BYTE, 1));
          assertEquals((byte) 22, segment.get(ValueLayout.JAVA_BYTE, 2));
          return true;
        });
  }

  @Test
  @Rule("CA2")
  void ca2_closure_keepsOthersOutWhileItRuns(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    Worker writer =
        Worker.start(
            () ->
                buffer.write(
                    segment -> {
                      inside.countDown();
                      Worker.await(go);
                      segment.fill((byte) 5);
                    }));
    Worker.await(inside);
    assertEquals(1, buffer.info().fences().size(), "published");
    Worker reader =
        Worker.start(
                () ->
                    buffer.read(
                        segment -> {
                          assertEquals((byte) 5, segment.get(ValueLayout.JAVA_BYTE, 0));
                          return true;
                        }))
            .awaitBlocked();
    go.countDown();
    writer.join();
    reader.join();
    assertTrue(buffer.info().fences().isEmpty());
  }

  @Test
  @Rule({"CA2", "CR3"})
  void ca2_readers_runTogether(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    CountDownLatch both = new CountDownLatch(2);
    Worker.Body reader =
        () ->
            buffer.read(
                segment -> {
                  both.countDown();
                  Worker.await(both); // comes back only if both are inside
                  return true;
                });
    Worker one = Worker.start(reader);
    Worker two = Worker.start(reader);
    one.join();
    two.join();
  }

  @Test
  @Rule("CA2")
  void ca2_nestedClosures_areRefusedWithTheWayOut(Bench bench) throws Exception {
    DmaBuf outer = bench.allocate();
    DmaBuf inner = bench.allocate();
    outer.read(
        segment -> {
          IllegalStateException refusal =
              assertThrows(IllegalStateException.class, () -> inner.read(other -> 0));
          assertTrue(String.valueOf(refusal.getMessage()).contains("Job"));
          assertThrows(IllegalStateException.class, () -> inner.write(other -> {}));
          assertThrows(
              IllegalStateException.class, () -> inner.beginCpuAccess(Access.READ).close());
          return true;
        });
    assertEquals(0, inner.info().holds());
    assertTrue(inner.info().fences().isEmpty());
    inner.read(segment -> 0); // after it
  }

  @Test
  @Rule("CA2")
  void ca2_closureThatThrows_endsAllTheSame(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Exception thrown = new Exception("thrown on purpose");
    assertSame(
        thrown,
        assertThrows(
            Exception.class,
            () ->
                buffer.write(
                    segment -> {
                      throw thrown;
                    })));
    assertEquals(0, buffer.info().holds());
    assertTrue(buffer.info().fences().isEmpty());
    Pattern.write(buffer, 1);
    Pattern.assertIn(buffer, 1);
  }

  // ---- CA4 ----

  @Test
  @Rule({"CA4", "CG6"})
  @Needs(Capability.REVOCABLE)
  void ca4_memoryThatIsTakenAway_isAnExceptionOfOurs(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Pattern.write(buffer, 1);
    bench.under().revokeAll();
    BufferRevokedException read =
        assertThrows(
            BufferRevokedException.class,
            () -> buffer.read(segment -> segment.get(ValueLayout.JAVA_BYTE, 0)));
    assertInstanceOf(InternalError.class, read.getCause());
    assertThrows(
        BufferRevokedException.class,
        () -> buffer.write(segment -> segment.set(ValueLayout.JAVA_BYTE, SIZE - 1, (byte) 1)));
    assertThrows(
        BufferRevokedException.class,
        () ->
            Job.named("late")
                .writes(buffer)
                .publish()
                .run(access -> access.segment(buffer).fill((byte) 1)));
    assertEquals(0, buffer.info().holds());
    assertTrue(buffer.info().fences().isEmpty());
  }

  @Test
  @Rule("CA4")
  @Needs(Capability.REVOCABLE)
  void ca4_memoryThatIsTakenAwayUnderAClosure_isAnExceptionOfOurs(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    assertThrows(
        BufferRevokedException.class,
        () ->
            buffer.write(
                segment -> {
                  segment.set(ValueLayout.JAVA_BYTE, 0, (byte) 1);
                  bench.under().revokeAll();
                  segment.set(ValueLayout.JAVA_BYTE, 0, (byte) 2);
                }));
    assertEquals(0, buffer.info().holds());
  }

  @Test
  @Rule("CA4")
  void ca4_errorsOfTheBodyItself_staysWhatTheyAre(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    InternalError own = new InternalError("nothing to do with the buffer");
    assertSame(
        own,
        assertThrows(
            InternalError.class,
            () ->
                buffer.read(
                    segment -> {
                      throw own;
                    })));
    assertEquals(0, buffer.info().holds());
  }

  // ---- CV ----

  @Test
  @Rule({"CV5", "CA1"})
  @Needs(Capability.OBSERVABLE)
  void cv5_exporter_isAskedOnceTheFencesHaveSignaled(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    FenceContext ring = bench.device("ring");
    Fence fence = Bench.publish(ring, buffer, FenceUsage.WRITE);
    Worker reader = Worker.start(() -> buffer.beginCpuAccess(Access.READ).close()).awaitBlocked();
    assertEquals(0, bench.recorder().count(Callback.BEGIN_CPU_ACCESS));
    ring.signal(fence);
    reader.join();
    assertEquals(1, bench.recorder().count(Callback.BEGIN_CPU_ACCESS));
  }

  @Test
  @Rule("CV6")
  void cv6_end_waitsForNothing(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    FenceContext ring = bench.device("ring");
    CpuAccess access = buffer.beginCpuAccess(Access.READ_WRITE);
    Fence later = Bench.publish(ring, buffer, FenceUsage.KERNEL);
    access.close();
    assertFalse(later.isSignaled());
    ring.signal(later);
  }

  @Test
  @Rule("CV6")
  @Needs(Capability.OBSERVABLE)
  void cv6_beginThatFails_hasNoEnd(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    IllegalStateException failure = new IllegalStateException("thrown on purpose");
    bench
        .recorder()
        .intercept(
            call -> {
              if (call.callback() == Callback.BEGIN_CPU_ACCESS) {
                throw failure;
              }
              return call.proceed();
            });
    assertSame(
        failure,
        assertThrows(IllegalStateException.class, () -> buffer.beginCpuAccess(Access.READ)));
    assertSame(
        failure, assertThrows(IllegalStateException.class, () -> buffer.write(segment -> {})));
    assertEquals(0, bench.recorder().count(Callback.END_CPU_ACCESS));
    assertEquals(0, buffer.info().holds());
    assertTrue(buffer.info().fences().isEmpty());
    bench.recorder().letThrough();
    Pattern.write(buffer, 1);
  }

  @Test
  @Rule({"CV8", "CV4"})
  void cv8_everyAccess_readsOrWrites(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    for (Access access : Access.values()) {
      assertTrue(access.reads() || access.writes());
      buffer.beginCpuAccess(access).close();
    }
    assertEquals(0, buffer.info().holds());
  }
}

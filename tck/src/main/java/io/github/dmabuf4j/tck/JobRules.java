package io.github.dmabuf4j.tck;

import static io.github.dmabuf4j.tck.Bench.SIZE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceAbandonedException;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Job;
import io.github.dmabuf4j.tck.exporters.Callback;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Several buffers at once: design rule JB1. */
public abstract class JobRules extends Rules {
  /** For subclasses. */
  protected JobRules() {}

  @Test
  @Rule({"JB1", "CR3"})
  void jb1_publishedJob_isWaitedForInEveryBuffer(Bench bench) throws Exception {
    DmaBuf from = bench.allocate();
    DmaBuf to = bench.allocate();
    Pattern.write(from, 1);
    Job job = Job.named("copy").reads(from).writes(to).publish();
    assertFalse(from.reservation().isLocked(), "published and unlocked");
    assertFalse(to.reservation().isLocked());
    assertEquals(List.of(job.fence()), from.reservation().fences(FenceUsage.READ));
    assertEquals(List.of(), from.reservation().fences(FenceUsage.WRITE), "a reader there");
    assertEquals(List.of(job.fence()), to.reservation().fences(FenceUsage.WRITE), "a writer here");
    assertEquals(1, from.info().holds());
    assertEquals(1, to.info().holds());
    Pattern.assertIn(from, 1); // readers don't wait for a reader
    Worker reader = Worker.start(() -> Pattern.assertIn(to, 1)).awaitBlocked();
    job.run(access -> access.segment(to).copyFrom(access.segment(from)));
    reader.join();
    assertEquals(0, from.info().holds() + to.info().holds());
  }

  @Test
  @Rule("JB1")
  void jb1_job_waitsForThoseThatCameBefore(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    FenceContext ring = bench.device("ring");
    Fence writer = Bench.publish(ring, buffer, FenceUsage.WRITE);
    Job job = Job.named("reader").reads(buffer).publish();
    assertEquals(List.of(writer), job.dependencies());
    assertThrows(IllegalStateException.class, job::open);
    Worker runner =
        Worker.start(() -> job.run(access -> assertTrue(writer.isSignaled()))).awaitBlocked();
    ring.signal(writer);
    runner.join();
    assertTrue(job.fence().isSignaled());
  }

  @Test
  @Rule({"JB1", "CB4"})
  void jb1_job_keepsItsBuffersAlive(Bench bench) throws Exception {
    DmaBuf from = bench.allocate();
    DmaBuf to = bench.allocate();
    Pattern.write(from, 2);
    Job job = Job.named("copy").reads(from).writes(to).publish();
    from.close();
    to.close();
    assertEquals(2, bench.heap().statistics().liveBuffers());
    job.run(
        access -> {
          access.segment(to).copyFrom(access.segment(from));
          Pattern.assertIn(access.segment(to), 2);
        });
    assertEquals(0, bench.heap().statistics().liveBuffers());
  }

  @Test
  @Rule("JB1")
  void jb1_jobThatCanNotBePublished_leavesNothing(Bench bench) throws Exception {
    DmaBuf good = bench.allocate();
    DmaBuf closed = bench.allocate();
    closed.close();
    assertThrows(
        IllegalStateException.class,
        () -> Job.named("half closed").writes(good).reads(closed).publish());
    try (DmaBuf reader = good.dupReadOnly()) {
      assertThrows(
          IllegalStateException.class, () -> Job.named("not allowed").writes(reader).publish());
    }
    Bench.locked(
        good,
        () ->
            assertThrows(
                IllegalStateException.class,
                () -> Job.named("with the lock").writes(good).publish()));
    assertEquals(0, good.info().holds());
    assertEquals(List.of(), good.info().fences());
    assertEquals(2, good.info().references(), "the handle's, and that of the report");
  }

  @Test
  @Rule({"JB1", "FN1"})
  void jb1_jobThatIsGivenUp_failsItsFence_andLetsTheBuffersGo(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    Job closed = Job.named("closed").writes(buffer).publish();
    Worker waiter = Worker.start(() -> buffer.read(segment -> 0)).awaitBlocked();
    closed.close();
    waiter.join();
    assertInstanceOf(FenceAbandonedException.class, closed.fence().error().orElseThrow());
    Exception thrown = new Exception("thrown on purpose");
    Job failed = Job.named("failed").writes(buffer).publish();
    assertSame(
        thrown,
        assertThrows(
            Exception.class,
            () ->
                failed.run(
                    access -> {
                      access.segment(buffer).fill((byte) 1);
                      throw thrown;
                    })));
    assertSame(thrown, failed.fence().error().orElseThrow());
    assertEquals(0, buffer.info().holds());
    assertEquals(List.of(), buffer.info().fences());
  }

  @Test
  @Rule({"JB1", "CA1"})
  @Needs(Capability.HOST_PIECES)
  void jb1_partsOfAJob_areOneAccessForTheDevice(Bench bench) throws Exception {
    DmaBuf buffer = bench.allocate();
    try (Device device = Device.following(buffer)) {
      device.write(SIZE, 3);
      Job job = Job.named("parts").writes(buffer).publish();
      Worker[] parts = new Worker[3];
      for (int i = 0; i < parts.length; i++) {
        int part = i;
        parts[i] =
            Worker.start(
                () -> {
                  try (var access = job.open()) {
                    access.segment(buffer).set(ValueLayout.JAVA_BYTE, part, (byte) (part + 100));
                  }
                });
      }
      for (Worker part : parts) {
        part.join();
      }
      assertTrue(job.signal());
      for (int i = 0; i < parts.length; i++) {
        assertEquals((byte) (i + 100), device.read(i));
      }
      assertEquals(Pattern.at(3, 3), device.read(3));
      if (bench.has(Capability.OBSERVABLE)) {
        assertEquals(1, bench.recorder().count(Callback.BEGIN_CPU_ACCESS), "one bracket");
      }
    }
  }

  @Test
  @Rule("JB1")
  void jb1_jobsInOppositeOrder_bothEnd(Bench bench) throws Exception {
    DmaBuf one = bench.allocate();
    DmaBuf two = bench.allocate();
    Worker.Body forth =
        () -> {
          for (int i = 0; i < 50; i++) {
            Job.named("forth")
                .reads(one)
                .writes(two)
                .publish()
                .run(access -> access.segment(two).copyFrom(access.segment(one)));
          }
        };
    Worker.Body back =
        () -> {
          for (int i = 0; i < 50; i++) {
            Job.named("back")
                .reads(two)
                .writes(one)
                .publish()
                .run(access -> access.segment(one).copyFrom(access.segment(two)));
          }
        };
    Worker first = Worker.start(forth);
    Worker second = Worker.start(back);
    first.join();
    second.join();
    assertEquals(0, one.info().holds() + two.info().holds());
  }
}

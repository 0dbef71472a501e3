package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.LockdepException.Rule;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Violations of the locking rules, each seeded once and reported by its rule, and none of them
 * deadlocks: the first possible deadlock is what counts, not the first actual one.
 */
@CleanRun.ExceptOnPurpose
@ValidatorOn
final class LockdepCatalogueTest {
  private static final Duration LONG = Duration.ofSeconds(Threads.LIMIT_SECONDS);

  /** A violation and the rule that it is reported by. */
  private record Violation(Rule rule, Threads.Body body) {}

  private static Map<String, Violation> catalogue() {
    Map<String, Violation> all = new LinkedHashMap<>();
    reservations(all);
    signalling(all);
    reclaim(all);
    turns(all);
    callbacks(all);
    order(all);
    bodies(all);
    sections(all);
    deadlocks(all);
    return all;
  }

  private static void reservations(Map<String, Violation> all) {
    Reservation a = new Reservation();
    Reservation b = new Reservation();
    all.put(
        "a second reservation without a context",
        new Violation(Rule.SECOND_RESERVATION, () -> locked(a, b::lock)));
    all.put(
        "a second reservation, interruptibly",
        new Violation(Rule.SECOND_RESERVATION, () -> locked(a, b::lockInterruptibly)));
    all.put(
        "a second reservation, for a limited time",
        new Violation(Rule.SECOND_RESERVATION, () -> locked(a, () -> b.tryLock(LONG))));
    all.put(
        "a closure on a buffer with another's reservation held",
        new Violation(
            Rule.SECOND_RESERVATION,
            () -> {
              try (DmaBuf buffer = TestExporter.buffer()) {
                locked(a, () -> buffer.write(segment -> {}));
              }
            }));
    all.put(
        "a plain lock beside the locks of a context",
        new Violation(
            Rule.SECOND_RESERVATION,
            () -> {
              try (var _ = AcquireContext.lockAll(a)) {
                b.lock();
              }
            }));
    all.put(
        "a context beside a plain lock",
        new Violation(Rule.SECOND_CONTEXT, () -> locked(a, () -> AcquireContext.lockAll(b))));
    all.put(
        "two contexts on one thread",
        new Violation(
            Rule.SECOND_CONTEXT,
            () -> {
              try (var _ = AcquireContext.lockAll(a)) {
                AcquireContext.begin();
              }
            }));
  }

  private static void signalling(Map<String, Violation> all) {
    Reservation a = new Reservation();
    all.put(
        "a reservation in a signalling section",
        new Violation(Rule.ORDER, () -> signalling(a::lock)));
    all.put(
        "a context's reservation in a signalling section",
        new Violation(Rule.ORDER, () -> signalling(() -> AcquireContext.lockAll(a))));
    all.put(
        "an allocation that may reclaim in a signalling section",
        new Violation(Rule.ORDER, () -> signalling(() -> Lockdep.mayReclaim("allocate"))));
    all.put(
        "reclaiming in a signalling section",
        new Violation(Rule.ORDER, () -> signalling(Reclaim::begin)));
    all.put(
        "a reservation in a nested signalling section, after the inner one",
        new Violation(
            Rule.ORDER,
            () ->
                signalling(
                    () -> {
                      signalling(() -> {});
                      a.lock();
                    })));
    all.put(
        "a hold of another buffer in a closure",
        new Violation(
            Rule.ORDER,
            () -> {
              try (DmaBuf one = TestExporter.buffer();
                  DmaBuf other = TestExporter.buffer()) {
                one.write(segment -> other.hold());
              }
            }));
    all.put(
        "a job published in a job's body",
        new Violation(
            Rule.ORDER,
            () -> {
              try (DmaBuf one = TestExporter.buffer();
                  DmaBuf other = TestExporter.buffer()) {
                Job job = Job.named("outer").writes(one).publish();
                job.run(access -> Job.named("inner").writes(other).publish());
              }
            }));
  }

  private static void reclaim(Map<String, Violation> all) {
    Reservation a = new Reservation();
    SyncPoint point = SyncObject.create("client").at(1);
    Threads.Body waitForSubmit = () -> point.await(SyncPoint.WaitFor.SUBMIT, LONG);
    all.put(
        "a wait for a submission with a reservation held",
        new Violation(Rule.ORDER, () -> locked(a, waitForSubmit)));
    all.put(
        "a wait for a submission in a signalling section",
        new Violation(Rule.ORDER, () -> signalling(waitForSubmit)));
    all.put(
        "a wait for a submission in a fence callback",
        new Violation(Rule.BLOCKING, () -> inCallback(waitForSubmit)));
    all.put(
        "a wait for a point in a fence callback",
        new Violation(
            Rule.BLOCKING,
            () ->
                inCallback(
                    () -> {
                      SyncPoint pending = SyncObject.create("device").at(1);
                      pending.submit(FenceContext.create("device").newFence());
                      pending.await(SyncPoint.WaitFor.SIGNALED, LONG);
                    })));
    all.put(
        "a wait for a submission in reclaim",
        new Violation(
            Rule.ORDER,
            () -> {
              try (var _ = Reclaim.begin()) {
                waitForSubmit.run();
              }
            }));
    all.put(
        "a reservation waited for in reclaim",
        new Violation(
            Rule.ORDER,
            () -> {
              try (var _ = Reclaim.begin()) {
                a.lock();
              }
            }));
    all.put(
        "an allocation that may reclaim in reclaim",
        new Violation(
            Rule.RECURSION,
            () -> {
              try (var _ = Reclaim.begin()) {
                Lockdep.mayReclaim("allocate");
              }
            }));
    all.put(
        "reclaim in reclaim",
        new Violation(
            Rule.RECURSION,
            () -> {
              try (var _ = Reclaim.begin()) {
                Reclaim.begin();
              }
            }));
  }

  private static void turns(Map<String, Violation> all) {
    Reservation a = new Reservation();
    Threads.Body waitForTurn =
        () -> {
          try (DmaBuf buffer = TestExporter.buffer();
              BufferQueue queue = BufferQueue.of("queue", List.of(buffer))) {
            queue.acquire(LONG);
          }
        };
    all.put(
        "a wait for a turn in a buffer queue with a reservation held",
        new Violation(Rule.ORDER, () -> locked(a, waitForTurn)));
    all.put(
        "a wait for a turn in a buffer queue in a signalling section",
        new Violation(Rule.ORDER, () -> signalling(waitForTurn)));
    all.put(
        "a wait for a turn in a buffer queue while reclaiming",
        new Violation(
            Rule.ORDER,
            () -> {
              try (var _ = Reclaim.begin()) {
                waitForTurn.run();
              }
            }));
    all.put(
        "a wait for a turn in a buffer queue in a fence callback",
        new Violation(Rule.BLOCKING, () -> inCallback(waitForTurn)));
    all.put(
        "a wait for a turn in a buffer queue between the publication and the signal of a job",
        new Violation(
            Rule.ORDER,
            () -> {
              try (DmaBuf buffer = TestExporter.buffer();
                  Job job = Job.named("job").writes(buffer).publish()) {
                job.run(access -> waitForTurn.run());
              }
            }));
  }

  private static void callbacks(Map<String, Violation> all) {
    Reservation a = new Reservation();
    all.put(
        "a reservation in a fence callback",
        new Violation(Rule.BLOCKING, () -> inCallback(a::lock)));
    all.put(
        "a wait for a fence in a fence callback",
        new Violation(
            Rule.BLOCKING,
            () -> inCallback(() -> FenceContext.create("x").newFence().await(LONG))));
    all.put(
        "a wait for a fence in a dependent stage",
        new Violation(
            Rule.BLOCKING,
            () -> {
              Fence other = FenceContext.create("other").newFence();
              FenceContext context = FenceContext.create("context");
              Fence fence = context.newFence();
              CompletableFuture<Boolean> stage =
                  fence
                      .toCompletionStage()
                      .thenApply(none -> other.awaitUninterruptibly(LONG))
                      .toCompletableFuture();
              context.signal(fence);
              throwCause(stage);
            }));
    all.put(
        "an allocation that may reclaim in a fence callback",
        new Violation(Rule.BLOCKING, () -> inCallback(() -> Lockdep.mayReclaim("allocate"))));
    all.put(
        "a lock of the user's in an exporter's release",
        new Violation(
            Rule.BLOCKING,
            () -> {
              LockClass pool = LockClass.named("pool");
              TestExporter exporter = new TestExporter();
              exporter.onRelease = pool::acquire;
              exporter.export().close();
            }));
    all.put(
        "a reservation in an exporter's release",
        new Violation(
            Rule.BLOCKING,
            () -> {
              TestExporter exporter = new TestExporter();
              exporter.onRelease = a::lock;
              exporter.export().close();
            }));
    all.put(
        "a wait in setDeadline",
        new Violation(
            Rule.BLOCKING,
            () -> {
              Fence other = FenceContext.create("other").newFence();
              FenceContext context =
                  FenceContext.builder("device")
                      .operations(
                          new FenceContext.Operations() {
                            @Override
                            public void setDeadline(Fence fence, long nanoTime) {
                              other.awaitUninterruptibly(LONG);
                            }
                          })
                      .build();
              context.newFence().setDeadline(0);
            }));
  }

  private static void order(Map<String, Violation> all) {
    all.put(
        "two locks of the user's in both orders",
        new Violation(
            Rule.ORDER,
            () -> {
              LockClass a = LockClass.named("a");
              LockClass b = LockClass.named("b");
              nested(a, b);
              nested(b, a);
            }));
    all.put(
        "three locks of the user's in a ring, on three threads",
        new Violation(
            Rule.ORDER,
            () -> {
              LockClass a = LockClass.named("a");
              LockClass b = LockClass.named("b");
              LockClass c = LockClass.named("c");
              Threads.platform(() -> nested(a, b)).join();
              Threads.virtual(() -> nested(b, c)).join();
              nested(c, a);
            }));
    all.put(
        "two locks of one class",
        new Violation(
            Rule.RECURSION,
            () -> {
              LockClass queue = LockClass.named("queue");
              nested(queue, queue);
            }));
    all.put(
        "a lock held while waiting for a fence, and taken in a signalling section",
        new Violation(
            Rule.ORDER,
            () -> {
              LockClass queue = LockClass.named("queue");
              held(queue, () -> Fence.stub().await(LONG));
              signalling(queue::acquire);
            }));
    all.put(
        "a lock taken in a signalling section, and held while waiting for a fence",
        new Violation(
            Rule.ORDER,
            () -> {
              LockClass queue = LockClass.named("queue");
              signalling(() -> held(queue, () -> {}));
              held(queue, () -> Fence.stub().await(LONG));
            }));
    all.put(
        "a lock around a job, and taken in a signalling section by mightAcquire",
        new Violation(
            Rule.ORDER,
            () -> {
              LockClass queue = LockClass.named("queue");
              try (DmaBuf buffer = TestExporter.buffer()) {
                held(queue, () -> Job.named("job").writes(buffer).publish().run(access -> {}));
              }
              signalling(queue::mightAcquire);
            }));
    all.put(
        "a lock taken under a reservation, and around another's",
        new Violation(
            Rule.ORDER,
            () -> {
              LockClass index = LockClass.named("index");
              Reservation a = new Reservation();
              locked(a, () -> held(index, () -> {}));
              held(index, a::lock);
            }));
    all.put(
        "a lock taken under a reservation in a context, and in reclaim before a fence",
        new Violation(
            Rule.ORDER,
            () -> {
              LockClass index = LockClass.named("index");
              held(index, () -> Lockdep.mayReclaim("allocate"));
              try (var _ = Reclaim.begin()) {
                index.acquire();
              }
            }));
  }

  private static void bodies(Map<String, Violation> all) {
    all.put(
        "a closure that leaves a reservation locked",
        new Violation(
            Rule.LEFT_HELD,
            () -> {
              Reservation left = new Reservation();
              try (DmaBuf buffer = TestExporter.buffer()) {
                buffer.write(segment -> assertThat(left.tryLock()).isTrue());
              } finally {
                left.unlock();
              }
            }));
    all.put(
        "a job that leaves a lock of the user's",
        new Violation(
            Rule.LEFT_HELD,
            () -> {
              LockClass queue = LockClass.named("queue");
              try (DmaBuf buffer = TestExporter.buffer()) {
                Job.named("job").writes(buffer).publish().run(access -> queue.tryAcquired());
              } finally {
                queue.release();
              }
            }));
    all.put(
        "a reader that leaves a signalling section open",
        new Violation(
            Rule.LEFT_HELD,
            () -> {
              List<Signalling> open = new ArrayList<>();
              try (DmaBuf buffer = TestExporter.buffer()) {
                buffer.<Boolean, RuntimeException>read(segment -> open.add(Signalling.begin()));
              } finally {
                open.forEach(Signalling::close);
              }
            }));
  }

  private static void sections(Map<String, Violation> all) {
    all.put(
        "a signalling section ended by another thread",
        new Violation(Rule.NOT_HELD, () -> onAnotherThread(Signalling.begin()::close)));
    all.put(
        "a reclaim section ended by another thread",
        new Violation(Rule.NOT_HELD, () -> onAnotherThread(Reclaim.begin()::close)));
    all.put(
        "a lock of the user's given back twice",
        new Violation(
            Rule.NOT_HELD,
            () -> {
              LockClass queue = LockClass.named("queue");
              held(queue, () -> {});
              queue.release();
            }));
  }

  private static void deadlocks(Map<String, Violation> all) {
    all.put(
        "a job that waits for its own fence",
        new Violation(
            Rule.DEADLOCK,
            () -> {
              try (DmaBuf buffer = TestExporter.buffer()) {
                Job job = Job.named("job").writes(buffer).publish();
                job.run(access -> job.fence().await(LONG));
              }
            }));
    all.put(
        "two threads that wait for each other's fences",
        new Violation(
            Rule.DEADLOCK,
            () -> {
              FenceContext one = FenceContext.create("one");
              FenceContext two = FenceContext.create("two");
              Fence first = one.newFence();
              Fence second = two.newFence();
              Threads.Started other =
                  Threads.virtual(
                      () -> {
                        try (var _ = Signalling.begin(second)) {
                          first.await(LONG);
                        }
                      });
              Threads.until(() -> WaitGraph.now().toString().contains("one"));
              other.awaitBlocked(); // has looked for a cycle, and found none yet
              try (var _ = Signalling.begin(first)) {
                second.await(LONG);
              } finally {
                one.signal(first);
                other.join();
                two.close();
              }
            }));
    all.put(
        "a holder of a reservation that waits for one who waits for the reservation",
        new Violation(
            Rule.DEADLOCK,
            () -> {
              Reservation reservation = new Reservation();
              FenceContext context = FenceContext.create("device");
              Fence fence = context.newFence();
              CompletableFuture<Void> stage = new CompletableFuture<>();
              reservation.lock();
              // Signalling is what the other thread should have said, and would have been told off
              // for: the cycle is closed by hand, in the order that nobody checks.
              Threads.Started other =
                  Threads.platform(
                      () -> {
                        HeldLocks.current().add(LockClass.FENCE, fence);
                        Lockdep.beforeWait(reservation, false);
                        try {
                          stage.get();
                        } finally {
                          Lockdep.afterWait();
                          HeldLocks.current().remove(LockClass.FENCE, fence);
                        }
                      });
              Threads.until(() -> WaitGraph.now().toString().contains(reservation.toString()));
              other.awaitBlocked(); // has looked for a cycle, and found none yet
              try {
                fence.await(LONG);
              } finally {
                reservation.unlock();
                stage.complete(null);
                other.join();
                context.close();
              }
            }));
    all.put(
        "a job that waits for a job that waits for it",
        new Violation(
            Rule.DEADLOCK,
            () -> {
              try (DmaBuf buffer = TestExporter.buffer()) {
                Job first = Job.named("first").writes(buffer).publish();
                Job second = Job.named("second").writes(buffer).publish();
                CompletableFuture<Void> later =
                    second.runAsync(Runnable::run, access -> {}).toCompletableFuture();
                try {
                  first.run(access -> second.fence().await(LONG));
                } finally {
                  later.handle((none, error) -> null).join();
                }
              }
            }));
    all.put(
        "a wait for a merge of fences of which one is the thread's own",
        new Violation(
            Rule.DEADLOCK,
            () -> {
              FenceContext one = FenceContext.create("one");
              FenceContext two = FenceContext.create("two");
              Fence own = one.newFence();
              Fence merged = FenceChain.append(two.newFence(), own, 1);
              try (var _ = Signalling.begin(own)) {
                merged.await(LONG);
              } finally {
                one.close();
                two.close();
              }
            }));
  }

  // ---- what the violations are made of ----

  private static void locked(Reservation reservation, Threads.Body body) throws Exception {
    reservation.lock();
    try {
      body.run();
    } finally {
      reservation.unlock();
    }
  }

  private static void signalling(Threads.Body body) throws Exception {
    try (var _ = Signalling.begin()) {
      body.run();
    }
  }

  private static void held(LockClass lockClass, Threads.Body body) throws Exception {
    lockClass.acquire();
    try {
      body.run();
    } finally {
      lockClass.release();
    }
  }

  private static void nested(LockClass outer, LockClass inner) throws Exception {
    held(outer, () -> held(inner, () -> {}));
  }

  private static void inCallback(Threads.Body body) throws Exception {
    FenceContext context = FenceContext.create("context");
    Fence fence = context.newFence();
    AtomicReference<@Nullable Exception> thrown = new AtomicReference<>();
    fence.addCallback(
        signaled -> {
          try {
            body.run();
          } catch (Exception e) {
            thrown.set(e);
          }
        });
    context.signal(fence);
    Exception report = thrown.get();
    if (report != null) {
      throw report;
    }
  }

  private static void onAnotherThread(Runnable body) throws Exception {
    CompletableFuture<Void> ended = new CompletableFuture<>();
    Threads.platform(
            () -> {
              try {
                body.run();
                ended.complete(null);
              } catch (RuntimeException e) {
                ended.completeExceptionally(e);
              }
            })
        .join();
    try {
      throwCause(ended);
    } finally {
      body.run(); // on this thread, where it belongs
    }
  }

  private static void throwCause(CompletableFuture<?> future) throws Exception {
    try {
      future.join();
    } catch (java.util.concurrent.CompletionException e) {
      if (e.getCause() instanceof Exception cause) {
        throw cause;
      }
      throw e;
    }
  }

  // ---- the tests ----

  static Stream<String> violations() {
    return catalogue().keySet().stream();
  }

  @ParameterizedTest
  @MethodSource("violations")
  void violation_isReportedByItsRule_andLeavesNothingBehind(String name) throws Exception {
    Violation violation = catalogue().get(name);
    CountDownLatch ended = new CountDownLatch(1);
    AtomicReference<@Nullable Throwable> thrown = new AtomicReference<>();
    Threads.platform(
            () -> {
              try {
                violation.body.run();
              } catch (Exception e) {
                thrown.set(e);
              }
              assertThat(HeldLocks.currentOrNull()).as("still held after the report").isNull();
              ended.countDown();
            })
        .join();
    assertThat(thrown.get()).as(name).isInstanceOf(LockdepException.class);
    LockdepException report = (LockdepException) thrown.get();
    assertThat(report.rule()).as(report.getMessage()).isEqualTo(violation.rule);
    assertThat(report).hasMessageStartingWith("lockdep: ");
    assertThat(ended.getCount()).isZero();
  }

  @Test
  void catalogue_hasAtLeast25Violations() {
    assertThat(catalogue()).hasSizeGreaterThanOrEqualTo(25);
  }

  @Test
  void report_tellsTheWholeChainInWords_withTheStacksOfTheOtherSides() throws Exception {
    LockClass a = LockClass.named("the decoder lock");
    LockClass b = LockClass.named("the encoder lock");
    LockClass c = LockClass.named("the sheet lock");
    Threads.platform(() -> nested(a, b)).join();
    Threads.platform(() -> nested(b, c)).join();
    LockdepException report = null;
    try {
      nested(c, a);
    } catch (LockdepException e) {
      report = e;
    }
    assertThat(report)
        .hasMessageContaining("taking the decoder lock while holding the sheet lock could deadlock")
        .hasMessageContaining("1. this thread (holding the sheet lock) takes the decoder lock")
        .hasMessageContaining("(holding the decoder lock) takes the encoder lock")
        .hasMessageContaining("(holding the encoder lock) takes the sheet lock");
    assertThat(report.getSuppressed())
        .hasSize(2)
        .allSatisfy(
            other ->
                assertThat(other.getStackTrace())
                    .anyMatch(frame -> frame.getMethodName().equals("nested")));
  }
}

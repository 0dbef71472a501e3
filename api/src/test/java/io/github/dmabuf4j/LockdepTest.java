package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The validator is on in all tests of this project, see the parent's argLine. */
@CleanRun.ExceptOnPurpose
@ValidatorOn
final class LockdepTest {
  private final Reservation a = new Reservation();
  private final Reservation b = new Reservation();

  @Test
  void validator_isOnInTests() {
    assertThat(Lockdep.isEnabled()).isTrue();
  }

  @Test
  void twoReservationsWithoutAContext_areRefused() {
    a.lock();
    assertThatIllegalStateException()
        .isThrownBy(b::lock)
        .withMessageContaining("without an acquire context");
    assertThatIllegalStateException().isThrownBy(b::lockInterruptibly);
    assertThatIllegalStateException().isThrownBy(() -> b.tryLock(java.time.Duration.ofSeconds(1)));
    assertThat(b.tryLock()).as("a try never waits").isTrue();
    b.unlock();
    a.unlock();
    b.lock();
    b.unlock();
  }

  @Test
  void plainLockBesideTheLocksOfAContext_isRefused() throws InterruptedException {
    try (AcquireContext context = AcquireContext.lockAll(a)) {
      assertThatIllegalStateException().isThrownBy(b::lock).withMessageContaining("lockdep");
      assertThatIllegalStateException()
          .isThrownBy(b::lockInterruptibly)
          .withMessageContaining("lockdep");
      assertThat(context.held()).containsExactly(a);
    }
    b.lock();
    b.unlock();
  }

  @Test
  void contextBesideAPlainLock_isRefused() {
    a.lock();
    assertThatIllegalStateException()
        .isThrownBy(() -> AcquireContext.lockAll(b))
        .withMessageContaining("lockdep");
    assertThatIllegalStateException()
        .isThrownBy(AcquireContext::begin)
        .withMessageContaining("lockdep");
    a.unlock();
    assertThat(b.isLocked()).isFalse();
  }

  @Test
  void twoContextsAtOnce_areRefused() throws InterruptedException {
    try (AcquireContext first = AcquireContext.lockAll(a)) {
      assertThatIllegalStateException()
          .isThrownBy(() -> AcquireContext.lockAll(b))
          .withMessageContaining("lockdep");
      assertThat(first.held()).containsExactly(a);
    }
    assertThat(List.of(a, b)).noneMatch(Reservation::isLocked);
  }

  @Test
  void reservationInASignallingSection_isRefused() throws InterruptedException {
    try (var _ = Signalling.begin()) {
      assertThatIllegalStateException()
          .isThrownBy(a::lock)
          .withMessageContaining("signalling section");
      assertThatIllegalStateException().isThrownBy(() -> AcquireContext.lockAll(a));
      try (var _ = Signalling.begin()) {
        assertThatIllegalStateException().isThrownBy(a::lock);
      }
      assertThatIllegalStateException().as("sections nest").isThrownBy(a::lock);
      assertThatIllegalStateException()
          .isThrownBy(() -> Lockdep.mayReclaim("allocate"))
          .withMessageContaining("allocate");
    }
    a.lock();
    a.unlock();
    Lockdep.mayReclaim("allocate");
  }

  @Test
  void signallingSection_closedTwice_endsOnce() {
    Signalling outer = Signalling.begin();
    Signalling inner = Signalling.begin();
    inner.close();
    inner.close();
    assertThatIllegalStateException().as("the outer one is still open").isThrownBy(a::lock);
    outer.close();
    a.lock();
    a.unlock();
  }

  @Test
  void signallingSection_isOneThreadsOwn() throws Exception {
    try (var _ = Signalling.begin()) {
      Threads.platform(
              () -> {
                a.lock();
                a.unlock();
              })
          .join();
    }
  }

  @Test
  void closureAndJobBodies_areSignallingSections() throws InterruptedException {
    DmaBuf buffer = TestExporter.buffer();
    DmaBuf other = TestExporter.buffer();
    try (buffer;
        other) {
      buffer.write(segment -> assertThatIllegalStateException().isThrownBy(other::hold));
      buffer.read(
          segment -> {
            assertThatIllegalStateException().isThrownBy(() -> other.beginCpuAccess(Access.READ));
            assertThatIllegalStateException().isThrownBy(() -> Lockdep.mayReclaim("allocate"));
            return 0;
          });
      Job.named("job")
          .reads(buffer)
          .publish()
          .run(access -> assertThatIllegalStateException().isThrownBy(other::hold));
      other.hold().close();
    }
  }

  @Test
  void callsThatOnlyLook_areNotTakenForWaits() throws InterruptedException {
    long before = Lockdep.reports();
    FenceContext context = FenceContext.create("context");
    Fence fence = context.newFence();
    Fence other = context.newFence();
    boolean[] seen = {true, true};
    fence.addCallback(signaled -> seen[0] = other.awaitUninterruptibly(Duration.ZERO));
    context.signal(fence);
    a.lock();
    assertThat(b.tryLock(Duration.ZERO)).isTrue();
    b.unlock();
    assertThat(SyncObject.create("client").at(1).await(SyncPoint.WaitFor.SUBMIT, Duration.ZERO))
        .isFalse();
    a.unlock();
    assertThat(seen[0]).isFalse();
    assertThat(Lockdep.reports()).isEqualTo(before);
    context.close();
  }

  @Test
  void mightAcquire_leavesNothingBehind() throws Exception {
    LockClass queue = LockClass.named("queue");
    Threads.Started caller = Threads.platform(queue::mightAcquire);
    caller.join();
    assertThat(HeldLocks.of(caller.thread())).isNull();
  }
}

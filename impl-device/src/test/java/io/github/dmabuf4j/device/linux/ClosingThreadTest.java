package io.github.dmabuf4j.device.linux;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** A close that sleeps holds up only what is handed to the same thread. */
@EnabledOnOs(OS.LINUX)
@Timeout(120)
final class ClosingThreadTest {
  private static final long PATIENCE = TimeUnit.SECONDS.toNanos(60);

  private final ClosingThread closing = new ClosingThread("a test", 4);

  private static Descriptor event() {
    return EventCounter.create(Descriptor.Kind.FENCE, "ClosingThreadTest");
  }

  private static int number() {
    return SyscallFailure.check("eventfd", "a test", Syscalls.eventfd(0, linux_h.EFD_CLOEXEC()));
  }

  private static boolean isOpen(int fd) {
    return Syscalls.fcntl(fd, linux_h.F_GETFD(), 0) >= 0;
  }

  private static void await(BooleanSupplier condition) {
    long start = System.nanoTime();
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime() - start).isLessThan(PATIENCE);
      Thread.yield();
    }
  }

  @Test
  void lastClose_ofAnAwkwardFile_sleeps() throws Exception {
    try (SlowFile slow = new SlowFile()) {
      int fd = slow.detach();
      Thread closer = Thread.ofPlatform().daemon().start(() -> Syscalls.close(fd));
      assertThat(closer.join(Duration.ofMillis(300))).as("what the other tests rely on").isFalse();
      slow.close();
      assertThat(closer.join(Duration.ofSeconds(60))).isTrue();
    }
  }

  @Test
  void file_isClosed_andCountsAsOpenUntilThen() {
    int before = DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.FENCE);
    for (int round = 0; round < 3; round++) {
      List<Descriptor> events = new ArrayList<>();
      for (int i = 0; i < 100; i++) {
        events.add(event().closedBy(closing));
      }
      events.forEach(Descriptor::close);
      await(() -> closing.waiting() == 0);
    }
    assertThat(DescriptorBudget.OF_THIS_PROCESS.open(Descriptor.Kind.FENCE)).isEqualTo(before);
  }

  @Test
  void duplicate_isClosedByTheSameThread() {
    try (Descriptor one = event().closedBy(closing);
        Descriptor other = one.duplicate("ClosingThreadTest")) {
      assertThat(other.closing()).contains(closing);
    }
  }

  @Test
  void detachedDescriptor_isNotClosed() {
    int fd = event().closedBy(closing).detach();
    assertThat(closing.waiting()).isZero();
    assertThat(isOpen(fd)).isTrue();
    assertThat(Syscalls.close(fd)).isZero();
  }

  @Test
  void fn5_closeThatSleeps_holdsUpNobodyWhoHandsOver_andIsKnownToBeStuck() throws Exception {
    ClosingThread stuck = new ClosingThread("a test", 4, 0);
    ClosingThread others = new ClosingThread("another test", 0);
    try (SlowFile slow = new SlowFile()) {
      Descriptor file =
          DescriptorBudget.OF_THIS_PROCESS.adopt(
              Descriptor.Kind.SOCKET, "ClosingThreadTest", slow.detach());
      file.closedBy(stuck).close();
      for (int i = 0; i <= ClosingThread.MOST_BEHIND; i++) {
        event().closedBy(stuck).close();
      }
      await(stuck::isStuck);
      event().closedBy(others).close();
      await(() -> others.waiting() == 0);
      assertThat(stuck.waiting()).isEqualTo(ClosingThread.MOST_BEHIND + 2);
      slow.close();
      await(() -> stuck.waiting() == 0);
      assertThat(stuck.isStuck()).isFalse();
    }
  }

  @Test
  void dv5_crowdBehindACloseThatSleeps_isStuckSooner() throws Exception {
    long never = Long.MAX_VALUE / 2;
    ClosingThread few = new ClosingThread("a test", 1, never);
    ClosingThread many = new ClosingThread("a test", 1, 50); // a nanosecond for a crowd
    try (SlowFile slow = new SlowFile();
        SlowFile other = new SlowFile()) {
      assertThat(few.tryClose(slow.detach())).isTrue();
      assertThat(many.tryClose(other.detach())).isTrue();
      for (int i = 0; i <= ClosingThread.CROWD; i++) {
        event().closedBy(few).close();
        event().closedBy(many).close();
      }
      await(many::isStuck);
      assertThat(few.isStuck()).isFalse();
      slow.close();
      other.close();
      await(() -> few.waiting() + many.waiting() == 0);
      assertThat(many.isStuck()).isFalse();
    }
  }

  @Test
  void threadThatCannotBeStarted_isStartedLater_thoughNobodyAsksAgain() throws Exception {
    AtomicInteger starts = new AtomicInteger();
    ClosingThread poor =
        new ClosingThread(
            "a test",
            0,
            Long.MAX_VALUE / 2,
            task -> {
              if (starts.getAndIncrement() == 0) {
                throw new OutOfMemoryError("thrown on purpose");
              }
              return Thread.ofPlatform().daemon().unstarted(task);
            });
    event().closedBy(poor).close();
    await(() -> poor.waiting() == 0);
    assertThat(starts).hasValue(2);
  }

  @Test
  void numbers_areTakenWhileThereIsRoom_andClosed() throws Exception {
    try (SlowFile slow = new SlowFile()) {
      assertThat(closing.tryClose(slow.detach())).isTrue();
      List<Integer> taken = new ArrayList<>();
      int last = number();
      await(() -> closing.hasRoom(4)); // the thread sleeps in the close by now
      while (closing.tryClose(last)) {
        taken.add(last);
        last = number();
      }
      assertThat(taken).hasSize(4).allMatch(ClosingThreadTest::isOpen);
      assertThat(closing.hasRoom(1)).isFalse();
      assertThat(Syscalls.close(last)).isZero();
      slow.close();
      await(() -> closing.waiting() == 0);
      assertThat(closing.hasRoom(4)).isTrue();
    }
  }
}

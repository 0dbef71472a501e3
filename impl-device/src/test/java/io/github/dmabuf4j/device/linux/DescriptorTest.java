package io.github.dmabuf4j.device.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.device.linux.Descriptor.Kind;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** Descriptors and their budget: design rules DV1, DV3 and DV4. */
@EnabledOnOs(OS.LINUX)
final class DescriptorTest {
  private final DescriptorBudget budget = new DescriptorBudget(() -> 16);

  private Descriptor counter(String holder) {
    return budget.make(
        Kind.BUFFER, holder, "eventfd", () -> Syscalls.eventfd(0, linux_h.EFD_CLOEXEC()));
  }

  private static boolean isOpen(int fd) {
    return Syscalls.fcntl(fd, linux_h.F_GETFD(), 0) >= 0;
  }

  @Test
  void dv3_descriptor_isClosedOnce_andCountedUntilThen() {
    Descriptor one = counter("one");
    int fd = one.fd();
    assertThat(budget.open(Kind.BUFFER)).isEqualTo(1);
    assertThat(isOpen(fd)).isTrue();
    one.close();
    one.close();
    assertThat(budget.open(Kind.BUFFER)).isZero();
    assertThat(isOpen(fd)).isFalse();
    assertThat(one.isClosed()).isTrue();
    assertThatIllegalStateException().isThrownBy(one::fd).withMessageContaining("one");
    assertThatIllegalStateException().isThrownBy(() -> one.use(number -> 0));
  }

  @Test
  void dv3_closeDuringACall_isDoneByItsEnd() {
    Descriptor one = counter("one");
    int result =
        one.use(
            fd -> {
              one.close();
              assertThat(isOpen(fd)).as("a call uses it").isTrue();
              assertThatIllegalStateException().isThrownBy(() -> one.use(again -> 0));
              return fd;
            });
    assertThat(isOpen(result)).isFalse();
    assertThat(budget.open(Kind.BUFFER)).isZero();
  }

  @Test
  void dv3_detached_isSomebodyElses_andNotWhileACallUsesIt() {
    Descriptor one = counter("one");
    int _ =
        one.use(
            fd -> {
              assertThatIllegalStateException()
                  .isThrownBy(one::detach)
                  .withMessageContaining("in use");
              return 0;
            });
    int fd = one.detach();
    one.close();
    assertThat(isOpen(fd)).isTrue();
    assertThat(budget.open(Kind.BUFFER)).isZero();
    assertThatIllegalStateException().isThrownBy(one::detach);
    assertThat(Syscalls.close(fd)).isZero();
  }

  @Test
  void dv3_lostDescriptor_isClosedWhenItIsCollected() {
    int fd = lose();
    long start = System.nanoTime();
    while (budget.open(Kind.BUFFER) != 0) {
      assertThat(System.nanoTime() - start).isLessThan(TimeUnit.SECONDS.toNanos(60));
      System.gc();
    }
    assertThat(fd).isNotNegative();
  }

  private int lose() {
    return counter("a test that loses it on purpose").fd();
  }

  @Test
  void dv4_budget_refusesBeforeTheKernelDoes_andListsTheHolders() {
    Descriptor[] all = new Descriptor[8]; // half of the limit is for buffers
    for (int i = 0; i < all.length; i++) {
      all[i] = counter(i < 5 ? "the frames" : "the rest");
    }
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(() -> counter("one more"))
        .satisfies(e -> assertThat(e.errno()).contains(Errno.EMFILE))
        .withMessageContainingAll("one more", "5 × the frames", "3 × the rest", "ulimit -n");
    assertThat(budget.open(Kind.BUFFER)).isEqualTo(8);
    all[0].close();
    counter("one more").close();
    for (Descriptor one : all) {
      one.close();
    }
    assertThat(budget.holders()).contains("holds none");
  }

  @Test
  void dv1_interruptedCall_isMadeAgain_andAFailedOneIsNotCounted() {
    AtomicInteger calls = new AtomicInteger();
    try (Descriptor one =
        budget.make(
            Kind.DEVICE,
            "one",
            "eventfd",
            () ->
                calls.incrementAndGet() < 4
                    ? -linux_h.EINTR()
                    : Syscalls.eventfd(0, linux_h.EFD_CLOEXEC()))) {
      assertThat(calls.get()).isEqualTo(4);
      assertThat(budget.open(one.kind())).isEqualTo(1);
    }
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(() -> budget.make(Kind.DEVICE, "two", "open", () -> -linux_h.EACCES()))
        .withMessageContainingAll("open of two", "permission was denied", "doctor");
    assertThat(budget.open(Kind.DEVICE)).isZero();
  }

  @Test
  void dv1_callWithAdviceOfItsOwn_saysThat_andElseWhatFitsAny() {
    SyscallFailure.Subject subject =
        new SyscallFailure.Subject(
            "UDMABUF_CREATE", "64 MiB", errno -> errno == Errno.EINVAL ? "turn the knob" : "");
    assertThat(subject.check(3)).isEqualTo(3);
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(() -> subject.check(-linux_h.EINVAL()))
        .withMessageContainingAll("UDMABUF_CREATE of 64 MiB", "turn the knob");
    assertThatExceptionOfType(DmaBufException.class)
        .isThrownBy(() -> subject.check(-linux_h.ENOMEM()))
        .withMessageContaining("free memory");
  }

  @Test
  void dv3_closersAndUsersAtOnce_closeItOnce() throws InterruptedException {
    for (int round = 0; round < 500; round++) {
      Descriptor one = counter("race");
      CountDownLatch begin = new CountDownLatch(1);
      Thread[] threads = new Thread[3];
      for (int i = 0; i < threads.length; i++) {
        boolean closes = i > 0;
        threads[i] = Thread.ofPlatform().start(() -> race(one, begin, closes));
      }
      begin.countDown();
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(budget.open(Kind.BUFFER)).isZero(); // closed twice would be -1
    }
  }

  private static void race(Descriptor one, CountDownLatch begin, boolean closes) {
    try {
      begin.await();
      if (closes) {
        one.close();
      } else {
        int _ = one.use(fd -> Syscalls.fcntl(fd, linux_h.F_GETFD(), 0));
      }
    } catch (IllegalStateException e) {
      // the closers were faster
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}

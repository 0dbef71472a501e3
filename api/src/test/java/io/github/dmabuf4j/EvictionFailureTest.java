package io.github.dmabuf4j;

import static io.github.dmabuf4j.Evictions.advise;
import static io.github.dmabuf4j.Evictions.assertFilled;
import static io.github.dmabuf4j.Evictions.assertNothingLeft;
import static io.github.dmabuf4j.Evictions.evict;
import static io.github.dmabuf4j.Evictions.fill;
import static io.github.dmabuf4j.Evictions.residency;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.BufferObject.Residency;
import io.github.dmabuf4j.TestExporter.Call;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whatever fails while content goes or comes back: it isn't lost, nothing is left behind in the
 * store or on the buffer, and the next attempt works.
 */
final class EvictionFailureTest {
  private static final long SIZE = TestExporter.SIZE;

  private final TestStore store = new TestStore();
  private final BufferLru lru = new BufferLru(store);
  private final EvictableExporter exporter = new EvictableExporter(lru);
  private final DmaBuf buffer = exporter.export();

  @AfterEach
  void nothingIsLeft() {
    buffer.close();
    store.assertEmpty();
    assertThat(exporter.object.isReferenced()).isFalse();
    assertThat(lru.count()).isZero();
    assertThat(lru.statistics().evictedBuffers()).isZero();
  }

  /** What a callback may throw. */
  private static Stream<Throwable> kinds() {
    return Stream.<Supplier<Throwable>>of(
            () -> new IllegalStateException("thrown on purpose"),
            () -> new DmaBufException("test", Errno.ENOMEM, "thrown on purpose", null),
            () -> new OutOfMemoryError("thrown on purpose"),
            () -> new StackOverflowError("thrown on purpose"),
            () -> new IOException("thrown on purpose, past the compiler"))
        .map(Supplier::get)
        .peek(failure -> failure.setStackTrace(new StackTraceElement[0])); // some are logged
  }

  private static Stream<Arguments> with(Enum<?>... calls) {
    return Stream.of(calls).flatMap(call -> kinds().map(failure -> Arguments.of(call, failure)));
  }

  private void failNext(Enum<?> call, Throwable failure) {
    if (call instanceof Call ofExporter) {
      exporter.failNext(ofExporter, failure);
    } else {
      store.failNext((TestStore.Call) call, failure);
    }
  }

  // ---- on the way out ----

  static Stream<Arguments> whatSavingCalls() {
    return with(Call.VMAP, Call.BEGIN, Call.END, Call.VUNMAP, Call.EVICT, TestStore.Call.STORE);
  }

  @ParameterizedTest
  @MethodSource("whatSavingCalls")
  void failureWhileSaving_leavesTheContentInMemory_andNothingInTheStore(
      Enum<?> call, Throwable failure) {
    fill(buffer, 1);
    failNext(call, failure);
    assertThatThrownBy(() -> evict(exporter, store)).isSameAs(failure);
    assertThat(residency(buffer)).isEqualTo(Residency.RESIDENT);
    store.assertEmpty();
    assertNothingLeft(buffer);
    assertThat(lru.statistics().evictions()).isZero();
    assertFilled(buffer, 1);
    assertThat(lru.evict(1)).as("the next attempt").isEqualTo(SIZE);
    assertFilled(buffer, 1);
  }

  @ParameterizedTest
  @MethodSource("whatSavingCalls")
  void failureInAScan_isLogged_orIsAnError_andTheScanGoesOnWithOthers(
      Enum<?> call, Throwable failure) {
    fill(buffer, 2);
    EvictableExporter second = new EvictableExporter(lru);
    try (DmaBuf other = second.export()) {
      fill(other, 3);
      failNext(call, failure);
      if (failure instanceof RuntimeException) {
        assertThat(lru.evict(1)).isEqualTo(SIZE);
      } else {
        assertThatThrownBy(() -> lru.evict(1)).isSameAs(failure);
        assertNothingLeft(buffer);
        assertThat(residency(buffer)).isEqualTo(Residency.RESIDENT);
        assertThat(lru.evict(1)).as("another one").isEqualTo(SIZE);
      }
      assertThat(residency(buffer)).isEqualTo(Residency.RESIDENT);
      assertThat(residency(other)).isEqualTo(Residency.EVICTED);
      assertNothingLeft(buffer);
      assertFilled(other, 3);
      assertFilled(buffer, 2);
    }
  }

  @Test
  void exporterThatCanNot_keepsItsMemory_andTheStoreKeepsNothing() {
    fill(buffer, 4);
    exporter.mayEvict = () -> false;
    assertThat(lru.evict(1)).isZero();
    assertThat(store.count(TestStore.Call.STORE)).isEqualTo(1);
    store.assertEmpty();
    assertThat(residency(buffer)).isEqualTo(Residency.RESIDENT);
    advise(buffer, Advice.DONT_NEED);
    assertThat(lru.purge(1)).isZero();
    assertThat(residency(buffer)).isEqualTo(Residency.RESIDENT);
    advise(buffer, Advice.WILL_NEED);
    assertFilled(buffer, 4);
    exporter.mayEvict = () -> true;
    assertThat(lru.evict(1)).isEqualTo(SIZE);
    assertFilled(buffer, 4);
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void importerThatFailsWhenTold_keepsTheContentThere_andTheOthersAreToldAllTheSame(
      Throwable failure) {
    fill(buffer, 5);
    List<String> told = new ArrayList<>();
    boolean[] failing = {true};
    try (Attachment one = buffer.attach(new Uses.Device(true, () -> told.add("one")));
        Attachment two =
            buffer.attach(
                new Uses.Device(
                    true,
                    () -> {
                      if (failing[0]) {
                        RunAll.rethrow(failure);
                      }
                    }));
        Attachment three = buffer.attach(new Uses.Device(true, () -> told.add("three")))) {
      assertThat(List.of(one, two, three)).hasSize(3);
      assertThatThrownBy(() -> evict(exporter, store)).isSameAs(failure);
      assertThat(told).containsExactlyInAnyOrder("one", "three");
      assertThat(residency(buffer)).isEqualTo(Residency.RESIDENT);
      assertThat(exporter.count(Call.EVICT)).isZero();
      advise(buffer, Advice.DONT_NEED);
      if (failure instanceof RuntimeException) {
        assertThat(lru.purge(1)).isZero();
      } else {
        assertThatThrownBy(() -> lru.purge(1)).isSameAs(failure);
      }
      assertThat(advise(buffer, Advice.WILL_NEED)).isTrue();
      failing[0] = false;
      assertThat(evict(exporter, store)).isTrue();
    }
    assertFilled(buffer, 5);
  }

  @Test
  void importerThatAddsAFenceWhenTold_keepsTheContentThereUntilItSignals() {
    fill(buffer, 6);
    FenceContext ring = FenceContext.create("ring");
    List<Fence> work = new ArrayList<>();
    Runnable submit =
        () -> {
          if (work.isEmpty()) {
            buffer.reservation().reserve(1);
            work.add(ring.newFence());
            buffer.reservation().add(work.getFirst(), FenceUsage.READ);
          }
        };
    try (Attachment attachment = buffer.attach(new Uses.Device(true, submit))) {
      assertThat(attachment.isDynamic()).isTrue();
      assertThat(lru.evict(1)).isZero();
      assertThat(store.count(TestStore.Call.STORE)).isZero();
      ring.signal(work.getFirst());
      assertThat(lru.evict(1)).isEqualTo(SIZE);
    }
    ring.close();
    assertFilled(buffer, 6);
  }

  // ---- on the way back ----

  static Stream<Arguments> whatRestoringCalls() {
    return with(Call.RESTORE, Call.VMAP, Call.BEGIN, Call.END, TestStore.Call.LOAD);
  }

  @ParameterizedTest
  @MethodSource("whatRestoringCalls")
  void failureWhileRestoring_leavesTheContentInTheStore_andTheNextUseBringsItBack(
      Enum<?> call, Throwable failure) {
    fill(buffer, 7);
    assertThat(lru.evict(1)).isEqualTo(SIZE);
    failNext(call, failure);
    assertThatThrownBy(() -> buffer.hold()).isSameAs(failure);
    assertThat(residency(buffer)).isEqualTo(Residency.EVICTED);
    assertThat(exporter.isThere()).as("memory").isFalse();
    assertThat(store.stored()).isEqualTo(1);
    assertThat(lru.statistics().refaults()).isZero();
    assertThat(lru.statistics().evictedBuffers()).isEqualTo(1);
    assertNothingLeft(buffer);
    assertFilled(buffer, 7);
    assertThat(exporter.count(Call.VMAP)).isGreaterThanOrEqualTo(exporter.count(Call.VUNMAP));
  }

  @ParameterizedTest
  @EnumSource
  void failureAtEachKindOfUse_leavesNothingBehind(Uses how) {
    fill(buffer, 8);
    assertThat(lru.evict(1)).isEqualTo(SIZE);
    for (Enum<?> call : List.of(Call.RESTORE, TestStore.Call.LOAD)) {
      IllegalStateException failure = new IllegalStateException("thrown on purpose");
      failNext(call, failure);
      assertThatThrownBy(() -> how.use(buffer)).isSameAs(failure);
      assertNothingLeft(buffer);
      assertThat(residency(buffer)).isEqualTo(Residency.EVICTED);
    }
    assertFilled(buffer, 8);
  }

  @Test
  void jobWhoseSecondBufferDoesNotComeBack_letsGoOfAllOfThem() throws Exception {
    List<DmaBuf> buffers = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      buffers.add(new EvictableExporter(lru).export());
      fill(buffers.get(i), i);
    }
    assertThat(lru.evict(4 * SIZE)).isEqualTo(4 * SIZE);
    IllegalStateException failure = new IllegalStateException("thrown on purpose");
    int[] calls = new int[1];
    store.meanwhile =
        () -> {
          if (calls[0]++ == 2) { // after the first was loaded and discarded
            throw failure;
          }
        };
    Job.Builder late = Job.named("job");
    buffers.forEach(late::writes);
    assertThatThrownBy(late::publish).isSameAs(failure);
    store.meanwhile = null;
    buffers.forEach(Evictions::assertNothingLeft);
    assertThat(buffers).filteredOn(one -> residency(one) == Residency.EVICTED).isNotEmpty();
    Job.Builder again = Job.named("job");
    buffers.forEach(again::reads);
    again.publish().run(access -> {});
    for (int i = 0; i < 3; i++) {
      assertFilled(buffers.get(i), i);
      buffers.get(i).close();
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void failureToLoad_isWhatTheUserHears_whateverElseFailsThen(Throwable failure) {
    fill(buffer, 9);
    assertThat(lru.evict(1)).isEqualTo(SIZE);
    IllegalStateException second = new IllegalStateException("vunmap, on purpose");
    IllegalStateException third = new IllegalStateException("evict, on purpose");
    store.failNext(TestStore.Call.LOAD, failure);
    exporter.failNext(Call.VUNMAP, second);
    exporter.failNext(Call.EVICT, third);
    assertThatThrownBy(() -> buffer.hold())
        .isSameAs(failure)
        .hasSuppressedException(second)
        .hasSuppressedException(third);
    assertThat(residency(buffer)).isEqualTo(Residency.EVICTED);
    assertThat(exporter.isThere()).as("it could not give it up").isTrue();
    assertNothingLeft(buffer);
    assertFilled(buffer, 9);
  }

  @Test
  void memoryThatCanNotBeGivenUpAgain_isFilledAtTheNextUse() {
    fill(buffer, 10);
    assertThat(lru.evict(1)).isEqualTo(SIZE);
    store.failNext(TestStore.Call.LOAD, new IllegalStateException("thrown on purpose"));
    exporter.mayEvict = () -> false;
    assertThatThrownBy(() -> buffer.hold()).isInstanceOf(IllegalStateException.class);
    assertThat(exporter.isThere()).isTrue();
    assertThat(residency(buffer))
        .as("what is there isn't the content")
        .isEqualTo(Residency.EVICTED);
    assertThat(lru.evict(1)).isZero();
    assertFilled(buffer, 10);
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void storeThatFailsToDiscard_keepsNobodyFromTheContent_norFromTheMemory(Throwable failure) {
    fill(buffer, 11);
    assertThat(lru.evict(1)).isEqualTo(SIZE);
    store.failNext(TestStore.Call.DISCARD, failure);
    assertFilled(buffer, 11);
    assertThat(lru.evict(1)).as("it is where it belongs").isEqualTo(SIZE);
    assertThat(lru.statistics().evictedBuffers()).isEqualTo(1);
    store.failNext(TestStore.Call.DISCARD, failure);
    buffer.close();
    assertThat(exporter.count(Call.RELEASE)).isEqualTo(1);
    try (DmaBuf next = exporter.export()) {
      fill(next, 12);
      assertThat(lru.evict(1)).isEqualTo(SIZE);
      advise(next, Advice.DONT_NEED);
      store.failNext(TestStore.Call.DISCARD, failure);
      assertThat(lru.purge(1)).isEqualTo(SIZE / 4);
      assertThat(residency(next)).isEqualTo(Residency.PURGED);
    }
  }

  @Test
  void cacheThatUnmapsBesideAFailingLoad_isNeverInVunmapWhenMemoryIsGivenUp() throws Exception {
    fill(buffer, 13);
    IllegalStateException failure = new IllegalStateException("thrown on purpose");
    failure.setStackTrace(new StackTraceElement[0]);
    int[] ends = new int[1];
    exporter.onVunmap = () -> spin(2000);
    Threads.race(
        () -> {
          assertThat(evict(exporter, store)).isTrue();
          store.failNext(TestStore.Call.LOAD, failure);
          ends[0] = exporter.count(Call.END);
        },
        () -> assertThatThrownBy(() -> buffer.hold()).isSameAs(failure),
        () -> {
          for (int i = 0; i < 100_000 && exporter.count(Call.END) == ends[0]; i++) {
            Thread.onSpinWait();
          }
          spin(ThreadLocalRandom.current().nextInt(30)); // its user is about to let go
          boolean _ = exporter.object.dropIdleMapping();
        },
        () -> {
          assertThat(failure).hasNoSuppressedExceptions(); // of evict, which looks
          assertFilled(buffer, 13);
        });
  }

  private static void spin(int times) {
    for (int i = 0; i < times; i++) {
      Thread.onSpinWait();
    }
  }
}

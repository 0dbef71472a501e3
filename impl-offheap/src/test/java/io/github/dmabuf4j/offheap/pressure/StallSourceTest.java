package io.github.dmabuf4j.offheap.pressure;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Pressure stall information: polled, and by a trigger. */
final class StallSourceTest {
  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

  /** A file whose content is there and whose size is 0, as all of the kernel's. */
  private static final Path OF_THE_KERNEL = Path.of("/proc/pressure/memory");

  @TempDir Path root;
  private final FakeTriggerCalls calls = new FakeTriggerCalls();

  private PressureFixture fixture() {
    return new PressureFixture(root);
  }

  private StallSource open(PressureFixture fixture) {
    Path file = root.resolve(PressureFixture.STALLS);
    PressureSource source =
        StallSource.open(List.of(file), PressureFixture.NO_CALLS, fixture.nanos::get);
    assertThat(source.refusal()).isEmpty();
    return (StallSource) source;
  }

  @ParameterizedTest
  @CsvSource({
    "1, 149999, false",
    "1, 150000, true",
    "2, 299999, false",
    "2, 300000, true",
    "100, 1000000, false",
    "0, 1000000, false",
    "1, 0, false",
    "1, -1, false",
    "1, 9000000000000000000, true"
  })
  void polled_stalledForFifteenPercentOfTheTime_isPressure(
      long seconds, long micros, boolean pressing) {
    PressureFixture fixture = fixture().stalls(1);
    try (StallSource source = open(fixture)) {
      assertThat(source.canAwait()).isFalse();
      fixture.passSeconds(1);
      assertThat(source.isPressing()).as("as before").isFalse();
      fixture.passSeconds(seconds);
      fixture.stalls(1 + micros);
      assertThat(source.isPressing()).isEqualTo(pressing);
      fixture.passSeconds(1);
      assertThat(source.isPressing()).as("told of once").isFalse();
    }
  }

  @Test
  void file_thatHasASize_isNotWrittenTo() throws IOException {
    PressureFixture fixture = fixture().stalls(1);
    String before = Files.readString(root.resolve(PressureFixture.STALLS));
    try (StallSource source = open(fixture)) {
      assertThat(source.where()).startsWith("polled at ").contains("not a file of the kernel's");
    }
    assertThat(root.resolve(PressureFixture.STALLS)).content().isEqualTo(before);
  }

  @Test
  void fileThatIsRemovedOrMalformedLater_isNoPressure_andCountsAgainLater() throws IOException {
    PressureFixture fixture = fixture().stalls(1);
    try (StallSource source = open(fixture)) {
      fixture.passSeconds(1);
      Files.delete(root.resolve(PressureFixture.STALLS));
      assertThat(source.isPressing()).isFalse();
      fixture.write(PressureFixture.STALLS, "garbage");
      assertThat(source.isPressing()).isFalse();
      fixture.stalls(1_000_000);
      assertThat(source.isPressing()).isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "some avg10=0", "some total=x", "full total=1"})
  void malformed_isRefusedNamingIt(String text) {
    PressureFixture fixture = fixture().write(PressureFixture.STALLS, text);
    PressureSource source =
        StallSource.open(
            List.of(root.resolve(PressureFixture.STALLS), root.resolve("other")),
            PressureFixture.NO_CALLS,
            fixture.nanos::get);
    assertThat(source.name()).isEqualTo("PSI");
    assertThat(source.refusal()).contains(PressureFixture.STALLS).contains("other: no such file");
    assertThat(source.isPressing()).isFalse();
  }

  @Test
  void firstFileThatCanBeRead_isTaken() {
    PressureFixture fixture = fixture().stalls(1);
    PressureSource source =
        StallSource.open(
            List.of(root.resolve("memory.pressure"), root.resolve(PressureFixture.STALLS)),
            PressureFixture.NO_CALLS,
            fixture.nanos::get);
    assertThat(source.where()).contains(PressureFixture.STALLS);
  }

  private StallSource openOnTheKernels() {
    return (StallSource) StallSource.open(List.of(OF_THE_KERNEL), () -> calls, System::nanoTime);
  }

  private static void assumeStalls() {
    org.junit.jupiter.api.Assumptions.assumeTrue(
        Files.isReadable(OF_THE_KERNEL), "this kernel has no " + OF_THE_KERNEL);
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void trigger_isForFifteenPercentOfTwoSeconds_andIsClosedOnce() {
    assumeStalls();
    StallSource source = openOnTheKernels();
    assertThat(source.where()).isEqualTo("trigger on " + OF_THE_KERNEL);
    assertThat(source.canAwait()).isTrue();
    source.close();
    source.close();
    assertThat(calls.log)
        .containsExactly("open memory", "write 17 some 300000 2000000", "close 17");
  }

  @ParameterizedTest
  @EnabledOnOs(OS.LINUX)
  @CsvSource({"13, open: EACCES", "24, open: EMFILE", "30, open: EROFS", "121, open: errno 121"})
  void triggerThatIsRefusedAtOpen_isPolled_andNamesTheError(int error, String said) {
    assumeStalls();
    calls.opened = -error;
    try (StallSource source = openOnTheKernels()) {
      assertThat(source.where())
          .isEqualTo("polled at %s (no trigger: %s)".formatted(OF_THE_KERNEL, said));
      assertThat(source.canAwait()).isFalse();
    }
    assertThat(calls.log).containsExactly("open memory");
  }

  @ParameterizedTest
  @EnabledOnOs(OS.LINUX)
  @CsvSource({"1, write: EPERM", "22, write: EINVAL", "16, write: EBUSY"})
  void triggerThatIsRefusedAtWrite_isPolled_andTheFileIsClosed(int error, String said) {
    assumeStalls();
    calls.written = -error;
    try (StallSource source = openOnTheKernels()) {
      assertThat(source.where()).contains("no trigger: " + said);
    }
    assertThat(calls.log).last().isEqualTo("close 17");
    assertThat(calls.log).filteredOn("close 17"::equals).hasSize(1);
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void trigger_thatFires_isPressureOnce_alsoAfterSignals() {
    assumeStalls();
    try (StallSource source = openOnTheKernels()) {
      source.await(SECOND);
      assertThat(source.isPressing()).as("silent").isFalse();
      calls.polls.addAll(List.of(-4, -4, TriggerCalls.POLLPRI)); // EINTR
      source.await(SECOND);
      assertThat(calls.polls).isEmpty();
      assertThat(source.isPressing()).isTrue();
      assertThat(source.isPressing()).isFalse();
    }
  }

  @ParameterizedTest
  @EnabledOnOs(OS.LINUX)
  @ValueSource(
      ints = {
        TriggerCalls.POLLERR,
        TriggerCalls.POLLERR | TriggerCalls.POLLPRI, // with its cgroup
        0x20, // POLLNVAL
        -12
      })
  void trigger_thatIsGone_isClosed_andPolledFromThenOn(int polled) {
    assumeStalls();
    try (StallSource source = openOnTheKernels()) {
      calls.polls.add(polled);
      source.await(SECOND);
      assertThat(source.isPressing()).isFalse();
      assertThat(source.canAwait()).isFalse();
      assertThat(source.where()).startsWith("polled at ").contains("the kernel dropped it");
      source.await(SECOND);
    }
    assertThat(calls.log).filteredOn("close 17"::equals).hasSize(1);
    assertThat(calls.log).filteredOn("poll 17"::equals).hasSize(1);
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void thisKernel_acceptsTheTrigger_orItsRefusalIsNamed() throws IOException {
    assumeStalls();
    TriggerCalls real = TriggerCalls.linux();
    long before = descriptors();
    StallSource source =
        (StallSource) StallSource.open(List.of(OF_THE_KERNEL), () -> real, System::nanoTime);
    assertThat(source.where())
        .matches("trigger on .*|polled at .* \\(no trigger: (open|write): [E0-9A-Za-z ]+\\)");
    if (source.canAwait()) {
      assertThat(descriptors()).isEqualTo(before + 1);
      source.await(TimeUnit.MILLISECONDS.toNanos(1)); // fired or silent
      assertThat(source.canAwait()).as("not gone").isTrue();
    }
    source.close();
    assertThat(descriptors()).isEqualTo(before);
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void realCalls_nameTheirErrors() {
    TriggerCalls real = TriggerCalls.linux();
    assertThat(real.open(root.resolve("missing"))).isEqualTo(-2);
    assertThat(real.write(-1, "text")).isEqualTo(-9);
    assertThat(real.close(-1)).isEqualTo(-9);
    assertThat(real.poll(Integer.MAX_VALUE, 0)).as("POLLNVAL").isEqualTo(0x20);
  }

  private static long descriptors() throws IOException {
    try (var files = Files.list(Path.of("/proc/self/fd"))) {
      return files
          .filter(
              file -> {
                try {
                  return Files.readSymbolicLink(file).equals(OF_THE_KERNEL);
                } catch (IOException e) {
                  return false; // closed meanwhile
                }
              })
          .count();
    }
  }
}

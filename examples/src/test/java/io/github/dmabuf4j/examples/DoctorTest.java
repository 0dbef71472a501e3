package io.github.dmabuf4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.HeapDescription;
import io.github.dmabuf4j.HeapProperty;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.device.KernelTimeline;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The doctor names every heap, and for each that is missing the reason and what fixes it. */
final class DoctorTest {
  private final CommandLineRun run = CommandLineRun.of("doctor");

  @Test
  void pooledHeap_isThere() {
    assertThat(run.status()).isZero();
    assertThat(run.err()).isEmpty();
    assertThat(run.out()).anyMatch(line -> line.matches("yes +offheap:system +\\S.*"));
  }

  @Test
  void everyHeap_isNamedWithReasonAndFix() {
    assertThat(Heaps.describe()).hasSizeGreaterThan(1);
    for (HeapDescription heap : Heaps.describe()) {
      assertThat(run.out())
          .anyMatch(
              line ->
                  line.startsWith(heap.isAvailable() ? "yes " : "no ")
                      && line.contains(" " + heap.name() + " ")
                      && line.endsWith(heap.isAvailable() ? heap.summary() : heap.unavailable()));
      if (!heap.isAvailable()) {
        assertThat(heap.unavailable()).isNotBlank();
      }
      if (!heap.fix().isEmpty()) {
        assertThat(run.out()).anyMatch(line -> line.endsWith("fix: " + heap.fix()));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(HeapProperty.class)
  void firstHeapOfTheChain_isNamedForEachRequirement(HeapProperty property) {
    String first =
        Heaps.chain(property).stream()
            .filter(HeapDescription::isAvailable)
            .findFirst()
            .map(heap -> "yes +any:system\\?require=%s +%s".formatted(property, heap.name()))
            .orElse("no +any:system\\?require=%s +none of .*".formatted(property));
    assertThat(run.out()).anyMatch(line -> line.matches(first));
  }

  @Test
  void timelinesOfTheKernel_areThere_orItIsSaidWhyNot() {
    KernelTimeline.Support support = KernelTimeline.support();
    String answer =
        support.isThere()
            ? "yes +timelines of the kernel .* by /dev/dri/renderD\\d+ \\(\\w+\\)"
            : "no +timelines of the kernel .*\\Q%s\\E; fences go as events and sync_files"
                .formatted(support.reason());
    assertThat(run.out()).anyMatch(line -> line.matches(answer));
    assertThat(support.isThere()).isEqualTo(support.reason().isEmpty());
    if (!support.fix().isEmpty()) {
      assertThat(run.out()).anyMatch(line -> line.endsWith("fix: " + support.fix()));
    }
  }

  @ParameterizedTest
  @CsvSource({"yes, --enable-native-access=ALL-UNNAMED", "no, -Dno.such.flag=true"})
  void nativeAccess_isToldAsItWasAtTheStart(String answer, String flag) throws Exception {
    Process doctor =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                flag,
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName(),
                "doctor")
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();

    assertThat(doctor.inputReader().readAllLines())
        .anyMatch(line -> line.matches(answer + " +--enable-native-access=ALL-UNNAMED .*"));
    assertThat(doctor.waitFor()).isZero();
  }

  @Test
  void limitsOfTheMachine_areNamed() {
    assertThat(run.out()).anyMatch(line -> line.matches(" +Java heap +\\d.*"));
    assertThat(run.out()).anyMatch(line -> line.matches(" +direct buffers +\\S.*"));
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void limitsOfLinux_areNamed() {
    assertThat(run.out()).anyMatch(line -> line.matches(" +open files +\\S+, at most \\S+"));
    assertThat(run.out()).anyMatch(line -> line.matches(" +locked memory +\\S+ B, at most \\S+ B"));
  }
}

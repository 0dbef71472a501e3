package io.github.dmabuf4j.examples;

import io.github.dmabuf4j.HeapDescription;
import io.github.dmabuf4j.HeapProperty;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.device.KernelTimeline;
import java.io.PrintStream;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Says which heaps exist here, what would make the others exist, and what bounds them all. */
@Command(
    name = "doctor",
    description = {
      "Says which heaps exist here; for each that doesn't, why, and what would fix it.",
      "Then which of them any:system stands for, how fences reach other processes, whether Java may"
          + " call native code, and the limits of this process."
    },
    mixinStandardHelpOptions = true)
final class DoctorCommand implements Callable<Integer> {
  private static final String FLAG = "--enable-native-access=ALL-UNNAMED";

  private final PrintStream out = System.out;

  /** Read before a heap is looked at: the first native call turns it on, with a warning. */
  private final boolean nativeAccess = Heaps.class.getModule().isNativeAccessEnabled();

  @Override
  public Integer call() {
    out.println("heaps");
    Heaps.describe().forEach(this::print);
    out.println("the first heap that has what is required");
    Arrays.stream(HeapProperty.values()).forEach(this::printFirst);
    out.println("fences to other processes");
    printTimelines(KernelTimeline.support());
    out.println("native access");
    row(nativeAccess, FLAG, nativeAccess ? "native code may be called" : "the first call warns");
    if (!nativeAccess) {
      fix("java " + FLAG + " …");
    }
    out.println("limits");
    Limits.all().forEach((name, value) -> out.printf("     %-36s %s%n", name, value));
    return CommandLine.ExitCode.OK;
  }

  private void print(HeapDescription heap) {
    row(heap.isAvailable(), heap.name(), heap.isAvailable() ? heap.summary() : heap.unavailable());
    if (!heap.fix().isEmpty()) {
      fix(heap.fix());
    }
  }

  private void printFirst(HeapProperty property) {
    Optional<HeapDescription> first =
        Heaps.chain(property).stream().filter(HeapDescription::isAvailable).findFirst();
    row(
        first.isPresent(),
        "any:system?require=" + property,
        first.map(HeapDescription::name).orElse("none of the heaps that are here"));
  }

  private void printTimelines(KernelTimeline.Support support) {
    row(
        support.isThere(),
        "timelines of the kernel (drm_syncobj)",
        support.isThere()
            ? "by " + support.node()
            : support.reason() + "; fences go as events and sync_files");
    if (!support.fix().isEmpty()) {
      fix(support.fix());
    }
  }

  private void row(boolean good, String name, String text) {
    out.printf("%-4s %-36s %s%n", good ? "yes" : "no", name, text);
  }

  private void fix(String line) {
    out.printf("     %-36s fix: %s%n", "", line);
  }
}

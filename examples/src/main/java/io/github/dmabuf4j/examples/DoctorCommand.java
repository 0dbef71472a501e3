package io.github.dmabuf4j.examples;

import io.github.dmabuf4j.HeapDescription;
import io.github.dmabuf4j.Heaps;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Says which heaps exist here, and what would make the others exist. */
@Command(
    name = "doctor",
    description = "Says which heaps exist here; for each that doesn't, why, and what would fix it.",
    mixinStandardHelpOptions = true)
final class DoctorCommand implements Callable<Integer> {
  @Override
  public Integer call() {
    for (HeapDescription heap : Heaps.describe()) {
      System.out.printf(
          "%-4s %-20s %s%n",
          heap.isAvailable() ? "yes" : "no",
          heap.name(),
          heap.isAvailable() ? heap.summary() : heap.unavailable());
      if (!heap.fix().isEmpty()) {
        System.out.printf("     %-20s fix: %s%n", "", heap.fix());
      }
    }
    return CommandLine.ExitCode.OK;
  }
}

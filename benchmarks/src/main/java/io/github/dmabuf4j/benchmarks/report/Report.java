package io.github.dmabuf4j.benchmarks.report;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/**
 * What a run of the benchmarks says. It is the schema of {@code report.json}: an object with these
 * names, in which the records that it names are objects with the names of their components; a name
 * that may be null is always there. Times are in the unit that stands beside them.
 *
 * @param schema {@value #SCHEMA}; another number where a name went or means something else
 * @param started when the run began, as ISO 8601
 * @param seconds how long it took
 * @param isTruncated whether it was interrupted, so that benchmarks are missing or cut short
 * @param settings how it was measured
 * @param machine where it was measured
 * @param warnings what makes the figures doubtful: a line each
 * @param failures trials that were begun and failed
 * @param bars what came out against each bar
 * @param measurements what was measured, in the order of the run
 * @param regions what lies where in contiguous regions that were compacted once, beside the
 *     benchmarks of those; empty if these weren't among them
 * @param jmh the same as JMH's own JSON has it, for tools that read that; without trials that were
 *     cut short
 */
public record Report(
    int schema,
    Instant started,
    double seconds,
    boolean isTruncated,
    Settings settings,
    Machine machine,
    List<String> warnings,
    List<String> failures,
    List<BarResult> bars,
    List<Measurement> measurements,
    List<CompactedRegion> regions,
    JsonNode jmh) {
  /** The version of the schema. */
  public static final int SCHEMA = 1;

  private static final int FEW_FORKS = 2;
  private static final int FEW_ITERATIONS = 5;

  /** Copies the lists. */
  public Report {
    warnings = List.copyOf(warnings);
    failures = List.copyOf(failures);
    bars = List.copyOf(bars);
    measurements = List.copyOf(measurements);
    regions = List.copyOf(regions);
  }

  /**
   * What makes figures doubtful.
   *
   * @param machine where they were measured
   * @param forks the forks of each trial
   * @param measurements the figures
   * @return a line each
   */
  public static List<String> warnings(
      Machine machine, Collection<Integer> forks, List<Measurement> measurements) {
    Set<String> warnings = new LinkedHashSet<>();
    if (forks.stream().anyMatch(count -> count < FEW_FORKS)) {
      warnings.add("Some figures come from a single fork: JVMs differ from one to the next.");
    }
    if (measurements.stream().anyMatch(one -> one.iterations() < FEW_ITERATIONS)) {
      warnings.add("Some figures come from few iterations: their errors are wide or unknown.");
    }
    if (measurements.stream().anyMatch(one -> one.threads() >= machine.cores())) {
      warnings.add("Some benchmarks have as many threads as there are cores: none is left over.");
    }
    if (machine.arguments().contains("-Ddmabuf4j.validate=true")) {
      warnings.add("The validator was on: it costs time.");
    }
    warnings.addAll(machine.warnings());
    return new ArrayList<>(warnings);
  }

  /** How many bars came out so. */
  long count(Verdict verdict) {
    return bars.stream().filter(bar -> bar.verdict() == verdict).count();
  }
}

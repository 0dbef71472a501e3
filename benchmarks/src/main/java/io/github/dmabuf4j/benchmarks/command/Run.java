package io.github.dmabuf4j.benchmarks.command;

import io.github.dmabuf4j.benchmarks.ContiguousBenchmark;
import io.github.dmabuf4j.benchmarks.report.CompactedRegion;
import io.github.dmabuf4j.benchmarks.report.DeclaredBar;
import io.github.dmabuf4j.benchmarks.report.Json;
import io.github.dmabuf4j.benchmarks.report.Judge;
import io.github.dmabuf4j.benchmarks.report.Machine;
import io.github.dmabuf4j.benchmarks.report.Measurement;
import io.github.dmabuf4j.benchmarks.report.Report;
import io.github.dmabuf4j.benchmarks.report.Settings;
import io.github.dmabuf4j.benchmarks.report.Trial;
import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.VerboseMode;
import org.openjdk.jmh.util.Version;

/** A run of benchmarks: JMH measures in forks, one trial after the other. One thread uses it. */
final class Run implements AutoCloseable {
  private static final Class<?> PICTURED = ContiguousBenchmark.class;

  private final List<Trial> planned;
  private final Options options;
  private final PrintStream log;
  private final Progress progress;
  private final Collector collector;
  private final List<CompactedRegion> regions = new ArrayList<>();
  private final Instant started = Instant.now();

  /**
   * Prepares.
   *
   * @param selection what to measure
   * @param overrides values of parameters in place of those that the benchmarks have
   * @param effort how much
   * @param folder where the log goes
   * @param messages where the progress goes
   */
  Run(
      Selection selection,
      Map<String, List<String>> overrides,
      Effort effort,
      OutputFolder folder,
      PrintStream messages)
      throws IOException {
    planned = selection.trials();
    options = options(selection, overrides, effort);
    log = folder.openLog();
    progress = new Progress(messages, planned.size());
    collector =
        new Collector(OutputFormatFactory.createFormatInstance(log, VerboseMode.NORMAL), progress);
  }

  private static Options options(
      Selection selection, Map<String, List<String>> overrides, Effort effort) {
    ChainedOptionsBuilder options =
        new OptionsBuilder()
            .addProfiler(GCProfiler.class)
            .addProfiler(CpuTimeProfiler.class)
            .addProfiler(FootprintProfiler.class)
            .shouldFailOnError(false);
    selection.includes().forEach(options::include);
    overrides.forEach((name, values) -> options.param(name, values.toArray(String[]::new)));
    effort.applyTo(options);
    return options.build();
  }

  static String jmhVersion() {
    return Version.getPlainVersion();
  }

  /** What is measured so far; whoever ends the run early stops it. */
  Collector collector() {
    return collector;
  }

  /**
   * Measures until everything is measured or the collector is stopped.
   *
   * @throws BadInputException if JMH runs already, in another process
   * @throws RunnerException if JMH can't run
   * @throws InterruptedException if the thread is interrupted
   */
  void measure() throws RunnerException, BadInputException, InterruptedException {
    try {
      new Runner(options, collector).run();
      draw();
    } catch (RunnerException e) {
      if (String.valueOf(e.getMessage()).contains("Another JMH instance")) {
        throw new BadInputException(
            "another run of JMH is under way on this machine: wait for its end");
      }
      throw e;
    } catch (CancellationException e) {
      // Stopped: what was measured is there.
    } finally {
      collector.end();
      progress.close();
    }
  }

  /** Draws what the benchmarks among those planned have pictures of. */
  private void draw() throws InterruptedException {
    if (planned.stream().anyMatch(trial -> trial.type().equals(PICTURED.getName()))) {
      regions.add(ContiguousBenchmark.picture());
    }
  }

  /** What came out. */
  Report report(Machine machine, Settings settings) {
    List<Measurement> measurements = collector.measurements();
    return new Report(
        Report.SCHEMA,
        started,
        Duration.between(started, Instant.now()).toMillis() / 1e3,
        collector.isStopped(),
        settings,
        machine,
        Report.warnings(machine, collector.forks(), measurements),
        collector.failures().stream().map(Trial::label).toList(),
        new Judge(planned, measurements).judge(DeclaredBar.of(planned)),
        measurements,
        regions,
        Json.ofJmh(collector.results()));
  }

  @Override
  public void close() {
    log.close();
  }
}

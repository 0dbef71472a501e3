package io.github.dmabuf4j.benchmarks.command;

import io.github.dmabuf4j.benchmarks.report.Measurement;
import io.github.dmabuf4j.benchmarks.report.Trial;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.results.BenchmarkResult;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.IterationType;
import org.openjdk.jmh.runner.format.OutputFormat;

/**
 * Keeps what JMH tells while it runs, so that there is something to report if it doesn't come to
 * its end, and passes it on to a log.
 *
 * <p>JMH calls from several threads: the one that runs it, and one that listens to the fork. All
 * state is guarded by {@code this}. The one invariant: from {@link #stop} on, the thread that runs
 * JMH gets a {@link CancellationException} wherever it says something; so it starts at most one
 * more fork, the one that it was about to start, and whoever stops it has to end that one too.
 */
final class Collector implements OutputFormat {
  private final OutputFormat log;
  private final Progress progress;
  private final Thread runner = Thread.currentThread();
  private final Map<Trial, Measurement> measurements = new LinkedHashMap<>();
  private final List<RunResult> results = new ArrayList<>();
  private final List<Trial> failures = new ArrayList<>();
  private final List<Integer> forks = new ArrayList<>();
  private final List<IterationResult> unfinished = new ArrayList<>();
  private @Nullable BenchmarkParams current;
  private int iterations;
  private boolean stopped;

  /** Collects what the thread that makes it will run. */
  Collector(OutputFormat log, Progress progress) {
    this.log = log;
    this.progress = progress;
  }

  /** Lets the run end; its forks are to be ended by the caller. */
  synchronized void stop() {
    stopped = true;
  }

  synchronized boolean isStopped() {
    return stopped;
  }

  private void checkStopped() {
    if (stopped && Thread.currentThread() == runner) {
      throw new CancellationException();
    }
  }

  /** What was measured; a trial that was cut short is the last one. */
  synchronized List<Measurement> measurements() {
    return List.copyOf(measurements.values());
  }

  /** The results of the trials that came to their end, as JMH has them. */
  synchronized List<RunResult> results() {
    return List.copyOf(results);
  }

  /** The trials that were begun and failed, without the one that was cut short. */
  synchronized List<Trial> failures() {
    return List.copyOf(failures);
  }

  /** How many forks the trials had that were begun. */
  synchronized List<Integer> forks() {
    return List.copyOf(forks);
  }

  /** The run is over, as it should or not: deals with what is open. */
  synchronized void end() {
    BenchmarkParams open = current;
    current = null;
    if (open == null) {
      return;
    }
    Trial trial = Measurement.trial(open);
    if (!stopped) {
      failures.add(trial);
      progress.fail(trial);
    } else if (!unfinished.isEmpty()) {
      BenchmarkResult result = new BenchmarkResult(open, List.copyOf(unfinished));
      measurements.put(trial, Measurement.of(result, false));
    }
    unfinished.clear();
  }

  @Override
  public synchronized void startBenchmark(BenchmarkParams params) {
    checkStopped();
    end(); // a failure is told by silence
    current = params;
    iterations = 0;
    forks.add(params.getForks());
    progress.begin(Measurement.trial(params));
    log.startBenchmark(params);
  }

  @Override
  public synchronized void iterationResult(
      BenchmarkParams params, IterationParams iteration, int number, IterationResult result) {
    iterations++;
    if (iteration.getType() == IterationType.MEASUREMENT) {
      unfinished.add(result);
    }
    int all = params.getWarmup().getCount() + params.getMeasurement().getCount();
    int forked = Math.max(1, params.getForks() + params.getWarmupForks());
    progress.advance((double) iterations / Math.max(1, all * forked));
    log.iterationResult(params, iteration, number, result);
  }

  @Override
  public synchronized void endBenchmark(@Nullable BenchmarkResult result) {
    if (result != null) {
      current = null;
      unfinished.clear();
      Measurement measurement = Measurement.of(result, true);
      measurements.put(measurement.trial(), measurement);
      results.add(new RunResult(result.getParams(), List.of(result)));
      progress.end(measurement);
      log.endBenchmark(result);
    }
  }

  @Override
  public void iteration(BenchmarkParams params, IterationParams iteration, int number) {
    log.iteration(params, iteration, number);
  }

  @Override
  public void startRun() {
    log.startRun();
  }

  @Override
  public void endRun(Collection<RunResult> all) {
    log.endRun(all);
  }

  @Override
  public synchronized void print(String text) {
    checkStopped();
    log.print(text);
  }

  @Override
  public synchronized void println(String text) {
    checkStopped();
    log.println(text);
  }

  @Override
  public void flush() {
    log.flush();
  }

  @Override
  public void close() {
    log.close();
  }

  @Override
  public void verbosePrintln(String text) {
    log.verbosePrintln(text);
  }

  @Override
  public void write(int value) {
    log.write(value);
  }

  @Override
  public void write(byte[] values) throws IOException {
    log.write(values);
  }
}

package io.github.dmabuf4j.benchmarks.command;

import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/**
 * How much is measured; what is null is set by each benchmark itself.
 *
 * @param forks JVMs per trial
 * @param warmups iterations to warm up, per fork
 * @param iterations measured iterations, per fork
 * @param time how long an iteration takes
 */
record Effort(
    @Nullable Integer forks,
    @Nullable Integer warmups,
    @Nullable Integer iterations,
    @Nullable TimeValue time) {
  /** Enough to see that everything runs, and the order of magnitude. */
  static final Effort QUICK = new Effort(1, 2, 3, TimeValue.milliseconds(500));

  void applyTo(ChainedOptionsBuilder options) {
    if (forks != null) {
      options.forks(forks).warmupForks(0);
    }
    if (warmups != null) {
      options.warmupIterations(warmups);
    }
    if (iterations != null) {
      options.measurementIterations(iterations);
    }
    if (time != null) {
      options.warmupTime(time).measurementTime(time);
    }
  }
}

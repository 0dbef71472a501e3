package io.github.dmabuf4j.benchmarks.command;

import com.sun.management.OperatingSystemMXBean;
import io.github.dmabuf4j.benchmarks.report.Measure;
import java.lang.management.ManagementFactory;
import java.util.Collection;
import java.util.List;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.profile.InternalProfiler;
import org.openjdk.jmh.results.AggregationPolicy;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.ScalarResult;

/**
 * Measures the processor time of the whole process per operation, so that work in the background
 * isn't free: it would be, where a second core is idle. The compilers and the garbage collector are
 * in it too.
 *
 * <p>JMH makes one in each fork, and calls it from one thread. {@code -prof
 * io.github.dmabuf4j.benchmarks.command.CpuTimeProfiler} turns it on in JMH's own command line.
 */
public final class CpuTimeProfiler implements InternalProfiler {
  private static final OperatingSystemMXBean SYSTEM =
      ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);

  private long before;

  /** By JMH. */
  public CpuTimeProfiler() {}

  @Override
  public String getDescription() {
    return "processor time of the process per operation";
  }

  @Override
  public void beforeIteration(BenchmarkParams benchmark, IterationParams iteration) {
    before = SYSTEM.getProcessCpuTime();
  }

  @Override
  public Collection<ScalarResult> afterIteration(
      BenchmarkParams benchmark, IterationParams iteration, IterationResult result) {
    long after = SYSTEM.getProcessCpuTime();
    long operations = result.getMetadata().getAllOps();
    if (before < 0 || after < 0 || operations == 0) {
      return List.of();
    }
    double nanos = (double) (after - before) / operations;
    return List.of(new ScalarResult(Measure.CPU_TIME_LABEL, nanos, "ns/op", AggregationPolicy.AVG));
  }
}

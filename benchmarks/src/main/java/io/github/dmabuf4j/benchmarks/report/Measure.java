package io.github.dmabuf4j.benchmarks.report;

/** What of a measurement a bar is about. */
public enum Measure {
  /** The benchmark's own score: time per operation, or operations per time. */
  TIME("time"),
  /** Processor time of the whole process per operation, background threads included. */
  CPU_TIME("CPU time"),
  /** Bytes of Java heap allocated per operation. */
  JAVA_HEAP("Java heap"),
  /** A counter of the benchmark, an {@code @AuxCounters} field: the mean of the iterations. */
  COUNTER("counter");

  /** The name under which JMH's {@code gc} profiler reports {@link #JAVA_HEAP}. */
  static final String JAVA_HEAP_LABEL = "gc.alloc.rate.norm";

  /** The name under which {@link #CPU_TIME} is reported. */
  public static final String CPU_TIME_LABEL = "cpu.time.norm";

  private final String words;

  Measure(String words) {
    this.words = words;
  }

  /** The name in words. */
  public String words() {
    return words;
  }
}

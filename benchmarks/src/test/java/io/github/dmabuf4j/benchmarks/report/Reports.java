package io.github.dmabuf4j.benchmarks.report;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.JsonNodeFactory;

/** Measurements and reports that nobody had to wait for. */
final class Reports {
  /** Bars as an allocator's benchmark declares them; nothing here is called. */
  static final class Allocations {
    @Bar(
        row = "allocate + close",
        of = {"strategy=dmabuf4j", "bytes=4096|65536"},
        peers = @Peer(with = {"strategy=netty-*", "live=*"}),
        atMost = 0.5,
        stretch = 0.25)
    @Bar(
        row = "allocate + close, CPU time",
        of = {"strategy=dmabuf4j", "live=0"},
        peers = @Peer(with = "strategy=arena|malloc"),
        measure = Measure.CPU_TIME,
        atMost = 1)
    void allocateClose() {}

    @Bar(
        row = "committed bytes",
        of = "strategy=dmabuf4j",
        peers = @Peer(with = "strategy=netty-adaptive"),
        measure = Measure.COUNTER,
        counter = "committed",
        atMost = 1)
    @Bar(
        row = "Java heap",
        of = "strategy=dmabuf4j",
        measure = Measure.JAVA_HEAP,
        atMost = 64,
        stretch = 40)
    void pattern() {}

    @Bar(
        row = "live set",
        of = {"strategy=dmabuf4j", "live=1000000"},
        peers = @Peer(with = "live=1000"),
        atMost = 1.3)
    void live() {}

    @Bar(row = "bulk", peers = @Peer(method = "single"), atMost = 0.2, stretch = 0.05)
    void bulk() {}

    void single() {}
  }

  private Reports() {}

  /** A trial of {@link Allocations}; parameters as words {@code name=value}. */
  static Trial trial(String method, String... words) {
    Map<String, String> parameters = new TreeMap<>();
    for (String word : words) {
      parameters.put(word.split("=", 2)[0], word.split("=", 2)[1]);
    }
    return new Trial(Allocations.class.getName(), method, parameters);
  }

  static Measurement measured(Trial trial, double nanos, @Nullable Double error) {
    return measured(trial, nanos, error, Map.of());
  }

  static Measurement measured(
      Trial trial, double nanos, @Nullable Double error, Map<String, Figure> others) {
    return new Measurement(trial, "avgt", 1, 10, true, new Figure(nanos, error, "ns/op"), others);
  }

  static Measurement throughput(Trial trial, double score) {
    return new Measurement(trial, "thrpt", 1, 10, true, new Figure(score, null, "ops/s"), Map.of());
  }

  static List<BarResult> judge(List<Measurement> measured) {
    return judge(measured.stream().map(Measurement::trial).toList(), measured);
  }

  static List<BarResult> judge(List<Trial> planned, List<Measurement> measured) {
    return new Judge(planned, measured).judge(DeclaredBar.of(planned));
  }

  static Report report(List<Measurement> measured, List<BarResult> bars) {
    return report(measured, bars, List.of());
  }

  static Report report(
      List<Measurement> measured, List<BarResult> bars, List<CompactedRegion> regions) {
    return new Report(
        Report.SCHEMA,
        Instant.EPOCH,
        90,
        false,
        new Settings("1.37", List.of(), true, 1, 2, 3, "100 ms", Map.of()),
        new Machine(
            "a processor",
            2,
            1L << 34,
            "Linux 6",
            "amd64",
            "a JVM",
            List.of("-Xmx1g"),
            false,
            "",
            0.5),
        List.of("One fork."),
        List.of(),
        bars,
        measured,
        regions,
        JsonNodeFactory.instance.arrayNode());
  }
}

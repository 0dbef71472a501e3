package io.github.dmabuf4j.benchmarks.report;

import static io.github.dmabuf4j.benchmarks.report.Reports.judge;
import static io.github.dmabuf4j.benchmarks.report.Reports.measured;
import static io.github.dmabuf4j.benchmarks.report.Reports.throughput;
import static io.github.dmabuf4j.benchmarks.report.Reports.trial;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.benchmarks.CrossThreadBenchmark;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class JudgeTest {
  private static Trial allocate(String strategy, int bytes, int live) {
    return trial("allocateClose", "strategy=" + strategy, "bytes=" + bytes, "live=" + live);
  }

  private static BarResult only(List<BarResult> results, String row) {
    List<BarResult> found = results.stream().filter(bar -> bar.row().equals(row)).toList();
    assertThat(found).hasSize(1);
    return found.getFirst();
  }

  @Test
  void bestOfThePeersOverTheirVariants_counts_perSize() {
    List<BarResult> results =
        judge(
            List.of(
                measured(allocate("dmabuf4j", 4096, 0), 20, 1.0),
                measured(allocate("netty-pooled", 4096, 0), 90, 1.0),
                measured(allocate("netty-pooled", 4096, 8), 50, 1.0),
                measured(allocate("netty-adaptive", 4096, 1), 60, 1.0),
                measured(allocate("netty-adaptive", 65536, 1), 1, 0.1),
                measured(allocate("malloc", 4096, 0), 1, 0.1)));

    BarResult bar = only(results, "allocate + close");
    assertThat(bar.peer())
        .isEqualTo("Reports$Allocations.allocateClose bytes=4096 live=8 strategy=netty-pooled");
    assertThat(bar.ratio().value()).isEqualTo(0.4);
    assertThat(bar.parameters()).isEqualTo(Map.of("bytes", "4096", "live", "0"));
    assertThat(bar.verdict()).isEqualTo(Verdict.PASS);
    assertThat(bar.outcome()).isEqualTo("PASS");
    assertThat(bar.remarks()).isEmpty();
  }

  @Test
  void eachCombinationThatTheBarLeavesOpen_hasARow() {
    List<Measurement> measured = new ArrayList<>();
    for (int bytes : new int[] {4096, 65536, 1 << 20}) {
      for (int live : new int[] {0, 8}) {
        measured.add(measured(allocate("dmabuf4j", bytes, live), 10, null));
        measured.add(measured(allocate("netty-pooled", bytes, live), bytes, null));
      }
    }

    assertThat(judge(measured))
        .filteredOn(bar -> bar.row().equals("allocate + close"))
        .extracting(BarResult::title)
        .containsExactly(
            "allocate + close (bytes=4096 live=0)",
            "allocate + close (bytes=4096 live=8)",
            "allocate + close (bytes=65536 live=0)",
            "allocate + close (bytes=65536 live=8)");
  }

  @Test
  void stretch_isSaid_andAMissIsAFigure() {
    Trial ours = allocate("dmabuf4j", 4096, 0);
    Trial peer = allocate("netty-pooled", 4096, 0);

    BarResult stretch =
        only(
            judge(List.of(measured(ours, 25, null), measured(peer, 100, null))),
            "allocate + close");
    assertThat(stretch.verdict()).isEqualTo(Verdict.STRETCH);
    BarResult missed =
        only(
            judge(List.of(measured(ours, 51, null), measured(peer, 100, null))),
            "allocate + close");
    assertThat(missed.verdict()).isEqualTo(Verdict.MISSED);
    assertThat(missed.outcome()).isEqualTo("0.510 ×");
  }

  @Test
  void errorsAcrossTheBar_areRemarkedUpon() {
    List<BarResult> results =
        judge(
            List.of(
                measured(allocate("dmabuf4j", 4096, 0), 45, 10.0),
                measured(allocate("netty-pooled", 4096, 0), 100, 1.0)));

    assertThat(only(results, "allocate + close").remarks())
        .singleElement()
        .asString()
        .startsWith("the errors reach across the bar: 0.347 to 0.556");
  }

  @Test
  void missingPeer_isNamed_andTheOthersStillCount() {
    Trial ours = allocate("dmabuf4j", 4096, 0);
    Trial there = allocate("netty-pooled", 4096, 0);
    Trial failed = allocate("netty-adaptive", 4096, 0);

    BarResult bar =
        only(
            judge(
                List.of(ours, there, failed),
                List.of(measured(ours, 10, null), measured(there, 100, null))),
            "allocate + close");

    assertThat(bar.verdict()).isEqualTo(Verdict.STRETCH);
    assertThat(bar.remarks()).containsExactly("not measured: " + failed.label());
  }

  @Test
  void withoutAnyPeer_thereIsNoVerdict_andItIsSaidWhoIsMissing() {
    BarResult bar = only(judge(List.of(measured(trial("bulk"), 10, null))), "bulk");

    assertThat(bar.verdict()).isEqualTo(Verdict.UNKNOWN);
    assertThat(bar.outcome()).isEqualTo("–");
    assertThat(bar.remarks()).containsExactly("not in this run: Reports$Allocations.single");
  }

  @Test
  void oursThatFailed_isNotMeasured() {
    BarResult bar = only(judge(List.of(trial("bulk"), trial("single")), List.of()), "bulk");

    assertThat(bar.verdict()).isEqualTo(Verdict.UNKNOWN);
    assertThat(bar.remarks()).containsExactly("not measured");
  }

  @Test
  void anotherMethod_canBeThePeer() {
    BarResult bar =
        only(
            judge(List.of(measured(trial("bulk"), 4, null), measured(trial("single"), 100, null))),
            "bulk");

    assertThat(bar.ratio().value()).isEqualTo(0.04);
    assertThat(bar.verdict()).isEqualTo(Verdict.STRETCH);
  }

  @Test
  void barOnAMethodOfAGroup_isHeldAgainstTheGroup() {
    String group = CrossThreadBenchmark.class.getName() + ".handOver";
    Trial ours = Trial.of(group, Map.of("strategy", "dmabuf4j", "bytes", "4096"));
    Trial peer = Trial.of(group, Map.of("strategy", "netty-pooled", "bytes", "4096"));

    BarResult bar =
        only(
            judge(List.of(measured(ours, 60, null), measured(peer, 100, null))),
            "allocate here, close on another thread");

    assertThat(bar.benchmark()).isEqualTo("CrossThreadBenchmark.handOver");
    assertThat(bar.peer()).isEqualTo(peer.label());
    assertThat(bar.ratio().value()).isEqualTo(0.6);
    assertThat(bar.verdict()).isEqualTo(Verdict.PASS);
  }

  @Test
  void oursWithAnotherParameter_canBeThePeer() {
    BarResult bar =
        only(
            judge(
                List.of(
                    measured(trial("live", "strategy=dmabuf4j", "live=1000000"), 26, null),
                    measured(trial("live", "strategy=dmabuf4j", "live=1000"), 20, null),
                    measured(trial("live", "strategy=netty", "live=1000"), 1, null))),
            "live set");

    assertThat(bar.ratio().value()).isEqualTo(1.3);
    assertThat(bar.verdict()).isEqualTo(Verdict.PASS);
  }

  @Test
  void moreIsBetter_whereOperationsPerTimeAreMeasured() {
    BarResult bar =
        only(
            judge(List.of(throughput(trial("bulk"), 500), throughput(trial("single"), 100))),
            "bulk");

    assertThat(bar.ratio().value()).isEqualTo(0.2);
    assertThat(bar.verdict()).isEqualTo(Verdict.PASS);
  }

  @Test
  void figuresInAnotherUnit_areNotCompared() {
    BarResult bar =
        only(
            judge(List.of(measured(trial("bulk"), 4, null), throughput(trial("single"), 100))),
            "bulk");

    assertThat(bar.verdict()).isEqualTo(Verdict.UNKNOWN);
    assertThat(bar.remarks())
        .containsExactly("Reports$Allocations.single is in ops/s, ours in ns/op");
  }

  @Test
  void cpuTimeAndCounters_areComparedLikeTime() {
    Map<String, Figure> cpu = Map.of(Measure.CPU_TIME_LABEL, new Figure(30, null, "ns/op"));
    Map<String, Figure> more = Map.of(Measure.CPU_TIME_LABEL, new Figure(40, null, "ns/op"));
    BarResult time =
        only(
            judge(
                List.of(
                    measured(allocate("dmabuf4j", 4096, 0), 50, null, cpu),
                    measured(allocate("arena", 4096, 0), 10, null, more))),
            "allocate + close, CPU time");
    assertThat(time.ratio().value()).isEqualTo(0.75);

    BarResult bytes =
        only(
            judge(
                List.of(
                    measured(
                        trial("pattern", "strategy=dmabuf4j"),
                        50,
                        null,
                        Map.of("committed", new Figure(100, null, "#"))),
                    measured(
                        trial("pattern", "strategy=netty-adaptive"),
                        10,
                        null,
                        Map.of("committed", new Figure(80, null, "#"))))),
            "committed bytes");
    assertThat(bytes.ratio().value()).isEqualTo(1.25);
    assertThat(bytes.measured()).isEqualTo("committed");
  }

  @Test
  void limit_isHeldAgainstTheValue_whichIsZeroWhereNothingWasAllocated() {
    Trial ours = trial("pattern", "strategy=dmabuf4j");
    Map<String, Figure> some = Map.of("gc.alloc.rate.norm", new Figure(48, null, "B/op"));
    BarResult passed = only(judge(List.of(measured(ours, 5, null, some))), "Java heap");
    assertThat(passed.verdict()).isEqualTo(Verdict.PASS);
    assertThat(passed.figure()).isEqualTo("48.0 B/op");
    assertThat(passed.wanted()).isEqualTo("≤ 64");

    Map<String, Figure> none = Map.of("gc.alloc.rate", new Figure(0, null, "MB/sec"));
    BarResult zero = only(judge(List.of(measured(ours, 5, null, none))), "Java heap");
    assertThat(zero.ours().value()).isZero();
    assertThat(zero.verdict()).isEqualTo(Verdict.STRETCH);
  }

  @Test
  void table_saysPassOrTheFigure_andTheRemarks() {
    List<String> lines =
        BarTable.lines(
            judge(
                List.of(measured(trial("bulk"), 30, null), measured(trial("single"), 100, null))));

    assertThat(lines.getFirst()).startsWith("bar ").endsWith("result");
    assertThat(lines.get(1))
        .startsWith("bulk ")
        .contains("30.0 ns/op", "100 ns/op, single", "≤ 0.2 ×", "≤ 0.05 ×")
        .endsWith("0.300 ×");
    assertThat(BarTable.lines(List.of())).isEmpty();
  }
}

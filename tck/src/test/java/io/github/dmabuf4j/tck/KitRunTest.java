package io.github.dmabuf4j.tck;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Importer;
import io.github.dmabuf4j.Lockdep;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.tck.exporters.PlainExporter;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.platform.engine.FilterResult;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.TestExecutionResult.Status;
import org.junit.platform.launcher.PostDiscoveryFilter;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** What the kit does around its tests: counting them, and looking for what is left. */
final class KitRunTest {
  private static HeapUnderTest plain(UnaryOperator<Exporter> around) {
    return new KitHeapUnderTest(PlainExporter.heap(16 << 20, around));
  }

  /** A heap like any other. */
  static final class Whole extends HeapConformance {
    @Override
    public Capabilities capabilities() {
      return Capabilities.KIT_PLAIN;
    }

    @Override
    public HeapUnderTest open(UnaryOperator<Exporter> around) {
      return plain(around);
    }
  }

  /** A heap that backs out where it should be tested. */
  static final class Evasive extends HeapConformance {
    @Override
    public Capabilities capabilities() {
      return Capabilities.KIT_PLAIN;
    }

    @Override
    public HeapUnderTest open(UnaryOperator<Exporter> around) {
      return Assumptions.abort("not today");
    }
  }

  /** Each test leaves something behind, the last one nothing. */
  static final class Leaky extends Rules {
    @Override
    protected Subject subject() {
      return new Whole();
    }

    @Test
    void leavesABuffer(Bench bench) {
      bench.heap().allocate(Bench.SIZE);
    }

    @Test
    void leavesAHold(Bench bench) {
      bench.allocate().hold();
    }

    @Test
    void leavesABracket(Bench bench) throws Exception {
      bench.allocate().beginCpuAccess(Access.READ);
    }

    @Test
    void leavesAPin(Bench bench) throws Exception {
      DmaBuf buffer = bench.allocate();
      Bench.locked(buffer, () -> buffer.pin(Pin.Term.SHORT));
    }

    @Test
    void leavesAnAttachment(Bench bench) {
      Importer importer = () -> "stays";
      bench.allocate().attach(importer);
    }

    @Test
    void leavesAFence(Bench bench) {
      Bench.publish(bench.device("ring"), bench.allocate(), FenceUsage.READ);
    }

    @Test
    void leavesAReport(Bench bench) throws Exception {
      DmaBuf one = bench.allocate();
      DmaBuf two = bench.allocate();
      Bench.locked(
          one,
          () -> {
            try {
              two.hold().close();
            } catch (IllegalStateException reported) {
              assertThat(Lockdep.reports()).isPositive();
            }
          });
    }

    @Test
    void leavesNothing(Bench bench) throws Exception {
      Pattern.write(bench.allocate(), 1);
    }
  }

  private static Map<String, TestExecutionResult> run(Class<?> tests, String leftOut) {
    Map<String, TestExecutionResult> results = new ConcurrentHashMap<>();
    LauncherFactory.create()
        .execute(
            LauncherDiscoveryRequestBuilder.request()
                .selectors(selectClass(tests))
                .filters(
                    (PostDiscoveryFilter)
                        test ->
                            FilterResult.includedIf(
                                !test.getDisplayName().startsWith(leftOut + "(")))
                .build(),
            new TestExecutionListener() {
              @Override
              public void executionFinished(TestIdentifier test, TestExecutionResult result) {
                if (test.isTest()) {
                  results.put(test.getDisplayName().replaceFirst("\\(.*", ""), result);
                }
              }
            });
    return new TreeMap<>(results);
  }

  private static String message(TestExecutionResult result) {
    return result.getThrowable().map(Throwable::getMessage).orElse("");
  }

  @Test
  void testThatIsLeftOut_failsTheRun_byName() {
    Map<String, TestExecutionResult> results =
        run(Whole.class, "pn1_pinWithoutTheReservation_isRefused");
    assertThat(results).doesNotContainKey("pn1_pinWithoutTheReservation_isRefused");
    TestExecutionResult complete = results.get("everyTestThatApplies_wasRun");
    assertThat(complete.getStatus()).isEqualTo(Status.FAILED);
    assertThat(message(complete))
        .contains("kit:plain", "[PinRules.pn1_pinWithoutTheReservation_isRefused]");
    assertThat(results.values())
        .filteredOn(result -> result.getStatus() != Status.SUCCESSFUL)
        .hasSize(1);
  }

  @Test
  void heapThatBacksOut_failsTheRun() {
    Map<String, TestExecutionResult> results = run(Evasive.class, "nothing");
    assertThat(results.get("pn1_pinWithoutTheReservation_isRefused").getStatus())
        .isIn(Status.ABORTED, Status.FAILED);
    TestExecutionResult complete = results.get("everyTestThatApplies_wasRun");
    assertThat(complete.getStatus()).isEqualTo(Status.FAILED);
    assertThat(message(complete)).contains("pn1_pinWithoutTheReservation_isRefused");
  }

  @Test
  void wholeRun_isComplete() {
    assertThat(run(Whole.class, "nothing").values())
        .allMatch(result -> result.getStatus() == Status.SUCCESSFUL);
  }

  @Test
  void whateverATestLeavesBehind_failsIt() {
    Map<String, TestExecutionResult> results = run(Leaky.class, "nothing");
    assertThat(results).hasSize(8);
    results.forEach(
        (test, result) ->
            assertThat(result.getStatus())
                .as(test)
                .isEqualTo(
                    test.equals("leavesNothing")
                            || (test.equals("leavesAReport") && !Lockdep.isEnabled())
                        ? Status.SUCCESSFUL
                        : Status.FAILED));
  }
}

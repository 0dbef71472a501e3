package io.github.dmabuf4j.tck;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import io.github.dmabuf4j.Job;
import io.github.dmabuf4j.Lockdep;
import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.tck.exporters.BouncingExporter;
import io.github.dmabuf4j.tck.exporters.EvictingExporter;
import io.github.dmabuf4j.tck.exporters.KitHeap;
import io.github.dmabuf4j.tck.exporters.MovingExporter;
import io.github.dmabuf4j.tck.exporters.PlainExporter;
import io.github.dmabuf4j.tck.exporters.RevocableExporter;
import io.github.dmabuf4j.tck.exporters.SeparateCopiesExporter;
import io.github.dmabuf4j.tck.exporters.Wrong;
import java.lang.reflect.Method;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.platform.engine.FilterResult;
import org.junit.platform.engine.TestDescriptor;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.TestExecutionResult.Status;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.PostDiscoveryFilter;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** The kit finds each mistake, by a test of the rule that it breaks. */
final class WrongExportersTest {
  /** What runs now. */
  private static volatile Subject current;

  /** The kit against what runs now. Run by the launcher below, and by nobody else. */
  static final class Trial extends HeapConformance {
    @Override
    public Capabilities capabilities() {
      return current.capabilities();
    }

    @Override
    public HeapUnderTest open(UnaryOperator<Exporter> around) throws Exception {
      return current.open(around);
    }
  }

  private record Exporters(
      Capabilities capabilities, Function<UnaryOperator<Exporter>, KitHeap> factory)
      implements Subject {
    @Override
    public HeapUnderTest open(UnaryOperator<Exporter> around) {
      return new KitHeapUnderTest(factory.apply(around));
    }

    @Override
    public String toString() {
      return capabilities.name();
    }
  }

  private static final Logger JOBS = Logger.getLogger(Job.class.getName());

  @BeforeAll
  static void quiet() {
    JOBS.setLevel(Level.OFF); // failing exporters are what this is about
  }

  @AfterAll
  static void logAsUsual() {
    JOBS.setLevel(null);
  }

  @ParameterizedTest
  @EnumSource
  void everyMistake_isFound_byATestOfEachRuleItBreaks(Wrong wrong) {
    assumeTrue(wrong != Wrong.TAKES_THE_LOCK_IN_RELEASE || Lockdep.isEnabled());
    current = new Exporters(wrong.row(), wrong::open);
    System.setProperty(Worker.LIMIT_PROPERTY, "1"); // for those that hang
    Map<Method, Status> results;
    try {
      results = run(wrong.rules());
    } finally {
      System.clearProperty(Worker.LIMIT_PROPERTY);
    }
    List<Method> failed =
        results.keySet().stream().filter(test -> results.get(test) == Status.FAILED).toList();
    assertThat(failed)
        .as("%s: named after %s", wrong.mistake(), wrong.rules().getFirst())
        .anyMatch(test -> isNamedAfter(wrong.rules().getFirst(), test));
    assertThat(failed.stream().flatMap(test -> Coverage.rules(test).stream()))
        .as("%s: %s", wrong.mistake(), results)
        .containsAll(wrong.rules());
  }

  private static boolean isNamedAfter(String rule, Method test) {
    String name = rule.equals("AL7") ? "(al7|h2)" : rule.toLowerCase(Locale.ROOT);
    return test.getName().matches(name + "_.*");
  }

  /** The same run finds nothing where there is nothing. */
  @ParameterizedTest
  @MethodSource("rightOnes")
  void exporterWithoutAMistake_passesTheSameTests(Subject right) {
    current = right;
    List<String> everyBrokenRule =
        Stream.of(Wrong.values()).flatMap(wrong -> wrong.rules().stream()).toList();
    assertThat(run(everyBrokenRule).entrySet())
        .hasSizeGreaterThan(50)
        .allMatch(result -> result.getValue() == Status.SUCCESSFUL);
  }

  static Stream<Subject> rightOnes() {
    long limit = 16 << 20;
    return Stream.of(
        new Exporters(Capabilities.KIT_PLAIN, around -> PlainExporter.heap(limit, around)),
        new Exporters(Capabilities.KIT_MOVING, around -> MovingExporter.heap(limit, around)),
        new Exporters(Capabilities.KIT_EVICTING, around -> EvictingExporter.heap(limit, around)),
        new Exporters(
            Capabilities.KIT_SEPARATE_COPIES, around -> SeparateCopiesExporter.heap(limit, around)),
        new Exporters(Capabilities.KIT_BOUNCING, around -> BouncingExporter.heap(limit, around)),
        new Exporters(Capabilities.KIT_REVOCABLE, around -> RevocableExporter.heap(limit, around)));
  }

  /** Runs the tests of some rules. */
  private static Map<Method, Status> run(List<String> rules) {
    LauncherDiscoveryRequest request =
        LauncherDiscoveryRequestBuilder.request()
            .selectors(selectClass(Trial.class))
            .filters((PostDiscoveryFilter) descriptor -> about(rules, descriptor))
            .configurationParameter("junit.jupiter.extensions.autodetection.enabled", "false")
            .build();
    Map<Method, Status> results =
        Collections.synchronizedMap(new TreeMap<>(Comparator.comparing(Method::getName)));
    LauncherFactory.create()
        .execute(
            request,
            new TestExecutionListener() {
              @Override
              public void executionFinished(TestIdentifier test, TestExecutionResult result) {
                method(test.getSource().orElse(null))
                    .forEach(method -> results.put(method, result.getStatus()));
              }
            });
    return results;
  }

  private static FilterResult about(List<String> rules, TestDescriptor descriptor) {
    if (!descriptor.isTest()) {
      return FilterResult.included("a container");
    }
    return FilterResult.includedIf(
        method(descriptor.getSource().orElse(null))
            .anyMatch(method -> !Collections.disjoint(Coverage.rules(method), rules)));
  }

  private static Stream<Method> method(Object source) {
    return source instanceof org.junit.platform.engine.support.descriptor.MethodSource method
        ? Stream.of(method.getJavaMethod())
        : Stream.empty();
  }

  @Test
  void everyRuleOfPinsMappingsAccessAndReclaim_isBrokenBySomebody() {
    Set<String> broken =
        Stream.of(Wrong.values())
            .flatMap(wrong -> wrong.rules().stream())
            .collect(Collectors.toSet());
    assertThat(broken)
        .contains("PN1", "PN2", "PN3", "PN4", "PN5", "PN6")
        .contains("VM1", "VM2", "VM3", "VM4")
        .contains("CA1", "CA2", "CA3", "CA4")
        .contains("SH1", "SH2", "SH3", "SH6", "SH7", "SH8")
        .contains("CG7", "CG8", "CG10", "CG11", "CG12");
  }
}

package io.github.dmabuf4j.tck;

import io.github.dmabuf4j.tck.exporters.Wrong;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The tables of {@code docs/conformance.md}: what follows from the rows, the tests and the
 * mistakes.
 */
final class ConformanceTable {
  private static final List<Capabilities> ROWS =
      List.of(
          Capabilities.OFFHEAP_SYSTEM,
          Capabilities.OFFHEAP_SWAP,
          Capabilities.OFFHEAP_ARENA_CONFINED,
          Capabilities.OFFHEAP_CONTIGUOUS,
          Capabilities.MEMFD,
          Capabilities.UDMABUF,
          Capabilities.DMA_HEAP,
          Capabilities.KIT_PLAIN,
          Capabilities.KIT_MOVING,
          Capabilities.KIT_EVICTING,
          Capabilities.KIT_SEPARATE_COPIES,
          Capabilities.KIT_BOUNCING,
          Capabilities.KIT_REVOCABLE);

  /**
   * Rules that no exporter can break, because somebody else keeps them. Their tests provoke the
   * user's mistake instead.
   */
  static final Map<String, String> KEPT_BY_OTHERS = keptByOthers();

  private ConformanceTable() {}

  private static Map<String, String> keptByOthers() {
    Map<String, String> kept = new TreeMap<>();
    Stream.of("CL1", "CL2", "CL7", "CM1", "CG1", "CG2", "FN4", "FN5", "FN6")
        .forEach(rule -> kept.put(rule, "core: refuses"));
    Stream.of("CL6", "CB5", "CB8", "CB9", "CB10", "CB11", "CB12", "CM4", "CM5", "CM10", "CM12")
        .forEach(rule -> kept.put(rule, "core"));
    Stream.of("CV2", "CV5", "CG5", "CR2", "CR3", "RL2", "SH4")
        .forEach(rule -> kept.put(rule, "core"));
    kept.put("CB1", "compiler");
    kept.put("CV8", "compiler: `Access` has no other values");
    kept.put("CB7", "user: an exporter may place its storage when it likes");
    kept.put("CH2", "core: refuses a size of 0");
    kept.put("CH3", "as AL7");
    Stream.of("DV3", "DV4", "DV7")
        .forEach(rule -> kept.put(rule, "heaps with files: the kit itself has none"));
    return kept;
  }

  /** Three tables: capabilities, rules, mistakes. */
  static String render() {
    return capabilities() + "\n" + rules() + "\n" + mistakes();
  }

  private static String capabilities() {
    StringBuilder text = new StringBuilder("| capability");
    ROWS.forEach(row -> text.append(" | `").append(row.name()).append('`'));
    text.append(" |\n|---");
    ROWS.forEach(row -> text.append("|---"));
    text.append("|\n");
    for (Capability capability : Capability.values()) {
      text.append("| ").append(capability);
      for (Capabilities row : ROWS) {
        text.append(" | ").append(row.has(capability) ? "yes" : whyNot(row, capability));
      }
      text.append(" |\n");
    }
    return text.toString();
  }

  private static String whyNot(Capabilities row, Capability capability) {
    String reason = row.whyNot(capability);
    return reason.equals(Capabilities.ELSEWHERE_IN_THE_KIT) ? "–" : "no: " + reason;
  }

  private static String rules() {
    StringBuilder text = new StringBuilder("| rule | broken by");
    ROWS.forEach(row -> text.append(" | `").append(row.name()).append('`'));
    text.append(" |\n|---|---");
    ROWS.forEach(row -> text.append("|---"));
    text.append("|\n");
    testsByRule()
        .forEach(
            (rule, tests) ->
                text.append(
                    "| %s | %s | %s |\n"
                        .formatted(
                            rule,
                            brokenBy(rule),
                            ROWS.stream()
                                .map(row -> share(row, tests))
                                .collect(Collectors.joining(" | ")))));
    return text.toString();
  }

  /** Every rule of the kit, in the order of its name and number. */
  static Map<String, List<Method>> testsByRule() {
    Map<String, List<Method>> byRule =
        new TreeMap<>(
            Comparator.<String, String>comparing(rule -> rule.substring(0, 2))
                .thenComparingInt(rule -> Integer.parseInt(rule.substring(2))));
    for (Method test : Coverage.tests()) {
      for (String rule : Coverage.rules(test)) {
        byRule.computeIfAbsent(rule, first -> new ArrayList<>()).add(test);
      }
    }
    return byRule;
  }

  private static String brokenBy(String rule) {
    long wrong = Stream.of(Wrong.values()).filter(one -> one.rules().contains(rule)).count();
    return wrong > 0 ? wrong + " wrong" : KEPT_BY_OTHERS.getOrDefault(rule, "?");
  }

  private static String share(Capabilities row, List<Method> tests) {
    Set<Boolean> applies =
        tests.stream()
            .map(test -> KitRun.reasonsAgainst(row, test).isEmpty())
            .collect(Collectors.toSet());
    return applies.size() == 2 ? "some" : applies.contains(true) ? "all" : "–";
  }

  private static String mistakes() {
    StringBuilder text =
        new StringBuilder("| wrong exporter | what it does | breaks |\n|---|---|---|\n");
    for (Wrong wrong : Wrong.values()) {
      text.append(
          "| %s | %s | %s |\n"
              .formatted(
                  wrong.name().toLowerCase(Locale.ROOT).replace('_', ' '),
                  wrong.mistake(),
                  String.join(", ", wrong.rules())));
    }
    return text.toString();
  }
}

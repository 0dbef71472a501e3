package io.github.dmabuf4j.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.architecture.RuleCitations.Citation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Whoever meets a rule's name in the documentation finds it in {@code docs/contract.md}, once, and
 * what is said there about the code is true of the code's names.
 *
 * <p>It lives in examples because that module is built last and sees all others.
 */
final class ContractTest {
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
  private static final Path CONTRACT = ROOT.resolve("docs/contract.md");

  /** {@code | FN1 | what it says | who keeps it |}. */
  private static final Pattern ROW =
      Pattern.compile("(?m)^\\| ([A-Z]{2}\\d+) \\| (.+) \\| (.+) \\|$");

  private static final Pattern BEGUN_ROW = Pattern.compile("(?m)^\\|\\s*[A-Z]{2}\\d+\\b.*$");

  private static final Pattern GROUP = Pattern.compile("(?m)^## ([A-Z]{2}): ");

  private static final Pattern SECTION = Pattern.compile("(?m)^(?=## )");

  /** A type, and perhaps a member or a nested type, in code font. */
  private static final Pattern CODE = Pattern.compile("`([A-Z]\\w+)(?:\\.(\\w+))?`");

  // ---- the document and the sources ----

  @Test
  void everyRuleThatIsCited_isInTheContract() throws Exception {
    Set<String> known = names(contract());
    Set<String> groups = groups(contract());
    Set<String> cited = new TreeSet<>();
    List<String> unknown = new ArrayList<>();
    for (Path file : citingFiles()) {
      for (Citation citation : RuleCitations.in(Files.readString(file), groups)) {
        cited.add(citation.rule());
        if (!known.contains(citation.rule())) {
          unknown.add(
              "%s:%d cites %s".formatted(ROOT.relativize(file), citation.line(), citation.rule()));
        }
      }
    }
    assertThat(unknown).as("rules that docs/contract.md doesn't have").isEmpty();
    assertThat(cited)
        .as("what was read")
        .contains("FN4", "AL9", "CF7", "CR12")
        .hasSizeGreaterThan(100);
  }

  @Test
  void contract_namesEachRuleOnce() throws Exception {
    assertThat(twice(contract())).as("defined more than once").isEmpty();
  }

  @Test
  void contract_hasNoRowThatIsNotReadHere() throws Exception {
    assertThat(BEGUN_ROW.matcher(contract()).results().map(MatchResult::group))
        .hasSameSizeAs(rows(contract()))
        .allMatch(row -> ROW.matcher(row).matches());
  }

  @Test
  void contract_listsEachRuleInItsGroup() throws Exception {
    Map<String, List<String>> strangers = new TreeMap<>();
    for (String section : SECTION.splitAsStream(contract()).toList()) {
      Set<String> own = groups(section);
      List<String> others =
          rows(section).stream()
              .map(row -> row.group(1))
              .filter(name -> !own.contains(name.substring(0, 2)))
              .toList();
      if (!others.isEmpty()) {
        strangers.put(section.lines().findFirst().orElse(""), others);
      }
    }
    assertThat(strangers).isEmpty();
    assertThat(groups(contract())).contains("FN", "CX").hasSize(23);
  }

  @Test
  void contract_namesTypesAndMembersThatExist() throws Exception {
    Map<String, String> sources = mainSources();
    List<String> missing =
        rows(contract()).stream()
            .flatMap(row -> CODE.matcher(row.group(3)).results())
            .filter(code -> !exists(sources, code.group(1), code.group(2)))
            .map(MatchResult::group)
            .distinct()
            .toList();
    assertThat(missing).as("named in the last column of docs/contract.md").isEmpty();
  }

  private static boolean exists(Map<String, String> sources, String type, String member) {
    String source = sources.get(type);
    return source != null
        && (member == null || Pattern.compile("\\b" + member + "\\b").matcher(source).find());
  }

  // ---- the check itself ----

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/** Waits (design rule FN9). */",
        "/**\n * Waits (design\n * rule\n * FN9).\n */",
        " * <p>Source: dma_fence_init; rules FN1, FN9.",
        " * <p>Source: rules AL1 and\n * FN9.",
        " * rules AL1, AL2, design rules FN1,\n * FN9",
        "throw new X(\"is busy (design rule\" + \" FN9)\");",
        "throw new X(\"is busy (design rule\"\n    + \" FN9)\");",
        "@Rule(\"FN9\")",
        "@Rule({\"AL1\", \"FN9\"})",
        "the contract's {@code FN9}",
        "a callback (FN9)",
        "rules FN7 to FN9",
        "rules FN7 to\n * FN10"
      })
  void citations_areFoundInAnyForm(String text) {
    assertThat(RuleCitations.in(text, Set.of("FN", "AL")))
        .extracting(Citation::rule)
        .contains("FN9");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "design rule ZZ1",
        "rules FN1, ZZ1",
        "rules FN1, design\n * rule ZZ1",
        "@Rule({\"FN1\", \"ZZ1\"})",
        "@Rule({\n  \"ZZ1\"\n})",
        "rule {@code ZZ1}"
      })
  void citations_ofUnknownGroups_areFoundAfterTheWordRule(String text) {
    assertThat(RuleCitations.in(text, Set.of("FN"))).extracting(Citation::rule).contains("ZZ1");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "NV12(\"NV12\", Kind.YCBCR, 8)",
        "the rule is that NV12 has two planes",
        "FNORD1, XFN1, FN1x, FN, fn1, f1_fence"
      })
  void otherNames_areNoCitations(String text) {
    assertThat(RuleCitations.in(text, Set.of("FN"))).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"FN99", "FN01", "FN0"})
  void numbersThatDoNotExist_areNotInTheContract(String rule) throws Exception {
    assertThat(names(contract())).contains("FN1").doesNotContain(rule);
    assertThat(RuleCitations.in("see " + rule, groups(contract())))
        .extracting(Citation::rule)
        .containsExactly(rule);
  }

  @Test
  void citations_sayTheirLine() {
    assertThat(RuleCitations.in("a\nb FN1\n\nrule\n ZZ2", Set.of("FN")))
        .containsExactly(new Citation(2, "FN1"), new Citation(5, "ZZ2"));
  }

  @Test
  void rules_definedTwice_areFound() {
    assertThat(twice("| FN1 | a | b |\n| FN2 | a | b |\n| FN1 | c | d |\n")).containsExactly("FN1");
  }

  @Test
  void namesThatAreGone_areFound() {
    Map<String, String> sources = Map.of("Fence", "class Fence { void await() {} }");
    assertThat(exists(sources, "Fence", "await")).isTrue();
    assertThat(exists(sources, "Fence", "awaited")).isFalse();
    assertThat(exists(sources, "Fences", null)).isFalse();
  }

  // ---- reading ----

  private static String contract() throws IOException {
    return Files.readString(CONTRACT);
  }

  private static List<MatchResult> rows(String text) {
    return ROW.matcher(text).results().toList();
  }

  private static Set<String> names(String text) {
    return rows(text).stream().map(row -> row.group(1)).collect(Collectors.toSet());
  }

  private static List<String> twice(String text) {
    Set<String> seen = new TreeSet<>();
    return rows(text).stream().map(row -> row.group(1)).filter(name -> !seen.add(name)).toList();
  }

  private static Set<String> groups(String text) {
    return GROUP.matcher(text).results().map(group -> group.group(1)).collect(Collectors.toSet());
  }

  /** All sources but this one, which cites what doesn't exist, and all documents. */
  private static List<Path> citingFiles() throws IOException {
    List<Path> files = new ArrayList<>();
    for (Path folder : folders(ROOT)) {
      files.addAll(filesIn(folder, ".md", 1));
      if (Files.isDirectory(folder.resolve("src"))) {
        files.addAll(filesIn(folder.resolve("src"), ".java", Integer.MAX_VALUE));
      }
    }
    files.removeIf(file -> file.endsWith("ContractTest.java"));
    assertThat(files).contains(CONTRACT, ROOT.resolve("README.md"));
    return files;
  }

  /** The root and what is in it, without hidden folders. */
  private static List<Path> folders(Path root) throws IOException {
    try (Stream<Path> entries = Files.list(root)) {
      return Stream.concat(
              Stream.of(root),
              entries.filter(
                  entry ->
                      Files.isDirectory(entry) && !entry.getFileName().toString().startsWith(".")))
          .toList();
    }
  }

  private static List<Path> filesIn(Path folder, String suffix, int depth) throws IOException {
    try (Stream<Path> files = Files.walk(folder, depth)) {
      return files.filter(file -> file.toString().endsWith(suffix)).toList();
    }
  }

  /** The text of each type that has a file, by its simple name. */
  private static Map<String, String> mainSources() throws IOException {
    Map<String, String> sources = new TreeMap<>();
    for (Path folder : folders(ROOT)) {
      Path main = folder.resolve("src/main/java");
      if (Files.isDirectory(main)) {
        for (Path file : filesIn(main, ".java", Integer.MAX_VALUE)) {
          String name = file.getFileName().toString();
          sources.merge(
              name.substring(0, name.length() - ".java".length()),
              Files.readString(file),
              String::concat);
        }
      }
    }
    return sources;
  }
}

package io.github.dmabuf4j.tck;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.dmabuf4j.tck.exporters.Wrong;
import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What the kit says of itself is true: its names, its rules, its table. */
final class KitTest {
  private static final Path CONTRACT = Path.of("../docs/contract.md");
  private static final Path TABLE = Path.of("../docs/conformance.md");

  private static final String BEGIN = "<!-- tables -->";
  private static final String END = "<!-- end of tables -->";

  /** Where a rule is listed: {@code | PN1 | what it says | who keeps it |}. */
  private static final Pattern ROW = Pattern.compile("(?m)^\\| ([A-Z]{2}\\d+) \\| ");

  /** The groups that the kit is for, and what of them it leaves to others, with the reason. */
  private static final Map<String, String> LEFT_OUT =
      Map.of(
          "CM11", "nobody revokes a pinned buffer yet",
          "CG9", "a scan has no acquire context: it locks one buffer at a time");

  @Test
  void everyTest_isNamedAfterARule_andSaysWhichItProves() {
    assertThat(Coverage.tests())
        .hasSizeGreaterThan(150)
        .allSatisfy(
            test -> {
              assertThat(Coverage.rules(test)).as(test.getName()).isNotEmpty();
              assertThat(test.getName()).matches("[a-z]{1,2}\\d+_\\w+");
              String id = test.getName().replaceFirst("_.*", "").toUpperCase(Locale.ROOT);
              if (id.length() > 2 && Character.isLetter(id.charAt(1))) {
                assertThat(test.getAnnotation(Rule.class).value()[0])
                    .as("the first rule of " + test.getName())
                    .isEqualTo(id);
              }
            });
  }

  @Test
  void everyRuleOfTheGroups_hasATest_namedAfterIt() throws IOException {
    Set<String> named =
        Coverage.tests().stream()
            .flatMap(test -> Coverage.rules(test).stream())
            .collect(Collectors.toSet());
    for (String group : List.of("PN", "VM", "CA", "CL", "CB", "CM", "CV", "CG")) {
      Set<String> missing = new TreeSet<>(contract(group));
      missing.removeAll(named);
      missing.removeAll(LEFT_OUT.keySet());
      assertThat(missing).as("rules of %s without a test", group).isEmpty();
    }
    assertThat(named)
        .contains("FN1", "FN6", "JB1", "AL7", "AL11")
        .doesNotContainAnyElementsOf(LEFT_OUT.keySet());
  }

  @Test
  void everyRuleOfPinsMappingsAndAccess_hasATestThatBearsItsName() throws IOException {
    Set<String> names =
        Coverage.tests().stream()
            .map(test -> test.getName().replaceFirst("_.*", "").toUpperCase(Locale.ROOT))
            .collect(Collectors.toSet());
    for (String group : List.of("PN", "VM", "CA")) {
      assertThat(names).containsAll(contract(group));
    }
    assertThat(names)
        .as("rows of the kernel's own tests")
        .contains("M1", "M3", "M4", "M5", "M7", "M8", "H2");
  }

  private static Set<String> contract(String group) throws IOException {
    Set<String> rules =
        ROW.matcher(Files.readString(CONTRACT))
            .results()
            .map(result -> result.group(1))
            .filter(rule -> rule.startsWith(group))
            .collect(Collectors.toCollection(TreeSet::new));
    assertThat(rules).isNotEmpty();
    return rules;
  }

  @Test
  void row_thatIsSilentAboutACapability_isRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Capabilities.of("forgetful").has(Capability.MOVES).build())
        .withMessageContaining("forgetful says nothing about")
        .withMessageContaining("REVOCABLE");
  }

  @Test
  void groups_areAllInTheEntryPoint() throws IOException {
    Set<String> written;
    try (Stream<Path> files = Files.list(Path.of("src/main/java/io/github/dmabuf4j/tck"))) {
      written =
          files
              .map(file -> file.getFileName().toString())
              .filter(name -> name.endsWith("Rules.java") && !name.equals("Rules.java"))
              .map(name -> name.substring(0, name.length() - ".java".length()))
              .collect(Collectors.toSet());
    }
    assertThat(Coverage.groups())
        .extracting(Class::getSimpleName)
        .containsExactlyInAnyOrderElementsOf(written);
  }

  /**
   * The tables in {@code docs/conformance.md} are what follows from the rows: whoever changes one
   * changes what a reviewer reads. {@code -Ddmabuf4j.test.args=-Ddmabuf4j.table.write=true} writes
   * them.
   */
  @Test
  void tables_inTheDocumentation_areThoseThatTheTestsFollow() throws IOException {
    String text = Files.readString(TABLE);
    int begin = text.indexOf(BEGIN) + BEGIN.length();
    int end = text.indexOf(END);
    String written = text.substring(begin, end).strip();
    String now = ConformanceTable.render().strip();
    if (Boolean.getBoolean("dmabuf4j.table.write") && !written.equals(now)) {
      Files.writeString(TABLE, text.substring(0, begin) + "\n" + now + "\n" + text.substring(end));
    } else {
      assertThat(written).as("docs/conformance.md").isEqualTo(now);
    }
  }

  @Test
  void everyRuleOfTheKit_isBrokenByAWrongExporter_orKeptBySomebodyElse() {
    Set<String> broken =
        Stream.of(Wrong.values())
            .flatMap(wrong -> wrong.rules().stream())
            .collect(Collectors.toSet());
    Set<String> others = new TreeSet<>(ConformanceTable.testsByRule().keySet());
    others.removeAll(broken);
    assertThat(others).isEqualTo(ConformanceTable.KEPT_BY_OTHERS.keySet());
    assertThat(ConformanceTable.testsByRule().keySet()).containsAll(broken);
  }

  @Test
  void testsThatDoNotApply_sayWhy() {
    Map<String, List<String>> reasons = new TreeMap<>();
    for (Method test : Coverage.tests()) {
      reasons.put(test.getName(), KitRun.reasonsAgainst(Capabilities.OFFHEAP_SYSTEM, test));
    }
    assertThat(reasons.get("pn5_importer_isToldUnderTheReservation_beforeTheBytesGo"))
        .containsExactly("MOVES (a block stays where its slab is)");
    assertThat(reasons.get("pn1_pinWithoutTheReservation_isRefused")).isEmpty();
  }

  @Test
  void contract_isRead() throws IOException {
    assertThat(ROW.matcher(Files.readString(CONTRACT)).results().map(MatchResult::group))
        .hasSizeGreaterThan(150);
  }
}

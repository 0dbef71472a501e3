package io.github.dmabuf4j.architecture;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/**
 * Finds the rules that a text cites, in Java or Markdown.
 *
 * <p>A name of two capitals and a number is a citation where it follows the word "rule" or "rules",
 * or an annotation {@code @Rule}; and anywhere if its capitals are those of a group of the
 * contract. Other names of that form, such as the pixel formats', are none. Of a range, "CR1 to
 * CR15", all in between are cited too.
 */
final class RuleCitations {
  /** What may stand between two names: the end of a line of a comment or of a string, braces. */
  private static final String GAP = "[\\s*\"+/{}(]*+(?:@code\\s++)?+";

  private static final String NAME = "\\b[A-Z]{2}\\d++\\b";

  private static final Pattern NAMES = Pattern.compile("\\b([A-Z]{2})\\d++\\b");

  private static final Pattern LIST =
      Pattern.compile(
          "\\b[Rr]ules?\\b(?:%1$s(?:(?:,|and\\b|or\\b|to\\b|design\\b|rules?\\b)%1$s)*+%2$s)+"
              .formatted(GAP, NAME));

  private static final Pattern RANGE =
      Pattern.compile(
          "\\b([A-Z]{2})(\\d{1,3})}?\\s++(?:\\*\\s++)?+to\\s%s\\1(\\d{1,3})\\b".formatted(GAP));

  /** A rule that is cited somewhere. */
  record Citation(int line, String rule) {}

  private RuleCitations() {}

  /**
   * The citations of a text, in their order, each rule once per line.
   *
   * @param groups the capitals that make a name a rule's wherever it stands
   */
  static List<Citation> in(String text, Set<String> groups) {
    Set<Citation> found =
        new TreeSet<>(Comparator.comparingInt(Citation::line).thenComparing(Citation::rule));
    NAMES
        .matcher(text)
        .results()
        .filter(name -> groups.contains(name.group(1)))
        .forEach(name -> found.add(citation(text, name.start(), name.group())));
    LIST.matcher(text)
        .results()
        .forEach(
            list ->
                NAMES
                    .matcher(list.group())
                    .results()
                    .forEach(
                        name ->
                            found.add(citation(text, list.start() + name.start(), name.group()))));
    RANGE
        .matcher(text)
        .results()
        .filter(range -> groups.contains(range.group(1)))
        .forEach(range -> found.addAll(between(text, range)));
    return List.copyOf(found);
  }

  private static List<Citation> between(String text, MatchResult range) {
    List<Citation> between = new ArrayList<>();
    int last = Integer.parseInt(range.group(3));
    for (int number = Integer.parseInt(range.group(2)); number <= last; number++) {
      between.add(citation(text, range.start(), range.group(1) + number));
    }
    return between;
  }

  private static Citation citation(String text, int start, String rule) {
    int line = 1 + (int) text.substring(0, start).chars().filter(c -> c == '\n').count();
    return new Citation(line, rule);
  }
}

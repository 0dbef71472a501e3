package io.github.dmabuf4j.benchmarks.report;

import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.openjdk.jmh.annotations.Group;

/**
 * A bar, with the method that it is declared on; see {@link Bar} for what its parts mean. A method
 * of a {@link Group} stands for the whole group: JMH measures no less.
 */
public final class DeclaredBar {
  private final Bar bar;
  private final String type;
  private final String method;
  private final List<ParameterPattern> ours;
  private final List<Rival> rivals;

  /** A peer whose patterns are read. */
  private record Rival(String method, List<ParameterPattern> patterns) {
    private Optional<ParameterPattern> pattern(String name) {
      return patterns.stream().filter(pattern -> pattern.name().equals(name)).findFirst();
    }
  }

  private DeclaredBar(Bar bar, Method declared) {
    this.bar = bar;
    type = declared.getDeclaringClass().getName();
    method = measuredAs(declared);
    ours = parse(bar.of());
    rivals =
        Stream.of(bar.peers()).map(peer -> new Rival(methodOf(peer), parse(peer.with()))).toList();
  }

  /** The name under which JMH measures a method: that of its group if it has one. */
  private static String measuredAs(Method method) {
    Group group = method.getAnnotation(Group.class);
    return group == null ? method.getName() : group.value();
  }

  private String methodOf(Peer peer) {
    return peer.method().isEmpty() ? method : peer.method();
  }

  private static List<ParameterPattern> parse(String[] words) {
    return Arrays.stream(words).map(ParameterPattern::parse).toList();
  }

  /**
   * The bars that the methods of a class declare.
   *
   * @param type a class of benchmarks
   * @throws IllegalArgumentException if a word of a declaration can't be read; it is named
   */
  public static List<DeclaredBar> of(Class<?> type) {
    List<DeclaredBar> bars = new ArrayList<>();
    Arrays.stream(type.getDeclaredMethods())
        .sorted((one, other) -> one.getName().compareTo(other.getName()))
        .forEach(
            method -> {
              for (Bar bar : method.getAnnotationsByType(Bar.class)) {
                bars.add(new DeclaredBar(bar, method));
              }
            });
    return bars;
  }

  /**
   * The bars of some benchmarks.
   *
   * @throws IllegalArgumentException if a declaration can't be read
   * @throws IllegalStateException if there is no such class
   */
  public static List<DeclaredBar> of(Collection<Trial> trials) {
    List<DeclaredBar> bars = new ArrayList<>();
    for (String name : trials.stream().map(Trial::type).distinct().toList()) {
      try {
        bars.addAll(of(Class.forName(name, false, DeclaredBar.class.getClassLoader())));
      } catch (ClassNotFoundException e) {
        throw new IllegalStateException("no class for the benchmark " + name, e);
      }
    }
    return bars;
  }

  /** The annotation. */
  public Bar bar() {
    return bar;
  }

  /** Class and method or group, without the package. */
  public String benchmark() {
    return new Trial(type, method, Map.of()).shortName();
  }

  /** Whether the bar holds for a trial. */
  boolean isOurs(Trial trial) {
    return is(trial, method)
        && ours.stream()
            .allMatch(
                pattern ->
                    trial.parameters().containsKey(pattern.name())
                        && pattern.matches(trial.parameters().get(pattern.name())));
  }

  private boolean is(Trial trial, String name) {
    return trial.type().equals(type) && trial.method().equals(name);
  }

  /** What tells one of our trials from the others: the parameters that may vary. */
  Map<String, String> varying(Trial trial) {
    Map<String, String> varying = new TreeMap<>(trial.parameters());
    for (String word : bar.of()) {
      if (!word.contains("|") && !word.contains("*")) {
        varying.remove(word.substring(0, word.indexOf('=')));
      }
    }
    return varying;
  }

  /** How many peers are declared. */
  int peers() {
    return rivals.size();
  }

  /** A declared peer, for people. */
  String peerLabel(int index) {
    Peer peer = bar.peers()[index];
    String name = new Trial(type, methodOf(peer), Map.of()).shortName();
    return (name + " " + String.join(" ", peer.with())).strip();
  }

  /** Whether a trial is a declared peer of one of ours. */
  boolean isPeer(int index, Trial our, Trial trial) {
    Rival rival = rivals.get(index);
    return is(trial, rival.method())
        && !trial.equals(our)
        && trial.parameters().entrySet().stream()
            .allMatch(entry -> fits(rival, our, entry.getKey(), entry.getValue()));
  }

  private static boolean fits(Rival rival, Trial our, String name, String value) {
    return rival
        .pattern(name)
        .map(pattern -> pattern.matches(value))
        .orElse(our.parameters().getOrDefault(name, value).equals(value));
  }

  /**
   * What is wrong with the declaration, given what can be measured.
   *
   * @param trials all benchmarks with all values of their parameters
   * @return one line for each mistake, none if the bar can be judged
   */
  public List<String> mistakes(Collection<Trial> trials) {
    List<String> mistakes = new ArrayList<>();
    check(mistakes, trials, method, ours);
    for (int i = 0; i < rivals.size(); i++) {
      check(mistakes, trials, rivals.get(i).method(), rivals.get(i).patterns());
      checkPeer(mistakes, trials, i);
    }
    if (bar.measure() == Measure.COUNTER == bar.counter().isEmpty()) {
      mistakes.add("a counter's name goes with measure = COUNTER, and with nothing else");
    }
    if (!(bar.atMost() >= 0) || bar.stretch() > bar.atMost()) {
      mistakes.add("wanted 0 ≤ stretch ≤ atMost, got " + bar.stretch() + " and " + bar.atMost());
    }
    return mistakes.stream()
        .map(mistake -> benchmark() + ", " + bar.row() + ": " + mistake)
        .toList();
  }

  private void check(
      List<String> mistakes,
      Collection<Trial> trials,
      String name,
      List<ParameterPattern> patterns) {
    List<Trial> candidates = trials.stream().filter(trial -> is(trial, name)).toList();
    if (candidates.isEmpty()) {
      mistakes.add("there is no benchmark " + name);
      return;
    }
    for (ParameterPattern pattern : patterns) {
      List<String> known =
          candidates.stream()
              .flatMap(trial -> Stream.ofNullable(trial.parameters().get(pattern.name())))
              .distinct()
              .toList();
      if (known.isEmpty()) {
        mistakes.add(name + " has no parameter " + pattern.name());
      } else if (!pattern.isOf(known)) {
        mistakes.add(pattern.name() + " of " + name + " is one of " + known);
      }
    }
  }

  private void checkPeer(List<String> mistakes, Collection<Trial> trials, int index) {
    for (Trial our : trials.stream().filter(this::isOurs).toList()) {
      if (trials.stream().noneMatch(trial -> isPeer(index, our, trial))) {
        mistakes.add(peerLabel(index) + " has nothing to compare " + our.label() + " with");
        return;
      }
    }
  }
}

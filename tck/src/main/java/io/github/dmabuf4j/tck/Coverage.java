package io.github.dmabuf4j.tck;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/**
 * Which tests of the kit ran against a heap, compared with those that its row says apply.
 *
 * <p><b>Threads.</b> Any.
 */
final class Coverage {
  private final Set<Method> ran = ConcurrentHashMap.newKeySet();

  Coverage() {}

  /** The test ran to an end, good or bad. */
  void ran(Method test) {
    ran.add(test);
  }

  /** The tests of a row that ought to have run and did not. */
  List<String> missing(Capabilities row) {
    return tests().stream()
        .filter(test -> KitRun.reasonsAgainst(row, test).isEmpty())
        .filter(test -> !ran.contains(test))
        .map(Coverage::name)
        .toList();
  }

  private static String name(Method test) {
    return test.getDeclaringClass().getSimpleName() + "." + test.getName();
  }

  /** The groups of the kit, in the order in which they run. */
  static List<Class<?>> groups() {
    return Stream.of(HeapConformance.class.getDeclaredClasses())
        .filter(nested -> nested.isAnnotationPresent(Nested.class))
        .<Class<?>>map(Class::getSuperclass)
        .filter(Rules.class::isAssignableFrom)
        .sorted(Comparator.comparing(Class::getSimpleName))
        .toList();
  }

  /** All tests of the kit. */
  static List<Method> tests() {
    List<Method> tests = new ArrayList<>();
    for (Class<?> group : groups()) {
      Stream.of(group.getDeclaredMethods())
          .filter(method -> method.isAnnotationPresent(Test.class))
          .filter(method -> !Modifier.isStatic(method.getModifiers()))
          .sorted(Comparator.comparing(Method::getName))
          .forEach(tests::add);
    }
    return tests;
  }

  /** The rules that a test says it proves. */
  static Set<String> rules(Method test) {
    Rule rule = test.getAnnotation(Rule.class);
    return rule == null ? Set.of() : new TreeSet<>(List.of(rule.value()));
  }
}

package io.github.dmabuf4j.tck;

import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;
import org.opentest4j.TestAbortedException;

/**
 * Runs a test of the kit: decides by the table whether it applies, gives it a {@link Bench}, looks
 * afterwards whether anything was left behind, and keeps count for {@link Coverage}. A test that
 * failed by itself keeps its own error.
 */
final class KitRun implements ExecutionCondition, ParameterResolver, InvocationInterceptor {
  private static final ExtensionContext.Namespace NAMESPACE =
      ExtensionContext.Namespace.create(KitRun.class);

  KitRun() {}

  @Override
  public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    Rules rules = rules(context);
    if (rules == null) {
      return ConditionEvaluationResult.enabled("not a test of the kit");
    }
    Capabilities row = rules.subject().capabilities();
    List<String> against = reasonsAgainst(row, context.getRequiredTestMethod());
    return against.isEmpty()
        ? ConditionEvaluationResult.enabled("applies to " + row.name())
        : ConditionEvaluationResult.disabled(
            "not applicable to %s: %s".formatted(row.name(), String.join(", ", against)));
  }

  private static @Nullable Rules rules(ExtensionContext context) {
    return context.getTestMethod().isPresent()
            && context.getTestInstance().orElse(null) instanceof Rules rules
        ? rules
        : null;
  }

  /** Why a test doesn't apply to a heap; empty if it does. */
  static List<String> reasonsAgainst(Capabilities row, Method test) {
    List<String> against = new ArrayList<>();
    for (Needs needs : needs(test)) {
      for (Capability needed : needs.value()) {
        if (!row.has(needed)) {
          against.add("%s (%s)".formatted(needed, row.whyNot(needed)));
        }
      }
      for (Capability unwanted : needs.without()) {
        if (row.has(unwanted)) {
          against.add("for heaps without " + unwanted);
        }
      }
    }
    return against;
  }

  private static List<Needs> needs(Method test) {
    return Stream.<AnnotatedElement>of(test, test.getDeclaringClass())
        .map(element -> element.getAnnotation(Needs.class))
        .filter(needs -> needs != null)
        .toList();
  }

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    Class<?> type = parameter.getParameter().getType();
    return type == Bench.class || type == Coverage.class;
  }

  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.getParameter().getType() == Coverage.class
        ? coverage(context)
        : bench(context);
  }

  /** One for each class that an implementation wrote. */
  private static Coverage coverage(ExtensionContext context) {
    Object outermost = context.getRequiredTestInstances().getAllInstances().getFirst();
    return context
        .getRoot()
        .getStore(NAMESPACE)
        .getOrComputeIfAbsent(outermost.getClass(), of -> new Coverage(), Coverage.class);
  }

  private static Bench bench(ExtensionContext context) {
    Rules rules = (Rules) context.getRequiredTestInstance();
    boolean reports = context.getRequiredTestMethod().isAnnotationPresent(ReportsOnPurpose.class);
    return context
        .getStore(NAMESPACE)
        .getOrComputeIfAbsent("bench", key -> Bench.open(rules.subject(), reports), Bench.class);
  }

  @Override
  public void interceptTestMethod(
      Invocation<Void> invocation,
      ReflectiveInvocationContext<Method> invocationContext,
      ExtensionContext context)
      throws Throwable {
    if (rules(context) == null) {
      invocation.proceed();
      return;
    }
    Bench bench = context.getStore(NAMESPACE).get("bench", Bench.class);
    try {
      invocation.proceed();
    } catch (Throwable failure) {
      if (!(failure instanceof TestAbortedException)) { // a test that gave up has shown nothing
        coverage(context).ran(context.getRequiredTestMethod());
      }
      if (bench != null) {
        bench.abandon(failure);
      }
      throw failure;
    }
    coverage(context).ran(context.getRequiredTestMethod());
    if (bench != null) {
      bench.finish();
    }
  }
}

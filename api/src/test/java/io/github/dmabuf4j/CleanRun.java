package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.platform.commons.support.AnnotationSupport;

/**
 * Fails each test in which the validator reported something, also where the exception reached
 * nobody. Registered for all tests of this module, see junit-platform.properties.
 */
public final class CleanRun implements BeforeEachCallback, AfterEachCallback {
  /** The test breaks a rule on purpose. */
  @Retention(RetentionPolicy.RUNTIME)
  @interface ExceptOnPurpose {}

  private static final ExtensionContext.Namespace NAMESPACE =
      ExtensionContext.Namespace.create(CleanRun.class);

  @Override
  public void beforeEach(ExtensionContext context) {
    context.getStore(NAMESPACE).put(context.getUniqueId(), Lockdep.reports());
  }

  @Override
  public void afterEach(ExtensionContext context) {
    long before = context.getStore(NAMESPACE).get(context.getUniqueId(), Long.class);
    boolean onPurpose =
        AnnotationSupport.isAnnotated(context.getRequiredTestMethod(), ExceptOnPurpose.class)
            || AnnotationSupport.isAnnotated(context.getRequiredTestClass(), ExceptOnPurpose.class);
    if (!onPurpose) {
      assertThat(Lockdep.reports())
          .as("reports of the validator in %s: see the log", context.getDisplayName())
          .isEqualTo(before);
    }
  }
}

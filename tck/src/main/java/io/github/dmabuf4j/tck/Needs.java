package io.github.dmabuf4j.tck;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * What a heap must be able to do for a test, or for all of a class, to apply. The heap's row in the
 * table ({@link Capabilities}) decides; nothing that a test finds out when it runs does.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.TYPE, ElementType.METHOD})
@interface Needs {
  /** {@return what the heap must have} */
  Capability[] value() default {};

  /** {@return what the heap must lack} */
  Capability[] without() default {};
}

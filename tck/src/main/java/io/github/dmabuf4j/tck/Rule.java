package io.github.dmabuf4j.tck;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Names the rules of the contract that a test proves, such as {@code FN1} or {@code AL9}, so that a
 * failure says which promise was broken and a report can show which rules have no test. The rules
 * are listed in {@code docs/contract.md} in the source tree.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.TYPE, ElementType.METHOD})
public @interface Rule {
  /** {@return the names of the rules, as the contract writes them} */
  String[] value();
}

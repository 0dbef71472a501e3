package io.github.dmabuf4j.benchmarks.report;

import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** Whom a benchmark is compared with; see {@link Bar}. */
@Retention(RetentionPolicy.RUNTIME)
@Target({})
public @interface Peer {
  /** The method or group of the same class that measures the peer; that with the bar if empty. */
  String method() default "";

  /** What the peer's parameters are where they aren't those of ours: {@code strategy=netty-*}. */
  String[] with() default {};
}

package io.github.dmabuf4j.benchmarks.report;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Repeatable;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * A bar that a benchmark has to pass, declared on the method that measures ours. In a run, ours is
 * divided by the best of its peers, and the ratio is held against the bar.
 *
 * <pre>{@code
 * @Benchmark
 * @Bar(
 *     row = "allocate + close, 4 KiB and 64 KiB, 1 thread",
 *     of = {"strategy=dmabuf4j", "bytes=4096|65536", "zeroed=false"},
 *     peers = @Peer(with = {"strategy=netty-*", "live=*"}),
 *     atMost = 0.5,
 *     stretch = 0.25)
 * public Object allocateClose(Allocations allocations) …
 * }</pre>
 *
 * <p><b>Parameters.</b> {@link #of} and {@link Peer#with} hold one word {@code name=pattern} for
 * each parameter they speak of: values, separated by {@code |}, in which {@code *} stands for any
 * characters. The bar holds for each combination of the parameters that match {@link #of}, those
 * that it doesn't name included: above, for each {@code live} there is a row of its own. A peer has
 * the value of ours for each parameter that {@link Peer#with} doesn't name: above, {@code bytes}
 * and {@code zeroed}. Where several combinations match, the best of them counts.
 *
 * <p><b>Groups.</b> On a method of an {@code @Group} the bar is about the group, whose time is the
 * mean of the times of its methods.
 *
 * <p><b>Without peers</b> the bar is a limit on the measured value itself, in its unit: bytes, for
 * example. Bars on speed ("at least 5 × faster") are bars on time: {@code atMost = 0.2}.
 */
@Documented
@Repeatable(Bar.Several.class)
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.METHOD)
public @interface Bar {
  /** What the bar is about, in words: its row in the design's table. */
  String row();

  /** Which combinations of the parameters are ours; those of every parameter if empty. */
  String[] of() default {};

  /** Whom ours is compared with: the best of all. */
  Peer[] peers() default {};

  /** What is compared. */
  Measure measure() default Measure.TIME;

  /** The name of the counter, with {@link Measure#COUNTER} alone. */
  String counter() default "";

  /** The ratio that passes; without peers, the value. */
  double atMost();

  /** The ratio or value that is wished for; NaN if nothing more is. */
  double stretch() default Double.NaN;

  /** Several bars on one method. */
  @Documented
  @Retention(RetentionPolicy.RUNTIME)
  @Target(ElementType.METHOD)
  @interface Several {
    /** The bars. */
    Bar[] value();
  }
}

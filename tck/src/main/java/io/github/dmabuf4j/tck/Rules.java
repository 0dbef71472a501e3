package io.github.dmabuf4j.tck;

import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * A group of the kit's tests. Each test has the name of its rule, and an open heap of its own; when
 * it is over, nothing may be left of what it used: no live buffer, no callback without its
 * counterpart, no committed byte, no report of the validator.
 *
 * <p>A heap runs all groups by way of {@link HeapConformance}; a group may also be run on its own,
 * by a class that extends it and gives a {@link #subject()}.
 *
 * <p><b>Threads.</b> A test runs on a thread of its own and is given up after a minute.
 */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
public abstract class Rules {
  @RegisterExtension static final KitRun RUN = new KitRun();

  /** For subclasses. */
  protected Rules() {}

  /**
   * What the tests run against.
   *
   * @return the same at each call
   */
  protected abstract Subject subject();
}

package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Importer;
import org.jspecify.annotations.Nullable;

/**
 * A part of the pipeline that uses buffers. While the validator is on, it attaches to each for as
 * long as it uses it, so that a heap's report says who has what. Else it doesn't: five attachments
 * per picture are 1.5 KB of Java heap, nearly as much as all the rest.
 *
 * @param name what it is called in reports
 */
record Stage(String name) implements Importer {
  static final Stage DECODER = new Stage("decoder");
  static final Stage FILTER = new Stage("filter");
  static final Stage ENCODER = new Stage("encoder");

  private static final boolean ATTACHES = Boolean.getBoolean("dmabuf4j.validate");

  /**
   * Attaches to a buffer that this stage begins to use.
   *
   * @return to be closed when it no longer does; null if the validator is off
   */
  @Nullable Attachment use(DmaBuf buffer) {
    return ATTACHES ? buffer.attach(this) : null;
  }
}

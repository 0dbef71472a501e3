package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Importer;

/**
 * A part of the pipeline that uses buffers. It attaches to each for as long as it uses it, so that
 * a heap's report says who has what. It maps nothing: it gets at the bytes by jobs and holds, which
 * FFmpeg needs to outlast the lock under which an attachment is mapped.
 *
 * @param name what it is called in reports
 */
record Stage(String name) implements Importer {
  static final Stage DECODER = new Stage("decoder");
  static final Stage FILTER = new Stage("filter");
  static final Stage ENCODER = new Stage("encoder");

  /**
   * Attaches to a buffer that this stage begins to use.
   *
   * @return to be closed when it no longer does
   */
  Attachment use(DmaBuf buffer) {
    return buffer.attach(this);
  }
}

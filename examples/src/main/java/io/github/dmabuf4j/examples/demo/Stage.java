package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.Importer;

/**
 * A part of the pipeline that uses buffers. It attaches to each for as long as it uses it, so that
 * a heap's report says who has what.
 *
 * @param name what it is called in reports
 */
record Stage(String name) implements Importer {
  static final Stage DECODER = new Stage("decoder");
  static final Stage FILTER = new Stage("filter");
  static final Stage ENCODER = new Stage("encoder");
}

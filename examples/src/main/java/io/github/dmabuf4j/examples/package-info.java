/** The command line: {@code demo} and {@code doctor}. */
@NullMarked
package io.github.dmabuf4j.examples;

import org.jspecify.annotations.NullMarked;

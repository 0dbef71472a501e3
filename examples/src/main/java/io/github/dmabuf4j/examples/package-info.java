/** The command line: {@code demo}, {@code gpu} and {@code doctor}. */
@NullMarked
package io.github.dmabuf4j.examples;

import org.jspecify.annotations.NullMarked;

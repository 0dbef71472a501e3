/** The command {@code bench}: runs the benchmarks and writes their report. */
@NullMarked
package io.github.dmabuf4j.benchmarks.command;

import org.jspecify.annotations.NullMarked;

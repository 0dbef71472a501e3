/**
 * What a run of the benchmarks says: its figures, its ratios against the bars that are declared
 * beside the benchmarks ({@link io.github.dmabuf4j.benchmarks.report.Bar}), as a table, as {@code
 * report.json} ({@link io.github.dmabuf4j.benchmarks.report.Report} is its schema) and as {@code
 * report.html}.
 *
 * <p>Nothing here runs a benchmark. All types are immutable and may be used from any thread.
 */
@NullMarked
package io.github.dmabuf4j.benchmarks.report;

import org.jspecify.annotations.NullMarked;

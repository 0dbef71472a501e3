/**
 * Will hold the conformance kit: one test per rule, run by an exporter on its heap. Today: the
 * annotation that ties a test to a rule.
 */
@NullMarked
package io.github.dmabuf4j.tck;

import org.jspecify.annotations.NullMarked;

/**
 * The conformance kit. Each rule of the contract is a test here; an exporter names its heap and
 * runs them all.
 */
@NullMarked
package io.github.dmabuf4j.tck;

import org.jspecify.annotations.NullMarked;

/**
 * The conformance kit: the rules of the contract about buffers, as tests that any exporter runs on
 * its heap. The rules themselves are in {@code docs/contract.md} in the source tree; {@code
 * docs/conformance.md} shows which the kit proves of whom.
 *
 * <h2>How to use it</h2>
 *
 * <p>Depend on {@code dmabuf4j-tck} and an engine for JUnit Jupiter in the scope of tests, and
 * write one class:
 *
 * {@snippet file="io/github/dmabuf4j/tck/snippets/MyHeapConformanceTest.java" region="conformance"}
 *
 * <p>Run it with {@code -Ddmabuf4j.validate=true}. The tests are {@linkplain
 * io.github.dmabuf4j.tck.Rules grouped}; each has the name of the rule that it proves, such as
 * {@code pn2_heldBuffer_neverMoves}, and says in its {@link io.github.dmabuf4j.tck.Rule} which
 * others. Some make exporters fail on purpose, and the core logs a few of those failures.
 *
 * <h2>What applies</h2>
 *
 * <p>A heap of plain memory can't be asked to move its buffers. What a heap can do is its row in
 * the table, {@link io.github.dmabuf4j.tck.Capabilities}, which says of each {@link
 * io.github.dmabuf4j.tck.Capability} that the heap has it, or why it hasn't. The row alone decides
 * which tests apply; those that don't are reported as skipped, with the reason. A test that applies
 * and didn't run fails the class, whatever kept it from running.
 *
 * <p>{@link io.github.dmabuf4j.tck.Capability#OBSERVABLE} is worth some trouble. With it the kit
 * sees each callback and the lock it comes under, and makes every callback of every use of a buffer
 * fail in turn, or take its time. The exporter only has to be handed to its {@link
 * io.github.dmabuf4j.BufferObject} by way of a function that it is given.
 *
 * <h2>What is left</h2>
 *
 * <p>Each test has a heap of its own. When it is over, no buffer may be live, no pin, hold,
 * attachment or fence left, no callback without its counterpart and no byte committed once the heap
 * is closed; and the validator may have reported nothing. A test that has failed by itself keeps
 * its own error.
 *
 * <h2>How long</h2>
 *
 * <p>Two seconds or so for a heap in memory. No test waits for anything longer than 10 seconds, or
 * what {@code -Ddmabuf4j.tck.limit.seconds} says; none depends on how long something takes.
 */
@NullMarked
package io.github.dmabuf4j.tck;

import org.jspecify.annotations.NullMarked;

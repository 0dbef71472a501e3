/**
 * Exporters to try the core's promises on: those of a heap in plain memory can't be, for nothing
 * there ever moves, and the CPU and the device see the same bytes. All of them are heaps as well,
 * by way of {@link io.github.dmabuf4j.tck.exporters.KitHeap}, so code that uses buffers can be
 * tested with them on any machine:
 *
 * <ul>
 *   <li>{@link io.github.dmabuf4j.tck.exporters.MovingExporter} moves its bytes and spoils the old
 *       place; its content can be dropped; one of its two places is a contiguous region;
 *   <li>{@link io.github.dmabuf4j.tck.exporters.EvictingExporter} gives its memory up when its heap
 *       is full, and its content goes to a {@link io.github.dmabuf4j.tck.exporters.CopyingStore};
 *   <li>{@link io.github.dmabuf4j.tck.exporters.SeparateCopiesExporter} has a copy for the CPU and
 *       one for devices, which meet in brackets only: a missing bracket shows;
 *   <li>{@link io.github.dmabuf4j.tck.exporters.BouncingExporter} has a copy for each mapping,
 *       synchronised one by one in brackets;
 *   <li>{@link io.github.dmabuf4j.tck.exporters.RevocableExporter} can have its memory taken away
 *       under a user's hands;
 *   <li>{@link io.github.dmabuf4j.tck.exporters.PlainExporter} does nothing of the kind;
 *   <li>{@link io.github.dmabuf4j.tck.exporters.Recorder} writes down what any exporter is called
 *       for, by whom and under which lock, and can make each call fail.
 * </ul>
 *
 * <p>They make segments, so they need native access: {@code
 * --enable-native-access=io.github.dmabuf4j.tck}, on the class path {@code ALL-UNNAMED}.
 */
@NullMarked
package io.github.dmabuf4j.tck.exporters;

import org.jspecify.annotations.NullMarked;

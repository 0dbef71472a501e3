package io.github.dmabuf4j.benchmarks.report;

import io.github.dmabuf4j.FragmentationMap;

/**
 * What lies where in a contiguous region, before and after its movable buffers are moved together.
 *
 * @param title what kind of region it is, in words
 * @param movedBytes how many bytes were copied for it
 * @param before what lay where
 * @param after what lies where then
 */
public record CompactedRegion(
    String title, long movedBytes, FragmentationMap before, FragmentationMap after) {}

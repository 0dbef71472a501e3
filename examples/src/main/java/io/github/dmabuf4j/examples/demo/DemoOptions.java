package io.github.dmabuf4j.examples.demo;

import java.nio.file.Path;

/**
 * What a run is to do.
 *
 * @param video the file
 * @param folder where results go
 * @param budgetBytes the most bytes that buffers may take
 * @param maxFrames end after so many pictures; 0 for all
 * @param loops how often the video is run through
 * @param threads of the decoder, at most
 */
public record DemoOptions(
    Path video, Path folder, long budgetBytes, long maxFrames, int loops, int threads) {}

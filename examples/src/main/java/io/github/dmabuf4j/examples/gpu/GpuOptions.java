package io.github.dmabuf4j.examples.gpu;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * What a run is to do.
 *
 * @param video the file
 * @param name what the pictures are called after
 * @param folder where pictures go
 * @param budgetBytes the most bytes that buffers may take
 * @param maxFrames end after so many pictures; 0 for all
 * @param device a number or a part of a name, or null for the best
 * @param path how the device is to get at the bytes, or null for the best way
 * @param threads of the decoder, at most
 */
public record GpuOptions(
    Path video,
    String name,
    Path folder,
    long budgetBytes,
    long maxFrames,
    @Nullable String device,
    @Nullable MemoryPath path,
    int threads) {}

package io.github.dmabuf4j.examples.demo;

import java.nio.file.Path;

/**
 * What is shared.
 *
 * @param video the file to decode, for each client from its beginning
 * @param heap what to open, without a limit
 * @param budgetBytes the heap's limit
 * @param maxFrames after how many pictures to end, 0 for all
 * @param threads of each decoder
 */
public record ShareOptions(
    Path video, String heap, long budgetBytes, long maxFrames, int threads) {}

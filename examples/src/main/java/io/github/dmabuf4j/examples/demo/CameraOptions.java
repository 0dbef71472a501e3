package io.github.dmabuf4j.examples.demo;

import java.nio.file.Path;

/**
 * What a run with a camera is to do.
 *
 * @param camera its device node
 * @param width of its pictures
 * @param height of its pictures
 * @param folder where results go
 * @param budgetBytes the most bytes that buffers may take
 * @param frames how many pictures are captured, at least 1
 */
public record CameraOptions(
    Path camera, int width, int height, Path folder, long budgetBytes, long frames) {}

package io.github.dmabuf4j.examples.gpu;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.examples.BadInputException;
import io.github.dmabuf4j.examples.demo.VideoFrame;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.lwjgl.vulkan.VkCommandBuffer;

/**
 * Filters pictures on a device, one at a time.
 *
 * <p><b>Threads.</b> For one thread.
 */
final class EdgeStage {
  private final ComputeDevice device;
  private final MemoryImport memory;
  private final EdgeCommands commands;
  private final Completion completion;

  EdgeStage(
      ComputeDevice device, MemoryImport memory, EdgeCommands commands, Completion completion) {
    this.device = device;
    this.memory = memory;
    this.commands = commands;
    this.completion = completion;
  }

  /** What to ask a heap for instead, so that the buffer can be imported. */
  AllocationRequest fit(AllocationRequest wanted) {
    return memory.fit(wanted);
  }

  /** A picture that the device filters, or has filtered. */
  final class Run implements AutoCloseable {
    private @Nullable ImportedBuffer from;
    private @Nullable ImportedBuffer to;
    private @Nullable Fence fence;

    private void start(VideoFrame frame, DmaBuf edges)
        throws BadInputException, InterruptedException {
      ImportedBuffer decoded = memory.importBuffer(frame.buffer());
      from = decoded;
      ImportedBuffer result = memory.importBuffer(edges);
      to = result;
      VkCommandBuffer recorded = commands.record(decoded, result, EdgeGeometry.of(frame));
      fence = completion.submit(recorded, frame.buffer(), edges);
    }

    /**
     * Says whether the result can be relied on, once it was waited for.
     *
     * @throws IllegalStateException if the device gave up
     */
    void check() {
      Optional<Throwable> error = Objects.requireNonNull(fence, "submitted").error();
      if (error.isPresent()) {
        throw new IllegalStateException("the device gave up a picture", error.get());
      }
    }

    /** Waits for the device, whose commands use what is closed here, come what may. */
    @Override
    public void close() {
      device.awaitIdle();
      try (var _ = from;
          var _ = to) {
        // One after the other.
      }
    }
  }

  /**
   * Begins to filter a picture. Whoever uses its buffer or that of the result from now on waits for
   * the device.
   *
   * @param frame a picture
   * @param edges gets the result, from its first byte on
   * @return to be closed before the buffers are
   * @throws BadInputException if the device has no such large buffers
   * @throws InterruptedException if the thread is interrupted while waiting for others
   * @throws VulkanException if the device refuses
   */
  Run begin(VideoFrame frame, DmaBuf edges) throws BadInputException, InterruptedException {
    Run run = new Run();
    boolean started = false;
    try {
      run.start(frame, edges);
      started = true;
      return run;
    } finally {
      if (!started) {
        run.close();
      }
    }
  }
}

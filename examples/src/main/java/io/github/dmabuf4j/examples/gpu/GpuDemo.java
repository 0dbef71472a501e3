package io.github.dmabuf4j.examples.gpu;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapDescription;
import io.github.dmabuf4j.HeapProperty;
import io.github.dmabuf4j.HeapUnavailableException;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.device.KernelFences;
import io.github.dmabuf4j.examples.BadInputException;
import io.github.dmabuf4j.examples.demo.VideoFrame;
import io.github.dmabuf4j.examples.demo.VideoFrames;
import java.io.PrintStream;
import java.lang.foreign.MemorySegment;
import java.time.Duration;

/**
 * Decodes a video into buffers, lets a device filter each picture where it lies into a second
 * buffer, and compares the result, read through a mapping of Java's own, with the CPU's.
 *
 * <p><b>Threads.</b> {@link #stop} for any thread, all else for one.
 */
public final class GpuDemo {
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private final GpuOptions options;
  private final PrintStream messages;
  private final Vulkan vulkan;
  private final EdgeComparison comparison = new EdgeComparison();
  private final PictureFiles pictures;
  private long copiedBytes;
  private volatile boolean stopped;

  /**
   * Prepares a run.
   *
   * @param options what to do
   * @param messages where remarks go
   */
  public GpuDemo(GpuOptions options, PrintStream messages) {
    this(options, messages, new Vulkan());
  }

  /** Prepares a run whose calls of Vulkan are looked at. */
  GpuDemo(GpuOptions options, PrintStream messages, Vulkan vulkan) {
    this.options = options;
    this.messages = messages;
    this.vulkan = vulkan;
    this.pictures = new PictureFiles(options.folder(), options.name());
  }

  /** Ends a run early, after the picture in work. */
  public void stop() {
    stopped = true;
  }

  /** What is known of a run while it lasts. */
  private record Outcome(GpuChoice choice, String completion, String heap, long leaked) {}

  /**
   * Runs it.
   *
   * @return what came out
   * @throws BadInputException if Vulkan, the device, the video or the budget can't be used
   * @throws Exception whatever else goes wrong
   */
  public GpuSummary run() throws Exception {
    Outcome outcome;
    try (VulkanInstance instance = VulkanInstance.open(vulkan)) {
      boolean dmaBufs =
          Heaps.chain(HeapProperty.DMABUF).stream().anyMatch(HeapDescription::isAvailable);
      GpuChoice choice =
          GpuChoice.of(instance.devices(), options.device(), options.path(), dmaBufs);
      outcome = run(choice);
    }
    return new GpuSummary(
        comparison.frames(),
        copiedBytes,
        comparison.maxDifference(),
        comparison.differentPixels(),
        outcome.choice.gpu().name(),
        outcome.choice.path(),
        outcome.completion,
        outcome.heap,
        outcome.leaked + vulkan.live(),
        options.folder());
  }

  private Outcome run(GpuChoice choice) throws Exception {
    messages.printf("%s, by %s%n", choice.gpu().name(), choice.path());
    Heap heap = open(choice.path());
    try {
      String completion = run(choice, heap);
      return new Outcome(choice, completion, heap.name(), heap.statistics().liveBuffers());
    } catch (OutOfBuffersException e) {
      throw new BadInputException(
          "a budget of %d bytes is too small for the decoder and a result: %s"
              .formatted(options.budgetBytes(), e.getMessage()));
    } finally {
      if (!heap.drain(PATIENCE)) {
        messages.println("leaked: " + heap.info());
      }
    }
  }

  private Heap open(MemoryPath path) throws BadInputException {
    String uri =
        switch (path) {
          case DMA_BUF -> "any:system?require=DMABUF&limit=" + options.budgetBytes();
          case HOST_POINTER -> "offheap:system?limit=" + options.budgetBytes();
        };
    try {
      return Heaps.open(uri);
    } catch (IllegalArgumentException | HeapUnavailableException e) {
      throw new BadInputException(
          "a heap \"%s\" can't be opened: %s".formatted(uri, e.getMessage()));
    }
  }

  /** How the others learnt that the device was done. */
  private String run(GpuChoice choice, Heap heap) throws Exception {
    try (ComputeDevice device = ComputeDevice.open(vulkan, choice.gpu(), choice.path());
        EdgePipeline pipeline = EdgePipeline.of(device);
        EdgeCommands commands = EdgeCommands.of(device, pipeline);
        Completion completion = completion(device)) {
      MemoryImport memory = MemoryImport.of(device);
      EdgeStage stage = new EdgeStage(device, memory, commands, completion);
      try (VideoFrames frames =
          VideoFrames.open(
              options.video(), request -> heap.allocate(memory.fit(request)), options.threads())) {
        filterAll(frames, stage, heap);
      }
      return completion.name();
    }
  }

  private static Completion completion(ComputeDevice device) {
    return device.path() == MemoryPath.DMA_BUF && device.gpu().syncFiles()
        ? SyncFileCompletion.of(device, KernelFences.ofThisProcess())
        : HostFenceCompletion.of(device);
  }

  private void filterAll(VideoFrames frames, EdgeStage stage, Heap heap) throws Exception {
    for (VideoFrame next = frames.next(); next != null; next = frames.next()) {
      try (VideoFrame frame = next) {
        filter(frame, stage, heap);
      }
      boolean enough = options.maxFrames() > 0 && comparison.frames() >= options.maxFrames();
      if (enough || stopped) {
        return;
      }
    }
    if (comparison.frames() == 0) {
      throw new BadInputException(options.video() + " has no picture that can be decoded");
    }
  }

  private void filter(VideoFrame frame, EdgeStage stage, Heap heap) throws Exception {
    copiedBytes += frame.copiedBytes();
    int stride = EdgeGeometry.edgesStride(frame);
    AllocationRequest request =
        AllocationRequest.of((long) stride * frame.height()).uninitialized().name("edges").build();
    try (DmaBuf edges = heap.allocate(stage.fit(request));
        EdgeStage.Run run = stage.begin(frame, edges)) {
      byte[] expected = frame.edges(); // meanwhile
      edges.read( // waits for the device
          result -> {
            comparison.add(expected, result, stride, frame.width());
            return result.byteSize();
          });
      run.check();
      if (comparison.frames() == 1) {
        pictures.write("decoded", frame.luma(), frame.width());
        pictures.write("edges-cpu", expected, frame.width());
        pictures.write("edges-gpu", edges.read(all -> pixels(all, frame, stride)), frame.width());
      }
    }
  }

  private static byte[] pixels(MemorySegment from, VideoFrame frame, int stride) {
    byte[] pixels = new byte[frame.width() * frame.height()];
    for (int y = 0; y < frame.height(); y++) {
      MemorySegment.copy(
          from, JAVA_BYTE, (long) y * stride, pixels, y * frame.width(), frame.width());
    }
    return pixels;
  }
}

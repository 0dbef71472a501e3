package io.github.dmabuf4j.examples;

import io.github.dmabuf4j.examples.gpu.GpuDemo;
import io.github.dmabuf4j.examples.gpu.GpuOptions;
import io.github.dmabuf4j.examples.gpu.GpuSummary;
import io.github.dmabuf4j.examples.gpu.MemoryPath;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Filters a video on a GPU, where its pictures lie, and compares with the CPU. */
@Command(
    name = "gpu",
    description = {
      "Finds the edges in a video on a GPU, by Vulkan, in the buffers that it was decoded into,"
          + " and compares each pixel with the CPU's.",
      "The last line is for machines: max_difference is 0 if the pictures are the same.",
      "The first picture goes to the output folder: decoded, the CPU's edges and the GPU's."
    },
    exitCodeListHeading = "%nExit status:%n",
    exitCodeList = {
      "0:the pictures are the same",
      "1:they differ, or an internal error",
      "2:Vulkan is missing, or the video, the device or another option can't be used",
      "130:interrupted by Ctrl-C; 143 by SIGTERM"
    },
    mixinStandardHelpOptions = true)
final class GpuCommand implements Callable<Integer> {
  private static final int MAX_DECODER_THREADS = 16;

  @Mixin private VideoInput input = new VideoInput();

  @Option(
      names = "--device",
      paramLabel = "NAME",
      description = "A part of the device's name, or its number (default: the best, a real GPU).")
  private @Nullable String device;

  @Option(
      names = "--path",
      paramLabel = "PATH",
      converter = PathConverter.class,
      description =
          "How the device gets at the bytes, dma-buf or host-pointer (default: dma-buf where there"
              + " is a heap of dma-bufs and the device can import them).")
  private @Nullable MemoryPath path;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      defaultValue = "dmabuf4j-gpu",
      description = "The folder for pictures, created if missing (default: ${DEFAULT-VALUE}).")
  private Path out = Path.of("");

  private final PrintStream results = System.out;
  private final PrintStream messages = System.err;

  /** Paths by the names that results have. */
  static final class PathConverter implements CommandLine.ITypeConverter<MemoryPath> {
    @Override
    public MemoryPath convert(String value) {
      return Arrays.stream(MemoryPath.values())
          .filter(path -> path.toString().equals(value))
          .findFirst()
          .orElseThrow(
              () ->
                  new CommandLine.TypeConversionException(
                      "wanted dma-buf or host-pointer, got " + value));
    }
  }

  @Override
  public Integer call() throws Exception {
    long budgetBytes = input.budgetBytes();
    long frames = input.frames();
    OptionChecks.folder(out);
    try (Ending end = Ending.prepare()) {
      if (end == null) {
        return CommandLine.ExitCode.OK; // the JVM has another one
      }
      GpuSummary summary = input.use((file, name) -> run(file, name, budgetBytes, frames, end));
      results.println(summary.line());
      results.flush(); // before a shutdown that waits for this ends
      return summary.maxDifference() == 0 ? CommandLine.ExitCode.OK : CommandLine.ExitCode.SOFTWARE;
    }
  }

  private GpuSummary run(Path file, String name, long budgetBytes, long frames, Ending end)
      throws Exception {
    int threads = Math.min(MAX_DECODER_THREADS, Runtime.getRuntime().availableProcessors());
    GpuOptions options =
        new GpuOptions(file, name, out, budgetBytes, frames, device, path, threads);
    GpuDemo demo = new GpuDemo(options, messages);
    end.concerns(demo::stop);
    return demo.run();
  }
}

package io.github.dmabuf4j.examples;

import io.github.dmabuf4j.ByteSize;
import io.github.dmabuf4j.examples.demo.Clip;
import io.github.dmabuf4j.examples.demo.Demo;
import io.github.dmabuf4j.examples.demo.DemoOptions;
import io.github.dmabuf4j.examples.demo.Summary;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Decodes, filters and encodes a video without copying it between the stages. */
@Command(
    name = "demo",
    description = "Finds the edges in a video: decode, filter, encode, without a copy in between.",
    mixinStandardHelpOptions = true)
final class DemoCommand implements Callable<Integer> {
  private static final int MAX_DECODER_THREADS = 16;
  private static final long SECONDS_TO_END = 10;
  private static final long WARM_UP_SECONDS = 5;

  @Parameters(
      arity = "0..1",
      paramLabel = "VIDEO",
      description =
          "Any video that FFmpeg reads. Unless given, a clip that comes with the program.")
  private @Nullable Path video;

  @Option(
      names = "--budget",
      paramLabel = "SIZE",
      defaultValue = "64MiB",
      description = "The most bytes that buffers may take (default: ${DEFAULT-VALUE}).")
  private String budget = "";

  @Option(
      names = "--out",
      paramLabel = "DIR",
      defaultValue = "dmabuf4j-demo",
      description = "Where results go; made if need be (default: ${DEFAULT-VALUE}).")
  private Path out = Path.of("");

  @Option(
      names = "--frames",
      paramLabel = "N",
      defaultValue = "0",
      description = "End after so many frames; 0 is all (default: ${DEFAULT-VALUE}).")
  private long frames;

  @Option(
      names = "--loop",
      paramLabel = "N",
      defaultValue = "1",
      description = "Run through the video so often (default: ${DEFAULT-VALUE}).")
  private int loops = 1;

  @Option(
      names = "--compare",
      description = "Run the usual way too, with a copy from stage to stage.")
  private boolean compare;

  @Option(
      names = "--runs",
      paramLabel = "N",
      defaultValue = "1",
      description =
          "With --compare: warm up, run both ways so often in turn, print the median"
              + " (default: ${DEFAULT-VALUE}).")
  private int runs = 1;

  private final PrintStream results = System.out;
  private final PrintStream messages = System.err;

  @Override
  public Integer call() throws Exception {
    long budgetBytes = checkedBudget();
    checkNumbers();
    makeFolder();
    try (Ending end = new Ending()) {
      if (video != null) {
        run(video, stem(video), budgetBytes, end);
      } else {
        try (Clip clip = Clip.unpack()) {
          run(clip.file(), Clip.NAME, budgetBytes, end);
        }
      }
    }
    return CommandLine.ExitCode.OK;
  }

  private void run(Path file, String name, long budgetBytes, Ending end) throws Exception {
    int threads = Math.min(MAX_DECODER_THREADS, Runtime.getRuntime().availableProcessors());
    DemoOptions options = new DemoOptions(file, out, budgetBytes, frames, loops, threads);
    if (compare) {
      compare(options, name, end);
    } else {
      print(run(options, name, false, end), "");
    }
  }

  private Summary run(DemoOptions options, String name, boolean copying, Ending end)
      throws Exception {
    Demo demo = new Demo(options, name + (copying ? "-edges-copying" : "-edges"), messages);
    end.concerns(demo);
    return copying ? demo.runCopying() : demo.runShared();
  }

  private void compare(DemoOptions options, String name, Ending end) throws Exception {
    long warm = System.nanoTime() + TimeUnit.SECONDS.toNanos(runs > 1 ? WARM_UP_SECONDS : 0);
    while (System.nanoTime() - warm < 0 && !end.hasBegun()) {
      run(options, name, false, end);
      if (!end.hasBegun()) {
        run(options, name, true, end);
      }
    }
    List<Summary> shared = new ArrayList<>();
    List<Summary> copying = new ArrayList<>();
    for (int i = 0; i < runs && (i == 0 || !end.hasBegun()); i++) {
      shared.add(run(options, name, false, end));
      if (end.hasBegun()) {
        break;
      }
      copying.add(run(options, name, true, end));
      messages.printf(
          Locale.ROOT,
          "run %d: %.1f frames per second without copies, %.1f with%n",
          i + 1,
          shared.getLast().framesPerSecond(),
          copying.getLast().framesPerSecond());
    }
    print(median(shared), "");
    if (!copying.isEmpty()) {
      print(median(copying), " pipeline=copying");
    }
  }

  private static Summary median(List<Summary> summaries) {
    List<Summary> sorted = new ArrayList<>(summaries);
    sorted.sort(Comparator.comparingDouble(Summary::framesPerSecond));
    return sorted.get(sorted.size() / 2);
  }

  private void print(Summary summary, String suffix) {
    if (summary.damagedFrames() > 0) {
      messages.printf("%d frames were damaged%n", summary.damagedFrames());
    }
    messages.printf("%d bytes of Java heap per frame%n", summary.heapBytesPerFrame());
    results.println(summary.line() + suffix);
    results.flush(); // before a shutdown that waits for this ends
  }

  private long checkedBudget() throws BadInputException {
    try {
      long bytes = ByteSize.parse(budget);
      if (bytes > 0) {
        return bytes;
      }
    } catch (IllegalArgumentException e) {
      throw new BadInputException("--budget: " + e.getMessage());
    }
    throw new BadInputException("--budget: wanted a size above 0, got " + budget);
  }

  private void checkNumbers() throws BadInputException {
    if (frames < 0) {
      throw new BadInputException(
          "--frames: wanted a number of frames, or 0 for all, got " + frames);
    }
    if (runs < 1) {
      throw new BadInputException("--runs: wanted a number from 1 on, got " + runs);
    }
    if (loops < 1) {
      throw new BadInputException("--loop: wanted a number from 1 on, got " + loops);
    }
  }

  private void makeFolder() throws BadInputException {
    try {
      Files.createDirectories(out);
    } catch (FileAlreadyExistsException e) {
      throw new BadInputException("--out: %s is there and is no folder".formatted(e.getFile()));
    } catch (FileSystemException e) {
      String reason = e.getReason() == null ? "not permitted" : e.getReason();
      throw new BadInputException("--out: %s can't be made: %s".formatted(out, reason));
    } catch (IOException e) {
      throw new BadInputException("--out: %s can't be made: %s".formatted(out, e.getMessage()));
    }
    if (!Files.isWritable(out)) {
      throw new BadInputException("--out: %s may not be written".formatted(out));
    }
  }

  private static String stem(Path file) {
    String name = file.getFileName().toString();
    int dot = name.lastIndexOf('.');
    return dot > 0 ? name.substring(0, dot) : name;
  }

  /** Ends a run properly when the program is interrupted: the JVM waits for its shutdown hooks. */
  private static final class Ending implements AutoCloseable {
    private final CountDownLatch ended = new CountDownLatch(1);
    private final Thread hook = new Thread(this::begin, "dmabuf4j-interrupted");

    // Guarded by this.
    private @Nullable Demo running;
    private boolean begun;

    Ending() {
      Runtime.getRuntime().addShutdownHook(hook);
    }

    /** What to stop; stopped at once if that was asked for before. */
    synchronized void concerns(Demo demo) {
      running = demo;
      if (begun) {
        demo.stop();
      }
    }

    synchronized boolean hasBegun() {
      return begun;
    }

    private void begin() {
      synchronized (this) {
        begun = true;
        if (running != null) {
          running.stop();
        }
      }
      await();
    }

    private void await() {
      try {
        ended.await(SECONDS_TO_END, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    @Override
    public void close() {
      ended.countDown();
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException e) {
        // Being shut down, by this hook.
      }
    }
  }
}

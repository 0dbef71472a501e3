package io.github.dmabuf4j.examples;

import io.github.dmabuf4j.examples.demo.CameraDemo;
import io.github.dmabuf4j.examples.demo.CameraOptions;
import io.github.dmabuf4j.examples.demo.Demo;
import io.github.dmabuf4j.examples.demo.DemoOptions;
import io.github.dmabuf4j.examples.demo.PressureDemo;
import io.github.dmabuf4j.examples.demo.Summary;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Decodes, filters and encodes a video without copying it between the stages. */
@Command(
    name = "demo",
    description = {
      "Finds the edges in a video: decode, filter, encode, without a copy in between.",
      "With --camera: captures pictures instead of decoding them, and writes contact sheets.",
      "With --pressure: keeps every picture, in a budget for a fifth of them, and plays them"
          + " backwards; nothing is written.",
      "The last line is for machines. Ctrl-C ends the run early: what was begun is encoded, the"
          + " file can be played, and the line says truncated=true."
    },
    exitCodeListHeading = "%nExit status:%n",
    exitCodeList = {
      "0:it worked, also for a video that is cut",
      "1:an internal error",
      "2:the video, the budget or another option can't be used",
      "130:interrupted by Ctrl-C; 143 by SIGTERM"
    },
    mixinStandardHelpOptions = true)
final class DemoCommand implements Callable<Integer> {
  private static final int MAX_DECODER_THREADS = 16;
  private static final long WARM_UP_SECONDS = 5;
  private static final long CAPTURED_FRAMES = 100;
  private static final Pattern SIZE = Pattern.compile("([1-9]\\d{0,4})x([1-9]\\d{0,4})");

  /** What ends the line of the pipeline that copies. */
  private static final String COPYING = " pipeline=copying";

  @Mixin private VideoInput input = new VideoInput();

  @Option(
      names = "--out",
      paramLabel = "DIR",
      defaultValue = "dmabuf4j-demo",
      description = "The folder for the results, created if missing (default: ${DEFAULT-VALUE}).")
  private Path out = Path.of("");

  @Option(
      names = "--loop",
      paramLabel = "N",
      defaultValue = "1",
      description = "Run the video through N times (default: ${DEFAULT-VALUE}).")
  private int loops = 1;

  @Option(
      names = "--compare",
      description = "Also run the usual way, with a copy from stage to stage.")
  private boolean compare;

  @Option(
      names = "--runs",
      paramLabel = "N",
      defaultValue = "1",
      description =
          "With --compare: warm up, run both ways N times in turn, print the medians"
              + " (default: ${DEFAULT-VALUE}).")
  private int runs = 1;

  @Option(
      names = "--pressure",
      description =
          "Keep every decoded picture in a cache that has room for a fifth of them (or for"
              + " --budget): key frames are evicted, others dropped; then play the cache"
              + " backwards.")
  private boolean pressure;

  @Option(
      names = "--camera",
      paramLabel = "NODE",
      description =
          "Capture from a camera, for example /dev/video0, instead of a video: it writes into"
              + " dma-bufs. Writes contact sheets; ends after --frames pictures, or 100.")
  private @Nullable Path camera;

  @Option(
      names = "--size",
      paramLabel = "WxH",
      defaultValue = "640x480",
      description = "With --camera: the size of its pictures (default: ${DEFAULT-VALUE}).")
  private String size = "";

  @Spec private CommandSpec spec = CommandSpec.create();

  private final PrintStream results = System.out;
  private final PrintStream messages = System.err;

  @Override
  public Integer call() throws Exception {
    long budgetBytes = isBudgetOpen() ? 0 : input.budgetBytes();
    long frames = input.frames();
    checkNumbers();
    checkChoice();
    if (!pressure) {
      OptionChecks.folder(out);
    }
    try (Ending end = Ending.prepare()) {
      if (end != null) {
        run(budgetBytes, frames, end);
      }
    } catch (CancellationException e) {
      messages.println(
          pressure ? "interrupted" : "interrupted before the first picture: nothing was written");
    }
    return CommandLine.ExitCode.OK; // the JVM has another one where it was interrupted
  }

  private void run(long budgetBytes, long frames, Ending end) throws Exception {
    if (camera != null) {
      capture(camera, budgetBytes, frames, end);
      return;
    }
    int threads = Math.min(MAX_DECODER_THREADS, Runtime.getRuntime().availableProcessors());
    input.use(
        (file, name) -> {
          run(new DemoOptions(file, out, budgetBytes, frames, loops, threads), name, end);
          return name;
        });
  }

  private void run(DemoOptions options, String name, Ending end) throws Exception {
    if (pressure) {
      runUnderPressure(options, end);
    } else if (compare) {
      compare(options, name, end);
    } else {
      print(runShared(options, name, end), "");
    }
  }

  private void capture(Path node, long budgetBytes, long frames, Ending end) throws Exception {
    Matcher pixels = SIZE.matcher(size);
    if (!pixels.matches()) {
      throw new BadInputException("--size: wanted a size such as 640x480, got " + size);
    }
    CameraDemo demo =
        new CameraDemo(
            new CameraOptions(
                node,
                Integer.parseInt(pixels.group(1)),
                Integer.parseInt(pixels.group(2)),
                out,
                budgetBytes,
                frames == 0 ? CAPTURED_FRAMES : frames),
            messages);
    end.concerns(demo::stop);
    results.println(demo.run().line());
    results.flush();
  }

  private void runUnderPressure(DemoOptions options, Ending end) throws Exception {
    PressureDemo demo = new PressureDemo(options, messages);
    end.concerns(demo::stop);
    results.println(demo.run().line());
    results.flush();
  }

  private Summary runShared(DemoOptions options, String name, Ending end) throws Exception {
    Demo demo = new Demo(options, name + "-edges", messages);
    end.concerns(demo::stop);
    return demo.runShared();
  }

  private Summary runCopying(DemoOptions options, String name, Ending end) throws Exception {
    Demo demo = new Demo(options, name + "-edges-copying", messages);
    end.concerns(demo::stop);
    return demo.runCopying();
  }

  /**
   * Runs both ways in turn. Interrupted, it says what the last run did and no more: its file is the
   * one that is there, and the runs before aren't all that was asked for.
   */
  private void compare(DemoOptions options, String name, Ending end) throws Exception {
    long warm = System.nanoTime() + TimeUnit.SECONDS.toNanos(runs > 1 ? WARM_UP_SECONDS : 0);
    List<Summary> shared = new ArrayList<>();
    List<Summary> copying = new ArrayList<>();
    while (shared.size() < runs) {
      boolean counts = System.nanoTime() - warm >= 0;
      Summary without = runShared(options, name, end);
      if (end.hasBegun()) {
        print(without, "");
        return;
      }
      Summary with = runCopying(options, name, end);
      if (end.hasBegun()) {
        print(with, COPYING);
        return;
      }
      if (counts) {
        shared.add(without);
        copying.add(with);
        messages.printf(
            Locale.ROOT,
            "run %d: %.1f frames per second without copies, %.1f with copies%n",
            shared.size(),
            without.framesPerSecond(),
            with.framesPerSecond());
      }
    }
    print(median(shared), "");
    print(median(copying), COPYING);
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

  /** Whether the budget depends on the video. */
  private boolean isBudgetOpen() {
    return pressure && !spec.commandLine().getParseResult().hasMatchedOption("--budget");
  }

  private void checkChoice() throws BadInputException {
    if (camera != null && (pressure || compare || loops != 1 || input.isNamed())) {
      throw new BadInputException(
          "--camera captures once, and has nothing to compare: leave out %s"
              .formatted(
                  pressure
                      ? "--pressure"
                      : compare ? "--compare" : input.isNamed() ? "the video" : "--loop"));
    }
    if (pressure && (compare || loops != 1)) {
      throw new BadInputException(
          "--pressure plays one video once, and has nothing to compare: leave out "
              + (compare ? "--compare" : "--loop"));
    }
  }

  private void checkNumbers() throws BadInputException {
    if (runs < 1) {
      throw new BadInputException("--runs: wanted a number of at least 1, got " + runs);
    }
    if (loops < 1) {
      throw new BadInputException("--loop: wanted a number of at least 1, got " + loops);
    }
  }
}

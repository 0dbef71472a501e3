package io.github.dmabuf4j.benchmarks.command;

import io.github.dmabuf4j.benchmarks.report.Measurement;
import io.github.dmabuf4j.benchmarks.report.Trial;
import java.io.Console;
import java.io.PrintStream;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/**
 * Says how far a run is: a bar on a terminal, a line for each trial elsewhere. Not thread-safe; its
 * user holds a lock.
 */
final class Progress implements AutoCloseable {
  /**
   * How wide the bar is. The library would ask the terminal, by way of JLine, which takes the
   * signals from the JVM: Ctrl-C would kill the program at once, without a report.
   */
  private static final int COLUMNS = 99;

  private static final int SCALE = 1000;

  private final PrintStream out;
  private final int trials;
  private final @Nullable ProgressBar bar;
  private int done;

  /**
   * Begins.
   *
   * @param trials how many there will be
   */
  Progress(PrintStream out, int trials) {
    this.out = out;
    this.trials = trials;
    this.bar = isTerminal() ? bar(out, trials) : null;
  }

  @SuppressWarnings("SystemConsoleNull") // true of 22 to 24; from 25 on there is none without a tty
  private static boolean isTerminal() {
    Console console = System.console();
    return console != null && console.isTerminal();
  }

  private static ProgressBar bar(PrintStream out, int trials) {
    return new ProgressBarBuilder()
        .setTaskName("bench")
        .setInitialMax((long) trials * SCALE)
        .hideEta()
        .setUnit("", SCALE)
        .setStyle(ProgressBarStyle.ASCII)
        .setConsumer(new ConsoleProgressBarConsumer(out, COLUMNS))
        .build();
  }

  /** A trial begins. */
  void begin(Trial trial) {
    if (bar != null) {
      bar.setExtraMessage(trial.shortName());
    }
  }

  /** A part of a trial is done: 1 is all of it. */
  void advance(double part) {
    if (bar != null) {
      bar.stepTo((long) ((done + Math.min(1, part)) * SCALE));
    }
  }

  /** A trial is done. */
  void end(Measurement measurement) {
    end(measurement.trial().label() + " " + measurement.score().text());
  }

  /** A trial failed. */
  void fail(Trial trial) {
    end(trial.label() + " failed");
  }

  private void end(String line) {
    done++;
    if (bar != null) {
      bar.stepTo((long) done * SCALE);
    } else {
      out.println(done + " of " + trials + ": " + line);
    }
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    }
  }
}

package io.github.dmabuf4j.examples.demo;

import java.io.Console;
import java.io.PrintStream;
import java.util.concurrent.TimeUnit;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/** Says how far a run is: a bar on a terminal, now and then a line elsewhere. */
final class Progress implements AutoCloseable {
  private static final long LINE_EVERY_NANOS = TimeUnit.SECONDS.toNanos(2);

  /**
   * How wide the bar is. The library would ask the terminal, by way of JLine, which takes the
   * signals from the JVM: Ctrl-C would kill the program at once, without an end to the file.
   */
  private static final int COLUMNS = 79;

  private final PrintStream out;
  private final String task;
  private final long total;
  private final @Nullable ProgressBar bar;
  private long done;
  private long nextLine = System.nanoTime() + LINE_EVERY_NANOS;

  /**
   * Begins.
   *
   * @param total how many pictures are expected, 0 if that isn't known
   */
  Progress(PrintStream out, String task, long total) {
    this.out = out;
    this.task = task;
    this.total = total;
    this.bar = isTerminal() ? bar(out, task, total) : null;
  }

  @SuppressWarnings("SystemConsoleNull") // true of 22 to 24; from 25 on there is none without a tty
  static boolean isTerminal() {
    Console console = System.console();
    return console != null && console.isTerminal();
  }

  private static ProgressBar bar(PrintStream out, String task, long total) {
    return new ProgressBarBuilder()
        .setTaskName(task)
        .setInitialMax(total > 0 ? total : -1)
        .setUnit(" frames", 1)
        .showSpeed()
        .setStyle(ProgressBarStyle.ASCII)
        .setConsumer(new ConsoleProgressBarConsumer(out, COLUMNS))
        .build();
  }

  /** One more picture is done. */
  void step() {
    done++;
    if (bar != null) {
      bar.step();
    } else if (System.nanoTime() - nextLine >= 0) {
      nextLine += LINE_EVERY_NANOS;
      out.println(total > 0 ? task + ": " + done + " of " + total : task + ": " + done);
    }
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    }
  }
}

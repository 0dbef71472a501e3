package io.github.dmabuf4j.benchmarks.command;

import io.github.dmabuf4j.benchmarks.report.BarTable;
import io.github.dmabuf4j.benchmarks.report.Machine;
import io.github.dmabuf4j.benchmarks.report.Report;
import io.github.dmabuf4j.benchmarks.report.Settings;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.TimeValue;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Runs benchmarks, each beside its peers, and writes a report. */
@Command(
    name = "dmabuf4j bench",
    description = {
      "Runs benchmarks, each beside its peers, and holds the ratios against the bars.",
      "Writes report.html, report.json and jmh.log; prints the bars: PASS, or the figure.",
      "Ctrl-C ends the run early: what was measured is reported, and marked as truncated."
    },
    exitCodeListHeading = "%nExit status:%n",
    exitCodeList = {
      "0:everything was measured, whatever came out",
      "1:a benchmark failed, or an internal error",
      "2:a name, the folder or another option can't be used",
      "130:interrupted by Ctrl-C; 143 by SIGTERM"
    },
    mixinStandardHelpOptions = true)
public final class Main implements Callable<Integer> {
  @Parameters(
      paramLabel = "NAME",
      description = "Classes, such as Fence, or methods, such as Fence.signal (default: all).")
  private List<String> names = new ArrayList<>();

  @Option(names = "--quick", description = "One fork, short iterations: minutes, not exact.")
  private boolean quick;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      defaultValue = "dmabuf4j-bench",
      description = "The folder for the report, created if missing (default: ${DEFAULT-VALUE}).")
  private Path out = Path.of("");

  @Option(names = "--list", description = "Name the benchmarks, and run none.")
  private boolean list;

  @Option(names = "--forks", paramLabel = "N", description = "JVMs for each benchmark.")
  private @Nullable Integer forks;

  @Option(names = "--warmups", paramLabel = "N", description = "Iterations to warm up, per fork.")
  private @Nullable Integer warmups;

  @Option(names = "--iterations", paramLabel = "N", description = "Measured ones, per fork.")
  private @Nullable Integer iterations;

  @Option(names = "--time", paramLabel = "TIME", description = "An iteration's, such as 100ms.")
  private @Nullable String time;

  @Option(
      names = "--param",
      paramLabel = "NAME=VALUE[,VALUE...]",
      description = "Only these values of a parameter.")
  private Map<String, String> parameters = new LinkedHashMap<>();

  private final PrintStream results = System.out;
  private final PrintStream messages = System.err;

  private Main() {}

  /**
   * Runs benchmarks and exits: 0 if it worked, 1 if one failed or after an internal error, 2 if the
   * input can't be used.
   *
   * @param args names and options
   */
  public static void main(String[] args) {
    System.exit(run(args));
  }

  /**
   * Runs benchmarks.
   *
   * @param args names and options
   * @return the exit status
   */
  public static int run(String... args) {
    CommandLine line = new CommandLine(new Main());
    line.setParameterExceptionHandler(
        (e, ignored) -> {
          e.getCommandLine().getErr().println(oneLine(e));
          return CommandLine.ExitCode.USAGE;
        });
    line.setExecutionExceptionHandler(
        (e, command, ignored) -> {
          if (e instanceof BadInputException) {
            command.getErr().println(oneLine(e));
            return CommandLine.ExitCode.USAGE;
          }
          e.printStackTrace(command.getErr());
          return CommandLine.ExitCode.SOFTWARE;
        });
    return line.execute(args);
  }

  private static String oneLine(Exception e) {
    return "dmabuf4j: " + String.valueOf(e.getMessage()).replaceAll("\\s*\\R\\s*", " ");
  }

  @Override
  public Integer call() throws Exception {
    Map<String, List<String>> overrides = overrides();
    Selection selection = Selection.of(names, overrides);
    Effort effort = effort();
    if (list) {
      selection.lines().forEach(results::println);
      return CommandLine.ExitCode.OK;
    }
    OutputFolder folder = OutputFolder.make(out);
    try (Run run = new Run(selection, overrides, effort, folder, messages);
        Ending ending = Ending.of(run.collector())) {
      return ending == null ? CommandLine.ExitCode.SOFTWARE : run(run, effort, folder);
    }
  }

  private int run(Run run, Effort effort, OutputFolder folder)
      throws IOException, BadInputException, InterruptedException {
    Machine machine = Machine.read();
    int status = CommandLine.ExitCode.OK;
    try {
      run.measure();
    } catch (RunnerException e) {
      messages.println(oneLine(e));
      status = CommandLine.ExitCode.SOFTWARE;
    }
    Report report = run.report(machine, settings(effort));
    if (report.measurements().isEmpty() && report.failures().isEmpty()) {
      messages.println("nothing was measured: no report is written");
      return status;
    }
    folder.write(report);
    print(report, folder);
    return report.failures().isEmpty() ? status : CommandLine.ExitCode.SOFTWARE;
  }

  private void print(Report report, OutputFolder folder) {
    report.failures().forEach(name -> messages.println("failed: " + name));
    report.warnings().forEach(messages::println);
    BarTable.lines(report.bars()).forEach(results::println);
    results.printf(
        "%s%s, %s; what JMH said: %s%n",
        report.isTruncated() ? "truncated: " : "", folder.page(), folder.data(), folder.log());
    results.flush(); // before a shutdown that waits for this ends
  }

  private Settings settings(Effort effort) {
    return new Settings(
        Run.jmhVersion(),
        names,
        quick,
        effort.forks(),
        effort.warmups(),
        effort.iterations(),
        effort.time() == null ? null : effort.time().toString(),
        parameters);
  }

  private Effort effort() throws BadInputException {
    if (!quick) {
      checkAtLeast("--forks", forks, 1);
      checkAtLeast("--warmups", warmups, 0);
      checkAtLeast("--iterations", iterations, 1);
      return new Effort(forks, warmups, iterations, time());
    }
    if (forks != null || warmups != null || iterations != null || time != null) {
      throw new BadInputException(
          "--quick sets forks, warm-ups, iterations and their time by itself: leave it out, or"
              + " --forks, --warmups, --iterations and --time");
    }
    return Effort.QUICK;
  }

  private static void checkAtLeast(String option, @Nullable Integer value, int least)
      throws BadInputException {
    if (value != null && value < least) {
      throw new BadInputException(
          "%s: wanted a number of at least %d, got %d".formatted(option, least, value));
    }
  }

  private @Nullable TimeValue time() throws BadInputException {
    if (time == null) {
      return null;
    }
    try {
      TimeValue value = TimeValue.fromString(time);
      if (value.getTime() > 0) {
        return value;
      }
    } catch (IllegalArgumentException e) {
      // said below
    }
    throw new BadInputException("--time: wanted a time such as 100ms or 2s, got " + time);
  }

  private Map<String, List<String>> overrides() throws BadInputException {
    Map<String, List<String>> overrides = new LinkedHashMap<>();
    for (Map.Entry<String, String> one : parameters.entrySet()) {
      List<String> values = Arrays.asList(one.getValue().split(",", -1));
      if (values.contains("")) {
        throw new BadInputException(
            "--param: wanted %s=VALUE or %s=VALUE,VALUE, got %s=%s"
                .formatted(one.getKey(), one.getKey(), one.getKey(), one.getValue()));
      }
      overrides.put(one.getKey(), values);
    }
    return overrides;
  }
}

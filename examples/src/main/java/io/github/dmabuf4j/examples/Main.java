package io.github.dmabuf4j.examples;

import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The command line of dmabuf4j. */
@Command(
    name = "dmabuf4j",
    description = "Off-heap buffers with the promises of Linux dma-buf.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {DemoCommand.class, ShareCommand.class, GpuCommand.class, DoctorCommand.class},
    footer =
        "  bench   Runs benchmarks beside their peers, and writes a report; the script dmabuf4j"
            + " alone%n            has it, because it is built only then.")
public final class Main implements Runnable {
  @SuppressWarnings("NullAway.Init") // by picocli
  @CommandLine.Spec
  private CommandLine.Model.CommandSpec spec;

  private Main() {}

  /**
   * Runs a command and exits: 0 if it worked, 1 after an internal error, 2 if the input can't be
   * used.
   *
   * @param args command and options
   */
  public static void main(String[] args) {
    System.exit(run(args));
  }

  /**
   * Runs a command.
   *
   * @param args command and options
   * @return the exit status
   */
  public static int run(String... args) {
    CommandLine line = new CommandLine(new Main());
    line.setCaseInsensitiveEnumValuesAllowed(true);
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
  public void run() {
    throw new CommandLine.ParameterException(
        spec.commandLine(), "no command given: use demo, share, gpu, doctor or bench, or --help");
  }
}

package io.github.dmabuf4j.examples;

import io.github.dmabuf4j.device.sharing.PeerAddress;
import io.github.dmabuf4j.examples.demo.ShareClient;
import io.github.dmabuf4j.examples.demo.ShareOptions;
import io.github.dmabuf4j.examples.demo.ShareServer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Decodes a video in one process and looks at its frames in another, in the same memory. */
@Command(
    name = "share",
    description = {
      "Decodes a video in this process, straight into memory that it shares with another, which"
          + " looks at every frame and compares its checksum. Nothing is copied.",
      "Without --listen and --connect both run, and end with the video. Either may be killed: a"
          + " server goes on serving others, a client says what happened.",
      "The last line is for machines."
    },
    exitCodeListHeading = "%nExit status:%n",
    exitCodeList = {
      "0:it worked",
      "1:the other process went before the end, a frame differed, or an internal error",
      "2:the video, the address or another option can't be used",
      "130:interrupted by Ctrl-C; 143 by SIGTERM"
    },
    mixinStandardHelpOptions = true)
final class ShareCommand implements Callable<Integer> {
  private static final int MAX_DECODER_THREADS = 4;
  private static final String SUMMARY = "summary ";

  @Mixin private VideoInput input = new VideoInput();

  @Option(
      names = "--listen",
      paramLabel = "ADDRESS",
      description =
          "Serve at a path, or at @NAME in the abstract namespace, until Ctrl-C or as many"
              + " --clients.")
  private @Nullable String listen;

  @Option(
      names = "--connect",
      paramLabel = "ADDRESS",
      description = "Look at the frames of a process that listens there.")
  private @Nullable String connect;

  @Option(
      names = "--clients",
      paramLabel = "N",
      defaultValue = "0",
      description =
          "With --listen: end after N clients; 0 means never (default: ${DEFAULT-VALUE}).")
  private int clients;

  @Option(
      names = "--heap",
      paramLabel = "HEAP",
      defaultValue = "memfd:system",
      description = "A heap with descriptors, see doctor (default: ${DEFAULT-VALUE}).")
  private String heap = "";

  private final PrintStream results = System.out;
  private final PrintStream messages = System.err;

  @Override
  public Integer call() throws Exception {
    checkChoice();
    try (Ending end = Ending.prepare()) {
      if (end == null) {
        return CommandLine.ExitCode.OK; // the JVM has another one
      }
      if (connect != null) {
        return look(address("--connect", connect), end);
      }
      return input.use((file, _) -> serve(file, end));
    }
  }

  private int look(PeerAddress address, Ending end) throws Exception {
    ShareClient client = new ShareClient(address, messages);
    end.concerns(client::stop);
    ShareClient.Result result = client.run();
    print(result.line());
    return result.isWhole() && result.line().contains(" mismatches=0 ") ? 0 : 1;
  }

  private int serve(Path file, Ending end) throws Exception {
    int threads = Math.min(MAX_DECODER_THREADS, Runtime.getRuntime().availableProcessors());
    ShareOptions options =
        new ShareOptions(file, heap, input.budgetBytes(), input.frames(), threads);
    if (listen == null) {
      return serveChild(options, end);
    }
    PeerAddress address = address("--listen", listen);
    String figures;
    try (ShareServer server = ShareServer.open(options, address, messages)) {
      end.concerns(server::stop);
      messages.println(
          "serving at %s; another process: dmabuf4j share --connect %s"
              .formatted(address, address));
      server.serve(clients);
      figures = server.figures();
    }
    print(figures);
    return figures.contains(" gone=0 ") ? 0 : 1;
  }

  // ---- both ----

  private int serveChild(ShareOptions options, Ending end) throws Exception {
    Path folder = Files.createTempDirectory("dmabuf4j-");
    PeerAddress address = PeerAddress.of(folder.resolve("share"));
    String seen;
    String served;
    try (ShareServer server = ShareServer.open(options, address, messages)) {
      end.concerns(server::stop);
      Process client = start(address);
      try {
        Thread serving = Thread.ofPlatform().daemon().start(() -> serveOne(server));
        seen = summaryOf(client);
        serving.join();
      } finally {
        client.destroy();
      }
      served = server.figures();
    } finally {
      Files.deleteIfExists(folder.resolve("share"));
      Files.delete(folder);
    }
    print((seen.isEmpty() ? "frames=0 truncated=true" : seen) + " " + served);
    return seen.contains(" mismatches=0 ") && served.contains(" gone=0 ") ? 0 : 1;
  }

  private void serveOne(ShareServer server) {
    try {
      server.serve(1);
    } catch (Exception e) {
      messages.println("dmabuf4j: " + e.getMessage());
    }
  }

  private static Process start(PeerAddress address) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
            .filter(argument -> argument.startsWith("--enable-native-access"))
            .toList());
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.addAll(List.of(Main.class.getName(), "share", "--connect", address.toString()));
    return new ProcessBuilder(command)
        .redirectInput(ProcessBuilder.Redirect.INHERIT)
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
  }

  /** What a client found, without the first word; empty if it was killed. */
  private String summaryOf(Process client) throws IOException {
    String summary = "";
    try (BufferedReader lines = client.inputReader(StandardCharsets.UTF_8)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (line.startsWith(SUMMARY)) {
          summary = line.substring(SUMMARY.length());
        } else {
          results.println(line);
        }
      }
    }
    return summary;
  }

  private void print(String figures) {
    results.println(SUMMARY + figures);
    results.flush(); // before a shutdown that waits for this ends
  }

  // ---- input ----

  private void checkChoice() throws BadInputException {
    if (listen != null && connect != null) {
      throw new BadInputException("--listen and --connect are two processes: give one of them");
    }
    if (connect != null && (input.isNamed() || input.frames() != 0 || clients != 0)) {
      throw new BadInputException("with --connect the server chooses what to show: leave it out");
    }
    if (listen == null && clients != 0) {
      throw new BadInputException("--clients counts those of --listen: give an address");
    }
    long _ = input.frames();
    if (clients < 0) {
      throw new BadInputException("--clients: wanted a number, or 0 for no end, got " + clients);
    }
  }

  private static PeerAddress address(String option, String text) throws BadInputException {
    try {
      return PeerAddress.of(text);
    } catch (IllegalArgumentException e) {
      throw new BadInputException(option + ": " + e.getMessage());
    }
  }
}

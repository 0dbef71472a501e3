package io.github.dmabuf4j.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.BufferConsumer;
import io.github.dmabuf4j.device.sharing.BufferConnection;
import io.github.dmabuf4j.device.sharing.PeerAddress;
import io.github.dmabuf4j.device.sharing.PeerException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Two processes look at the same frames; either may be killed. */
@EnabledOnOs(OS.LINUX)
@Timeout(180)
final class ShareTest {
  private static final long SECONDS = 60;

  @TempDir private Path folder;

  @Test
  void otherProcess_seesEveryFrameAsItWasDecoded_withoutACopy() {
    CommandLineRun run = CommandLineRun.of("share", "--frames", 40);

    assertThat(run.status()).as("%s", run.err()).isZero();
    assertThat(run.summary().number("frames")).isEqualTo(40);
    assertThat(run.summary().number("sent")).isEqualTo(40);
    assertThat(run.summary().number("mismatches")).isZero();
    assertThat(run.summary().number("copied_bytes")).isZero();
    assertThat(run.summary().number("leaked")).isZero();
    assertThat(run.summary().text("truncated")).isEqualTo("false");
  }

  @Test
  void clientThatIsKilled_leavesTheServerWell_andTheNextOneSeesEverything() throws Exception {
    Path socket = folder.resolve("socket");
    Process server = start("--listen", socket, "--clients", 2, "--frames", 40);
    try (BufferedReader said = errors(server)) {
      assertThat(said.readLine()).contains("serving at " + socket);
      Process doomed = start("--connect", socket);
      assertThat(doomed.isAlive()).isTrue();
      doomed.destroyForcibly().waitFor();
      CommandLineRun next = CommandLineRun.of("share", "--connect", socket);
      assertThat(next.status()).as("%s", next.err()).isZero();
      assertThat(next.summary().number("frames")).isEqualTo(40);
      CommandLineRun another = CommandLineRun.of("share", "--connect", socket);
      assertThat(another.status()).isIn(0, 2); // the killed one may not have come so far
      assertThat(server.waitFor(SECONDS, TimeUnit.SECONDS)).isTrue();
    } finally {
      server.destroyForcibly();
    }
  }

  @Test
  void serverThatIsKilled_isSaidToBeGone_inOneLine() throws Exception {
    Path socket = folder.resolve("socket");
    Process server = start("--listen", socket);
    try (BufferedReader said = errors(server)) {
      assertThat(said.readLine()).contains("serving at " + socket);
      Process client = start("--connect", socket);
      try (BufferedReader clientSaid = errors(client)) {
        server.destroyForcibly().waitFor();
        List<String> lines = new ArrayList<>(clientSaid.lines().toList());
        assertThat(client.waitFor(SECONDS, TimeUnit.SECONDS)).isTrue();
        assertThat(client.exitValue()).isIn(0, 1, 2); // it may have seen all, or have come too late
        assertThat(lines).noneMatch(line -> line.startsWith("\tat "));
      } finally {
        client.destroyForcibly();
      }
    } finally {
      server.destroyForcibly();
    }
  }

  @Test
  void clientForWhichDescriptorsAreShort_endsItsOwnSession_andTheServerGoesOn() throws Exception {
    Path socket = folder.resolve("socket");
    Process server =
        startWithFewDescriptors("--listen", socket, "--frames", 40, "--budget", "128MiB");
    try (BufferedReader said = errors(server)) {
      assertThat(said.readLine()).contains("serving at " + socket);
      List<SlowClient> slow = new ArrayList<>();
      try {
        while (addTo(slow, PeerAddress.of(socket))) {}
        skipTo(said, "wanted a descriptor for");
        assertThat(slow).isNotEmpty();
        CommandLineRun refused = CommandLineRun.of("share", "--connect", socket);
        assertThat(refused.status()).isNotZero();
        skipTo(said, "wanted a descriptor for");
      } finally {
        slow.forEach(SlowClient::close);
      }
      for (SlowClient _ : slow) {
        skipTo(said, "has closed the connection"); // its buffers are free again
      }
      CommandLineRun next = CommandLineRun.of("share", "--connect", socket);
      assertThat(next.status()).as("%s", next.err()).isZero();
      assertThat(next.summary().number("frames")).isEqualTo(40);
      assertThat(server.isAlive()).isTrue();
    } finally {
      server.destroyForcibly();
    }
  }

  /** One that was sent all its buffers, and gives none back. */
  private record SlowClient(BufferConnection connection, BufferConsumer frames) {
    void close() {
      frames.close();
      connection.close();
    }
  }

  /** False if the server has no descriptors for one more. */
  private static boolean addTo(List<SlowClient> slow, PeerAddress address) throws Exception {
    Duration patience = Duration.ofSeconds(SECONDS);
    BufferConnection connection = BufferConnection.connect(address, patience);
    try {
      BufferConsumer frames = connection.awaitQueue(patience);
      assertThat(frames.acquire(patience)).isPresent();
      return slow.add(new SlowClient(connection, frames));
    } catch (PeerException e) {
      connection.close();
      return false;
    }
  }

  static Stream<Arguments> badInput() {
    return Stream.of(
        Arguments.of(
            "start the process that listens there first",
            new Object[] {"--connect", "/nowhere/socket"}),
        Arguments.of("--connect: wanted the address", new Object[] {"--connect", ""}),
        Arguments.of("1 to 107 bytes", new Object[] {"--listen", "/" + "x".repeat(200)}),
        Arguments.of("create the folder first", new Object[] {"--listen", "/nowhere/socket"}),
        Arguments.of("two processes", new Object[] {"--listen", "@a", "--connect", "@b"}),
        Arguments.of("the server chooses", new Object[] {"--connect", "@a", "--frames", 3}),
        Arguments.of("--clients", new Object[] {"--clients", 3}),
        Arguments.of("--frames: wanted a number", new Object[] {"--frames", -1}),
        Arguments.of("--heap: ", new Object[] {"--heap", "nothing:here"}),
        Arguments.of("--budget: wanted a size", new Object[] {"--budget", "plenty"}),
        Arguments.of("there is no file", new Object[] {"/nowhere/video.mpg"}));
  }

  @ParameterizedTest
  @MethodSource
  void badInput(String message, Object[] arguments) {
    CommandLineRun run =
        CommandLineRun.of(Stream.concat(Stream.of("share"), Stream.of(arguments)).toArray());

    assertThat(run.err()).hasSize(1);
    assertThat(run.err().getFirst()).startsWith("dmabuf4j: ").contains(message);
    assertThat(run.out()).isEmpty();
    assertThat(run.status()).isEqualTo(2);
  }

  private static void skipTo(BufferedReader said, String words) throws IOException {
    String line = said.readLine();
    while (line != null && !line.contains(words)) {
      line = said.readLine();
    }
    assertThat(line).isNotNull();
  }

  private static BufferedReader errors(Process process) {
    return new BufferedReader(
        new InputStreamReader(process.getErrorStream(), StandardCharsets.UTF_8));
  }

  private static Process start(Object... arguments) throws Exception {
    return start(command(arguments));
  }

  /** Half of them are for buffers, enough for a few clients; what is left is plenty for a JVM. */
  private static Process startWithFewDescriptors(Object... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of("sh", "-c", "ulimit -n 256; exec \"$@\"", "sh"));
    command.addAll(command(arguments));
    return start(command);
  }

  private static Process start(List<String> command) throws Exception {
    return new ProcessBuilder(command).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
  }

  private static List<String> command(Object... arguments) {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName(),
                "share"));
    Stream.of(arguments).map(String::valueOf).forEach(command::add);
    return command;
  }
}

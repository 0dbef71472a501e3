package io.github.dmabuf4j.swap;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Runs commands, most of them a JVM with the classes of the tests. */
final class ChildJvm {
  private ChildJvm() {}

  static String classPath() {
    return System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
  }

  static String java() {
    return Path.of(System.getProperty("java.home"), "bin", "java").toString();
  }

  /** What a command printed. Fails unless it ended with status 0. */
  static String command(String... command) throws IOException, InterruptedException {
    Process child = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(child.waitFor()).as(output).isZero();
    return output;
  }

  /** Whether a process may mount a disk for itself here. */
  static boolean canMount() throws InterruptedException {
    try {
      Process child =
          new ProcessBuilder("unshare", "-rm", "sh", "-c", "mount -t tmpfs -o size=4m none /mnt")
              .redirectErrorStream(true)
              .start();
      child.getInputStream().readAllBytes();
      return child.waitFor() == 0;
    } catch (IOException e) {
      return false;
    }
  }
}

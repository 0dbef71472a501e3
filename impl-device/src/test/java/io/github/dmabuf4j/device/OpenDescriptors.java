package io.github.dmabuf4j.device;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** The descriptors of this process, as the kernel shows them. */
public final class OpenDescriptors {
  private static final Path FOLDER = Path.of("/proc/self/fd");

  private OpenDescriptors() {}

  /** How many lead to something whose path contains a text. */
  public static long to(String text) throws IOException {
    List<String> targets = new ArrayList<>();
    try (Stream<Path> links = Files.list(FOLDER)) {
      for (Path link : links.toList()) {
        try {
          targets.add(Files.readSymbolicLink(link).toString());
        } catch (IOException e) {
          // closed meanwhile: that of the listing itself
        }
      }
    }
    return targets.stream().filter(target -> target.contains(text)).count();
  }
}

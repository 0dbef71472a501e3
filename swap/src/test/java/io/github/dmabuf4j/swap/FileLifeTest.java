package io.github.dmabuf4j.swap;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.spi.SwapStore;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What of a file is to be seen on the disk, and what is left of it. */
final class FileLifeTest {
  private static final String MARKER = "an eyes-only sentence that nobody else may read";

  @TempDir Path folder;

  private SlicedStore open(Map<String, String> more) {
    Map<String, String> options = new HashMap<>(more);
    options.put("limit", "2MiB");
    options.put("directory", folder.toString());
    return (SlicedStore) new FileStoreProvider().open(options, TestMemory.unlimited());
  }

  private static byte[] bytesOf(SlicedStore store) throws IOException {
    return Files.readAllBytes(Path.of("/proc/self/fd/" + DamageTest.file(store).descriptor()));
  }

  private static void storeMarker(SlicedStore store) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment content = arena.allocate(10_000);
      content.setString(5_000, MARKER);
      assertThat(store.store(content)).isNotNull();
    }
  }

  @Test
  void openFile_hasItsWholeRoomAndNoName() throws IOException {
    try (SlicedStore store = open(Map.of())) {
      storeMarker(store);
      Path link = Path.of("/proc/self/fd/" + DamageTest.file(store).descriptor());
      assertThat(Files.readSymbolicLink(link).toString())
          .startsWith(folder.toRealPath().toString())
          .endsWith("(deleted)");
      assertThat(Files.size(link)).isEqualTo(2 << 20);
      assertThat((Long) Files.getAttribute(link, "unix:ino")).isPositive();
      assertThat(folder).isEmptyDirectory();
    }
  }

  @Test
  void closedFile_isGone() throws IOException {
    SlicedStore store = open(Map.of());
    Path link = Path.of("/proc/self/fd/" + DamageTest.file(store).descriptor());
    String target = Files.readSymbolicLink(link).toString();
    store.close();
    store.close();
    assertThat(openFiles()).noneMatch(target::equals);
    assertThat(folder).isEmptyDirectory();
  }

  private static Stream<String> openFiles() throws IOException {
    try (Stream<Path> links = Files.list(Path.of("/proc/self/fd"))) {
      return links.map(FileLifeTest::target).toList().stream();
    }
  }

  private static String target(Path link) {
    try {
      return Files.readSymbolicLink(link).toString();
    } catch (IOException e) {
      return ""; // closed meanwhile: that of the list
    }
  }

  @Test
  void plainFile_showsItsContent_andEncryptedFileDoesNot() throws IOException {
    try (SlicedStore plain = open(Map.of());
        SlicedStore encrypted = open(Map.of("encrypted", "true"))) {
      storeMarker(plain);
      storeMarker(encrypted);
      assertThat(text(bytesOf(plain))).contains(MARKER);
      assertThat(text(bytesOf(encrypted))).doesNotContain(MARKER);
      assertThat(text(bytesOf(encrypted)).substring(0, 10_000).chars().distinct().count())
          .as("it is written all the same, and isn't zeros")
          .isGreaterThan(200);
    }
  }

  @Test
  void equalContent_isEncryptedDifferently_eachTime() throws IOException {
    try (SlicedStore store = open(Map.of("encrypted", "true"))) {
      storeMarker(store);
      storeMarker(store);
      String text = text(bytesOf(store));
      assertThat(text.substring(0, 10_016)).isNotEqualTo(text.substring(12_288, 22_304));
    }
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  @Test
  void killedProcess_leavesNothing() throws Exception {
    Process child =
        new ProcessBuilder(
                ChildJvm.java(),
                "--enable-native-access=ALL-UNNAMED",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                ChildJvm.classPath(),
                StoreAndWait.class.getName(),
                folder.toString())
            .redirectErrorStream(true)
            .start();
    try (BufferedReader out =
        new BufferedReader(new InputStreamReader(child.getInputStream(), StandardCharsets.UTF_8))) {
      assertThat(out.readLine()).isEqualTo("stored");
      child.destroyForcibly();
      assertThat(child.waitFor(20, TimeUnit.SECONDS)).isTrue();
      assertThat(child.exitValue()).isEqualTo(128 + 9);
    }
    assertThat(folder).isEmptyDirectory();
  }

  /** Stores something and waits to be killed. */
  static final class StoreAndWait {
    public static void main(String[] args) throws IOException {
      SwapStore store =
          new FileStoreProvider()
              .open(Map.of("limit", "2MiB", "directory", args[0]), TestMemory.unlimited());
      storeMarker((SlicedStore) store);
      System.out.println("stored");
      System.in.read();
    }
  }
}

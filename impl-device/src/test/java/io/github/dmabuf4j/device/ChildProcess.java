package io.github.dmabuf4j.device;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A JVM of its own for a test that spoils its process. */
public final class ChildProcess {
  private static final int SECONDS = 100;

  /**
   * How one ended.
   *
   * @param status its exit status; -1 if it was ended here, because it took too long
   * @param output what it wrote
   */
  public record End(int status, String output) {}

  private ChildProcess() {}

  /** Starts a class of the tests with this JVM's class path. */
  public static Process start(Class<?> main, String... arguments) throws IOException {
    return start(List.of(), main, arguments);
  }

  private static Process start(List<String> launcher, Class<?> main, String... arguments)
      throws IOException {
    List<String> command = new ArrayList<>(launcher);
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m"));
    command.addAll(List.of("-Ddmabuf4j.validate=true", "--enable-native-access=ALL-UNNAMED"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
    command.addAll(List.of(arguments));
    return new ProcessBuilder(command).redirectErrorStream(true).start();
  }

  /** Runs a class of the tests to its end. */
  public static End run(Class<?> main, String... arguments)
      throws IOException, InterruptedException {
    return end(start(main, arguments));
  }

  /** The same by way of a program that starts it, which is given the command. */
  public static End runBy(List<String> launcher, Class<?> main, String... arguments)
      throws IOException, InterruptedException {
    return end(start(launcher, main, arguments));
  }

  private static End end(Process process) throws IOException, InterruptedException {
    process.onExit().orTimeout(SECONDS, TimeUnit.SECONDS).exceptionally(e -> kill(process));
    try (InputStream output = process.getInputStream()) {
      String text = new String(output.readAllBytes(), StandardCharsets.UTF_8);
      return new End(process.waitFor(), text);
    }
  }

  private static Process kill(Process process) {
    return process.destroyForcibly();
  }

  /**
   * In the child: loads all classes of this project, for a class that is loaded first when there is
   * no descriptor left would be missing for ever.
   */
  public static void loadAllClasses() throws IOException {
    ClassLoader loader = ChildProcess.class.getClassLoader();
    for (URL root : java.util.Collections.list(loader.getResources("io/github/dmabuf4j"))) {
      if (root.getProtocol().equals("file")) {
        loadAll(Path.of(root.getPath()), loader);
      }
    }
  }

  private static void loadAll(Path folder, ClassLoader loader) throws IOException {
    Path top = folder.getParent().getParent().getParent();
    try (Stream<Path> files = Files.walk(folder)) {
      files
          .map(file -> top.relativize(file).toString())
          .filter(file -> file.endsWith(".class"))
          .map(file -> file.substring(0, file.length() - ".class".length()).replace('/', '.'))
          .forEach(name -> load(name, loader));
    }
  }

  private static void load(String name, ClassLoader loader) {
    try {
      Class.forName(name, false, loader);
    } catch (ClassNotFoundException | LinkageError e) {
      // it wants a library that isn't here
    }
  }
}

import com.google.googlejavaformat.java.Main;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Runs google-java-format over every Java source of the repository in one process of the build's
 * JDK: {@code java Format.java check|write ROOT STAMP}. Only sources newer than STAMP, the time of
 * the last clean run, are read. Generated bindings (a folder named {@code generated}) are left as
 * their generator wrote them.
 */
final class Format {
  private static final Set<String> SKIPPED = Set.of("target", "generated", ".git");

  public static void main(String[] args) throws Exception {
    boolean write = args[0].equals("write");
    Path root = Path.of(args[1]);
    Path stamp = Path.of(args[2]);
    FileTime start = FileTime.fromMillis(System.currentTimeMillis());
    FileTime checked =
        Files.exists(stamp) ? Files.getLastModifiedTime(stamp) : FileTime.fromMillis(0);

    List<String> sources = new ArrayList<>();
    Files.walkFileTree(
        root,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path dir, BasicFileAttributes attributes) {
            return SKIPPED.contains(dir.getFileName().toString())
                ? FileVisitResult.SKIP_SUBTREE
                : FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            if (file.toString().endsWith(".java")
                && attributes.lastModifiedTime().compareTo(checked) >= 0) {
              sources.add(file.toString());
            }
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException gone) {
            return FileVisitResult.CONTINUE;
          }
        });

    if (!sources.isEmpty() && !format(write, sources)) {
      System.exit(1);
    }
    if (write) {
      return; // perhaps of a part of the repository only
    }
    Files.createDirectories(stamp.getParent());
    Files.writeString(stamp, "");
    Files.setLastModifiedTime(stamp, start);
  }

  private static boolean format(boolean write, List<String> sources) throws Exception {
    List<String> arguments = new ArrayList<>();
    if (write) {
      arguments.add("--replace");
    } else {
      arguments.add("--dry-run");
      arguments.add("--set-exit-if-changed");
    }
    arguments.addAll(sources);
    PrintWriter out = new PrintWriter(System.err, true);
    PrintWriter err = new PrintWriter(System.err, true);
    int status = new Main(out, err, System.in).format(arguments.toArray(new String[0]));
    out.flush();
    err.flush();
    if (status != 0 && !write) {
      System.err.println(
          "The sources above are not formatted. To fix them: mvn -N -Pformat validate");
    }
    return status == 0;
  }
}

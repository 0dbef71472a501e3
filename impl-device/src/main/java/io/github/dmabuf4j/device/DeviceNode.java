package io.github.dmabuf4j.device;

import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A device node that a heap needs, and what to do if it is missing or closed to us.
 *
 * @param path where it is
 * @param kernelOption the kernel option that makes it
 * @param load the line that brings it where the kernel has it as a module, or empty
 */
record DeviceNode(Path path, String kernelOption, String load) {
  /**
   * Why the node can't be used and what would change that.
   *
   * @param reason why, empty if it can be used
   * @param fix the exact line, empty if there is none
   */
  record Obstacle(String reason, String fix) {
    static final Obstacle NONE = new Obstacle("", "");
  }

  /**
   * What stands in the way of opening the node, below a root folder that is {@code /} but in tests.
   */
  Obstacle obstacle(Path root) {
    Path node = below(root, path);
    if (!Files.exists(node)) {
      return missing(root);
    }
    if (!Files.isReadable(node) || !Files.isWritable(node)) {
      return new Obstacle(
          "no permission to open %s".formatted(path),
          "echo 'SUBSYSTEM==\"%s\", GROUP=\"video\", MODE=\"0660\"' | sudo tee /etc/udev/rules.d/99-dmabuf4j.rules && sudo udevadm trigger && sudo usermod -aG video \"$USER\""
              .formatted(subsystem()));
    }
    return Obstacle.NONE;
  }

  private Obstacle missing(Path root) {
    if (isContainer(root)) {
      return new Obstacle(
          "%s is not passed into this container".formatted(path),
          "docker run --device %s …".formatted(path));
    }
    if (!load.isEmpty()) {
      return new Obstacle(
          "%s does not exist: its module is not loaded, or the kernel was built without %s"
              .formatted(path, kernelOption),
          load);
    }
    return new Obstacle(
        "%s does not exist: this kernel was built without %s".formatted(path, kernelOption),
        "boot a kernel with %s=y, for example Debian's linux-image 6.12".formatted(kernelOption));
  }

  private static boolean isContainer(Path root) {
    return Files.exists(below(root, Path.of("/.dockerenv")))
        || Files.exists(below(root, Path.of("/run/.containerenv")));
  }

  /** Heap nodes belong to the subsystem dma_heap, misc devices such as udmabuf to misc. */
  private String subsystem() {
    return path.startsWith("/dev/dma_heap") ? "dma_heap" : "misc";
  }

  private static Path below(Path root, Path absolute) {
    return root.resolve(absolute.toString().substring(1));
  }
}

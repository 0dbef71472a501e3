package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.device.linux.bindings.drm_get_cap;
import io.github.dmabuf4j.device.linux.bindings.drm_syncobj_eventfd;
import io.github.dmabuf4j.device.linux.bindings.drm_version;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The render node of a graphics device whose driver has syncobjs with timelines: what a {@link
 * KernelSyncObject} is made with. Which device it is doesn't matter, for a syncobj is the kernel's
 * own: one that was made with another device, or by another process, is taken in as well.
 *
 * <p><b>Which one.</b> The first of {@code /dev/dri/renderD*} that can be opened and has them; or
 * the one that the system property {@value #PROPERTY} names. {@code none} there is for machines
 * where an open node keeps a device awake.
 *
 * <p><b>Invariant.</b> {@code handles} is the number of syncobjs that this process has of the node.
 *
 * <p><b>Threads.</b> Any.
 *
 * <p>Source: drivers/gpu/drm/drm_ioctl.c, drivers/gpu/drm/drm_syncobj.c.
 */
public final class RenderNode implements AutoCloseable {
  /** The system property that names the node to use, or {@code none}. */
  public static final String PROPERTY = "dmabuf4j.rendernode";

  private static final Path FOLDER = Path.of("/dev/dri");
  private static final String NONE = "none";
  private static final int NAME_BYTES = 64;

  /**
   * What came of looking for a node.
   *
   * @param node the node, open; or null
   * @param reason why there is none; empty if there is one
   * @param fix the exact line that helps; empty if there is one, or there is no such line
   */
  public record Search(@Nullable RenderNode node, String reason, String fix) {}

  /** Guards what came of looking, which isn't there after an Error: then the next one looks. */
  private static final ReentrantLock LOOKING = new ReentrantLock();

  private static volatile @Nullable Search found;

  final Descriptor file;
  private final String path;
  private final String driver;
  private final AtomicInteger handles = new AtomicInteger();

  private RenderNode(Descriptor file, String path, String driver) {
    this.file = file;
    this.path = path;
    this.driver = driver;
  }

  // ---- finding one ----

  /**
   * The node that all share: looked for at the first call, and never closed.
   *
   * @return the node, or why there is none; the same at each call
   * @throws OutOfMemoryError if there is no Java heap to look; a later call looks again
   */
  public static Search ofThisProcess() {
    Search present = found;
    return present != null ? present : look();
  }

  private static Search look() {
    LOOKING.lock();
    try {
      Search present = found;
      if (present == null) {
        present = search(FOLDER, System.getProperty(PROPERTY, ""));
        found = present;
      }
      return present;
    } finally {
      LOOKING.unlock();
    }
  }

  /**
   * The node that all share.
   *
   * @return the node, if there is one
   */
  public static Optional<RenderNode> present() {
    return Optional.ofNullable(ofThisProcess().node());
  }

  /**
   * Looks for a node. What can't be opened or read is the reason why there is none.
   *
   * @throws OutOfMemoryError if there is no Java heap to look
   */
  static Search search(Path folder, String wanted) {
    Platform.Obstacle obstacle = Platform.obstacle();
    if (!obstacle.isNone()) {
      return new Search(null, obstacle.reason(), obstacle.fix());
    }
    if (wanted.equals(NONE)) {
      return new Search(null, "-D%s=%s says not to use one".formatted(PROPERTY, NONE), "");
    }
    List<Path> nodes;
    try {
      nodes = wanted.isEmpty() ? nodes(folder) : List.of(Path.of(wanted));
    } catch (InvalidPathException e) {
      return new Search(
          null,
          "-D%s=%s names no file: %s".formatted(PROPERTY, wanted, e.getReason()),
          "name a render node with -D%s, one of %s/renderD*".formatted(PROPERTY, FOLDER));
    }
    if (nodes.isEmpty()) {
      return new Search(
          null,
          "there is no render node %s/renderD*: no graphics device, or none was passed into this container"
              .formatted(folder),
          "docker run --device %s …".formatted(folder));
    }
    return firstOf(nodes);
  }

  private static List<Path> nodes(Path folder) {
    try (Stream<Path> all = Files.list(folder)) {
      return all.filter(node -> node.getFileName().toString().startsWith("renderD"))
          .sorted()
          .toList();
    } catch (IOException | UncheckedIOException e) {
      return List.of(); // no such folder, or not ours to read
    }
  }

  private static Search firstOf(List<Path> nodes) {
    List<String> reasons = new ArrayList<>();
    String fix = "";
    for (Path node : nodes) {
      try {
        RenderNode opened = open(node);
        String lack = opened.lack();
        if (lack.isEmpty()) {
          return new Search(opened, "", "");
        }
        reasons.add("%s %s".formatted(opened.describe(), lack));
        opened.close();
      } catch (DmaBufException e) {
        reasons.add(String.valueOf(e.getMessage()));
        fix = Files.isWritable(node) ? fix : "sudo usermod -aG render \"$USER\"";
      }
    }
    return new Search(null, String.join("; ", reasons), fix);
  }

  /**
   * Opens a node.
   *
   * @param node its path
   * @return the node, to be closed
   * @throws DmaBufException if it can't be opened, or isn't a graphics device's (ENOTTY)
   */
  static RenderNode open(Path node) {
    Descriptor file =
        DescriptorBudget.OF_THIS_PROCESS.make(
            Descriptor.Kind.DEVICE,
            node.toString(),
            new SyscallFailure.Subject("open", node.toString(), RenderNode::advice),
            () -> Syscalls.open(node.toString(), linux_h.O_RDWR() | linux_h.O_CLOEXEC()));
    boolean isGood = false;
    try {
      RenderNode opened = new RenderNode(file, node.toString(), driver(file));
      isGood = true;
      return opened;
    } finally {
      if (!isGood) {
        file.close();
      }
    }
  }

  private static String driver(Descriptor file) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocate(NAME_BYTES);
      MemorySegment version = drm_version.allocate(arena);
      drm_version.name_len(version, NAME_BYTES - 1);
      drm_version.name(version, name);
      long _ =
          new SyscallFailure.Subject("DRM_IOCTL_VERSION", file.toString(), RenderNode::advice)
              .check(request(file, linux_h.DRM_IOCTL_VERSION(), version));
      return name.getString(0);
    }
  }

  private static String advice(Errno errno) {
    return switch (errno) {
      case ENOENT, ENOTTY, ENODEV, EINVAL ->
          "name a render node with -D%s, one of %s/renderD*".formatted(PROPERTY, FOLDER);
      default -> "";
    };
  }

  /** What it hasn't got; empty if it has all. */
  private String lack() {
    if (capability(linux_h.DRM_CAP_SYNCOBJ()) == 0) {
      return "has no syncobjs";
    }
    if (capability(linux_h.DRM_CAP_SYNCOBJ_TIMELINE()) == 0) {
      return "has syncobjs without timelines";
    }
    return knowsEvents() ? "" : "has no events for points, which Linux has from 6.6 on";
  }

  /** Whether a point can wake a descriptor: asked of a handle that can't be, which is refused. */
  private boolean knowsEvents() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment request = drm_syncobj_eventfd.allocate(arena);
      drm_syncobj_eventfd.fd(request, -1);
      return request(linux_h.DRM_IOCTL_SYNCOBJ_EVENTFD(), request) == -linux_h.ENOENT();
    }
  }

  /** What the driver says of a capability, 0 also where it doesn't know it. */
  long capability(long which) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment capability = drm_get_cap.allocate(arena);
      drm_get_cap.capability(capability, which);
      int result = request(file, linux_h.DRM_IOCTL_GET_CAP(), capability);
      return result < 0 ? 0 : drm_get_cap.value(capability);
    }
  }

  // ---- what it is ----

  /**
   * The driver of the device.
   *
   * @return for example {@code virtio_gpu}
   */
  public String driver() {
    return driver;
  }

  /**
   * Where it is, and what drives it.
   *
   * @return for example {@code /dev/dri/renderD128 (virtio_gpu)}
   */
  public String describe() {
    return "%s (%s)".formatted(path, driver);
  }

  /**
   * How many syncobjs this process has of it now, for tests.
   *
   * @return a snapshot
   */
  public int handles() {
    return handles.get();
  }

  void countHandle(int difference) {
    handles.addAndGet(difference);
  }

  /** Makes a request: its result, or the negative error number. */
  int request(long number, MemorySegment argument) {
    return request(file, number, argument);
  }

  private static int request(Descriptor file, long number, MemorySegment argument) {
    return file.use(fd -> Restarted.call(() -> Syscalls.ioctl(fd, number, argument)));
  }

  /** Closes the node; the kernel destroys what handles are left. Closing again does nothing. */
  @Override
  public void close() {
    file.close();
  }

  @Override
  public String toString() {
    return describe();
  }
}

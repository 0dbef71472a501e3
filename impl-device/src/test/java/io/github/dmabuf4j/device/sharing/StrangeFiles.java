package io.github.dmabuf4j.device.sharing;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.device.linux.SocketCalls;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.io.IOException;
import java.nio.channels.Pipe;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Descriptors that a peer may pass off as memory or as fences. */
final class StrangeFiles implements AutoCloseable {
  private final Map<String, Integer> files = new LinkedHashMap<>();
  private final Pipe pipe;
  private final Path onDisk;

  StrangeFiles() throws IOException {
    pipe = Pipe.open();
    Path end = pipes().findFirst().orElseThrow();
    onDisk = Files.createTempFile("dmabuf4j", "file");
    Files.write(onDisk, new byte[TestBuffers.BYTES]);
    files.put("a pipe", open(end.toString(), linux_h.O_RDONLY() | linux_h.O_NONBLOCK()));
    files.put("/dev/null", open("/dev/null", linux_h.O_RDWR()));
    files.put("/dev/zero", open("/dev/zero", linux_h.O_RDWR()));
    files.put("a directory", open("/", linux_h.O_RDONLY()));
    files.put("a file on disk", open(onDisk.toString(), linux_h.O_RDWR()));
    files.put("a path", open("/", linux_h.O_PATH()));
    files.put("an eventfd", checked(Syscalls.eventfd(0, linux_h.EFD_CLOEXEC())));
    files.put("a poller", checked(Syscalls.epollCreate(linux_h.EPOLL_CLOEXEC())));
    files.put("a socket", checked(SocketCalls.socket(linux_h.AF_UNIX(), linux_h.SOCK_STREAM())));
    files.put("an unsealed memory file", memoryFile(TestBuffers.BYTES, 0));
    files.put(
        "a memory file that may shrink", memoryFile(TestBuffers.BYTES, linux_h.F_SEAL_GROW()));
    files.put("a memory file that is too small", memoryFile(4096, linux_h.F_SEAL_SHRINK()));
    files.put("an empty memory file", memoryFile(0, linux_h.F_SEAL_SHRINK()));
  }

  static int memoryFile(long bytes, int seals) {
    int fd =
        checked(
            Syscalls.memfdCreate("strange", linux_h.MFD_CLOEXEC() | linux_h.MFD_ALLOW_SEALING()));
    assertThat(Syscalls.ftruncate(fd, bytes)).isZero();
    assertThat(Syscalls.fcntl(fd, linux_h.F_ADD_SEALS(), seals)).isZero();
    return fd;
  }

  private static Stream<Path> pipes() throws IOException {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      return all.filter(StrangeFiles::isPipe).toList().stream();
    }
  }

  private static boolean isPipe(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).toString().startsWith("pipe:");
    } catch (IOException e) {
      return false; // closed meanwhile
    }
  }

  private static int open(String path, int flags) {
    return checked(Syscalls.open(path, flags | linux_h.O_CLOEXEC()));
  }

  private static int checked(int fd) {
    assertThat(fd).isNotNegative();
    return fd;
  }

  /** By name. */
  Map<String, Integer> all() {
    return files;
  }

  List<Integer> descriptorsOfAll() {
    return List.copyOf(files.values());
  }

  @Override
  public void close() throws IOException {
    files.values().forEach(Syscalls::close);
    pipe.source().close();
    pipe.sink().close();
    Files.delete(onDisk);
  }
}

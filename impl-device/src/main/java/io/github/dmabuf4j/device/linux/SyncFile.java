package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.linux.bindings.sync_fence_info;
import io.github.dmabuf4j.device.linux.bindings.sync_file_info;
import io.github.dmabuf4j.device.linux.bindings.sync_merge_data;
import io.github.dmabuf4j.device.linux.bindings.sync_set_deadline;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.LongStream;

/**
 * What can be asked of a sync_file, a fence of the kernel behind a descriptor: readable once the
 * fence has signaled. It never changes.
 *
 * <p><b>Threads.</b> Any; nothing here waits for the fence.
 *
 * <p>Source: drivers/dma-buf/sync_file.c; rules CS1 to CS3.
 */
public final class SyncFile {
  /** The status of a fence that hasn't signaled. */
  public static final int PENDING = 0;

  /** The status of a fence that signaled without an error. */
  public static final int SIGNALED = 1;

  private static final int NAME_BYTES = 32;
  private static final String FILE_NAME = "anon_inode:sync_file";

  /**
   * What the kernel says of one plain fence.
   *
   * @param driver who made it
   * @param timeline what it belongs to there
   * @param status {@link #PENDING}, {@link #SIGNALED} or a negative error number
   * @param timestampNanos when it signaled, on the clock of {@link System#nanoTime}; 0 while
   *     pending
   */
  public record Leaf(String driver, String timeline, int status, long timestampNanos) {}

  private SyncFile() {}

  /**
   * Refuses what is no sync_file. Unlike all that is asked of one, this never sleeps, whatever file
   * somebody else has sent.
   *
   * @param descriptor any
   * @throws IllegalArgumentException if it is no sync_file's
   * @throws IllegalStateException if the descriptor was detached or closed
   */
  public static void check(Descriptor descriptor) {
    boolean[] isOne = new boolean[1];
    int _ =
        descriptor.use(
            fd -> {
              isOne[0] = FileName.of(fd).equals(FILE_NAME);
              return 0;
            });
    if (!isOne[0]) {
      throw new IllegalArgumentException(
          "wanted the descriptor of a sync_file, got %s, which is another kind of file"
              .formatted(descriptor));
    }
  }

  /**
   * How far the fence is.
   *
   * @param descriptor any
   * @return {@link #PENDING}, {@link #SIGNALED} or a negative error number
   * @throws IllegalArgumentException if it is no sync_file's
   * @throws IllegalStateException if the descriptor was detached or closed
   */
  public static int status(Descriptor descriptor) {
    try (Arena arena = Arena.ofConfined()) {
      return sync_file_info.status(ask(descriptor, sync_file_info.allocate(arena)));
    }
  }

  /**
   * The plain fences below, signaled or not.
   *
   * @param descriptor of a sync_file
   * @return one or more
   * @throws IllegalArgumentException if it is no sync_file's
   * @throws IllegalStateException if the descriptor was detached or closed
   */
  public static List<Leaf> leaves(Descriptor descriptor) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment info = ask(descriptor, sync_file_info.allocate(arena));
      MemorySegment leaves = sync_fence_info.allocateArray(sync_file_info.num_fences(info), arena);
      sync_file_info.sync_fence_info(info, leaves.address());
      MemorySegment answer = ask(descriptor, info);
      return LongStream.range(0, sync_file_info.num_fences(answer))
          .mapToObj(i -> leaf(sync_fence_info.asSlice(leaves, i)))
          .toList();
    }
  }

  private static Leaf leaf(MemorySegment info) {
    return new Leaf(
        sync_fence_info.driver_name(info).getString(0),
        sync_fence_info.obj_name(info).getString(0),
        sync_fence_info.status(info),
        sync_fence_info.timestamp_ns(info));
  }

  private static MemorySegment ask(Descriptor descriptor, MemorySegment info) {
    int result =
        descriptor.use(
            fd -> Restarted.call(() -> Syscalls.ioctl(fd, linux_h.SYNC_IOC_FILE_INFO(), info)));
    if (result == -linux_h.ENOTTY() || result == -linux_h.EINVAL() || result == -linux_h.EBADF()) {
      throw new IllegalArgumentException(
          "wanted the descriptor of a sync_file, got %s, which doesn't know SYNC_IOC_FILE_INFO: error %d"
              .formatted(descriptor, -result));
    }
    SyscallFailure.check("SYNC_IOC_FILE_INFO", descriptor.toString(), result);
    return info;
  }

  /**
   * Makes a sync_file that signals when two others have; they stay as they are.
   *
   * @param first one
   * @param second the other
   * @param name for reports, cut after 31 bytes
   * @return the merged one
   * @throws IllegalStateException if one of the descriptors was detached or closed
   * @throws DmaBufException if one is no sync_file's (ENOENT), or no descriptor is left (EMFILE)
   */
  public static Descriptor merge(Descriptor first, Descriptor second, String name) {
    return DescriptorBudget.OF_THIS_PROCESS.make(
        Descriptor.Kind.FENCE,
        name,
        "SYNC_IOC_MERGE",
        () -> first.use(fd -> second.use(other -> merge(fd, other, name))));
  }

  private static int merge(int fd, int other, String name) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = sync_merge_data.allocate(arena);
      byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
      MemorySegment.copy(
          MemorySegment.ofArray(bytes),
          0,
          sync_merge_data.name(data),
          0,
          Math.min(bytes.length, NAME_BYTES - 1));
      sync_merge_data.fd2(data, other);
      int result = Syscalls.ioctl(fd, linux_h.SYNC_IOC_MERGE(), data);
      return result < 0 ? result : sync_merge_data.fence(data);
    }
  }

  /**
   * Says by when somebody would like the fence to be signaled.
   *
   * @param descriptor of a sync_file
   * @param nanoTime a {@link System#nanoTime} value, whose clock is the kernel's monotonic one
   * @return false if this kernel is too old to take hints
   * @throws IllegalStateException if the descriptor was detached or closed
   * @throws DmaBufException if the kernel refuses
   */
  public static boolean setDeadline(Descriptor descriptor, long nanoTime) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment deadline = sync_set_deadline.allocate(arena);
      sync_set_deadline.deadline_ns(deadline, nanoTime);
      int result =
          descriptor.use(
              fd ->
                  Restarted.call(
                      () -> Syscalls.ioctl(fd, linux_h.SYNC_IOC_SET_DEADLINE(), deadline)));
      return result != -linux_h.ENOTTY()
          && SyscallFailure.check("SYNC_IOC_SET_DEADLINE", descriptor.toString(), result) == 0;
    }
  }
}

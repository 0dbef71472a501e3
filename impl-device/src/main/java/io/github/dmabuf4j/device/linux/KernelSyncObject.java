package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.device.linux.bindings.drm_syncobj_create;
import io.github.dmabuf4j.device.linux.bindings.drm_syncobj_eventfd;
import io.github.dmabuf4j.device.linux.bindings.drm_syncobj_handle;
import io.github.dmabuf4j.device.linux.bindings.drm_syncobj_timeline_array;
import io.github.dmabuf4j.device.linux.bindings.drm_syncobj_timeline_wait;
import io.github.dmabuf4j.device.linux.bindings.drm_syncobj_transfer;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.util.function.IntUnaryOperator;

/**
 * A {@code drm_syncobj} of the kernel, by a handle of this process: numbered points, each of which
 * stands for a fence once somebody has said so. Whoever has a descriptor of it may signal points,
 * and wait for them, whatever device they use.
 *
 * <p><b>Nothing here waits.</b> Looking, signaling and asking to be woken take spin locks alone,
 * and time in proportion to how many pending points and waiters there are: a process that isn't
 * trusted can make that slow, but can't have it sleep.
 *
 * <p>One that is lost is destroyed when it is collected, and a warning names it.
 *
 * <p><b>Threads.</b> Any.
 *
 * <p>Source: drivers/gpu/drm/drm_syncobj.c; rules CS5 to CS9.
 */
public final class KernelSyncObject implements AutoCloseable {
  private static final Cleaner CLEANER = Cleaner.create();

  /** How far a point is. */
  public enum State {
    /** Nobody has said what it stands for. */
    NOT_SUBMITTED,
    /** It stands for work that isn't done. */
    PENDING,
    /** All work up to it is done. */
    REACHED
  }

  private final SyncObjectHandle owner;
  private final Cleaner.Cleanable cleanable;

  /** Takes a handle over; destroys it if there is no Java heap for an owner. */
  private KernelSyncObject(RenderNode node, int handle, String name) {
    SyncObjectHandle made = null;
    Cleaner.Cleanable registered = null;
    try {
      made = new SyncObjectHandle(node, handle, name);
      registered = CLEANER.register(this, made);
    } finally {
      if (made == null) {
        SyncObjectHandle.destroy(node, handle);
      } else if (registered == null) {
        made.tryClose();
      }
    }
    owner = made;
    cleanable = registered;
  }

  // ---- making one ----

  /**
   * Makes a syncobj without points.
   *
   * @param node which device's
   * @param name what it stands for, in reports
   * @return a new syncobj, to be closed
   * @throws DmaBufException if there is no memory (ENOMEM)
   */
  public static KernelSyncObject create(RenderNode node, String name) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment request = drm_syncobj_create.allocate(arena);
      int _ =
          SyscallFailure.check(
              "DRM_IOCTL_SYNCOBJ_CREATE",
              name,
              node.request(linux_h.DRM_IOCTL_SYNCOBJ_CREATE(), request));
      return new KernelSyncObject(node, drm_syncobj_create.handle(request), name);
    }
  }

  /**
   * Takes a syncobj in, of any device and process.
   *
   * @param node which device's it becomes a handle of
   * @param file its descriptor, which stays the caller's
   * @param name what it stands for, in reports
   * @return another handle of the same syncobj, to be closed
   * @throws IllegalArgumentException if the descriptor isn't a syncobj's
   * @throws IllegalStateException if the descriptor was detached or closed
   * @throws DmaBufException if there is no memory (ENOMEM)
   */
  public static KernelSyncObject of(RenderNode node, Descriptor file, String name) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment request = drm_syncobj_handle.allocate(arena);
      int result =
          file.use(
              fd -> {
                drm_syncobj_handle.fd(request, fd);
                return node.request(linux_h.DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE(), request);
              });
      if (result == -linux_h.EINVAL() || result == -linux_h.EBADF()) {
        throw new IllegalArgumentException(
            "wanted the descriptor of a drm_syncobj, got another kind of file: " + file);
      }
      int _ = SyscallFailure.check("DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE", name, result);
      return new KernelSyncObject(node, drm_syncobj_handle.handle(request), name);
    }
  }

  // ---- descriptors ----

  /**
   * A descriptor of it, for another process or a driver.
   *
   * @param holder who will have it, as a report names it
   * @return a new descriptor, close-on-exec
   * @throws IllegalStateException if this is closed
   * @throws DmaBufException if no descriptor is left (EMFILE)
   */
  public Descriptor export(String holder) {
    return export(holder, 0);
  }

  /**
   * A sync_file of what a point stands for now.
   *
   * @param point the point, or 0 for all that was submitted
   * @param holder who will have it, as a report names it
   * @return a new descriptor
   * @throws IllegalArgumentException if nobody has submitted the point
   * @throws IllegalStateException if this is closed
   * @throws DmaBufException if no descriptor is left (EMFILE)
   */
  public Descriptor exportSyncFile(long point, String holder) {
    try (KernelSyncObject snapshot = create(owner.node, holder)) {
      transfer(this, point, snapshot, 0);
      return snapshot.export(holder, linux_h.DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE());
    }
  }

  private Descriptor export(String holder, int flags) {
    return DescriptorBudget.OF_THIS_PROCESS.make(
        Descriptor.Kind.FENCE,
        holder,
        "DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD",
        () ->
            use(
                handle -> {
                  try (Arena arena = Arena.ofConfined()) {
                    MemorySegment request = drm_syncobj_handle.allocate(arena);
                    drm_syncobj_handle.handle(request, handle);
                    drm_syncobj_handle.flags(request, flags);
                    int result =
                        owner.node.request(linux_h.DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD(), request);
                    return result < 0 ? result : drm_syncobj_handle.fd(request);
                  }
                }));
  }

  // ---- submitting ----

  /**
   * Submits a point with nothing to wait for: it is reached when all before it are.
   *
   * @param point above the last one
   * @throws IllegalStateException if this is closed
   * @throws DmaBufException if there is no memory (ENOMEM)
   */
  public void signal(long point) {
    try (Arena arena = Arena.ofConfined()) {
      check(
          "DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL",
          ask(OnePoint.allocate(arena, point, 0), linux_h.DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL()));
    }
  }

  /**
   * Submits a point with the fence of a sync_file: it is reached when that has signaled, and all
   * before it are.
   *
   * @param point above the last one
   * @param file a sync_file's, which stays the caller's
   * @throws IllegalArgumentException if the descriptor isn't a sync_file's
   * @throws IllegalStateException if this is closed, or the descriptor was
   * @throws DmaBufException if there is no memory (ENOMEM)
   */
  public void submit(long point, Descriptor file) {
    try (KernelSyncObject step = create(owner.node, owner.name)) {
      step.take(file);
      transfer(step, 0, this, point);
    }
  }

  /** Makes this stand for the fence of a sync_file. */
  private void take(Descriptor file) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment request = drm_syncobj_handle.allocate(arena);
      drm_syncobj_handle.flags(request, linux_h.DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE());
      int result =
          file.use(
              fd ->
                  use(
                      handle -> {
                        drm_syncobj_handle.handle(request, handle);
                        drm_syncobj_handle.fd(request, fd);
                        return owner.node.request(
                            linux_h.DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE(), request);
                      }));
      if (result == -linux_h.EINVAL()) {
        throw new IllegalArgumentException(
            "wanted the descriptor of a sync_file, got another kind of file: " + file);
      }
      check("DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE", result);
    }
  }

  private static void transfer(
      KernelSyncObject source, long from, KernelSyncObject destination, long to) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment request = drm_syncobj_transfer.allocate(arena);
      drm_syncobj_transfer.src_point(request, from);
      drm_syncobj_transfer.dst_point(request, to);
      int result =
          source.use(
              sourceHandle ->
                  destination.use(
                      destinationHandle -> {
                        drm_syncobj_transfer.src_handle(request, sourceHandle);
                        drm_syncobj_transfer.dst_handle(request, destinationHandle);
                        return source.owner.node.request(
                            linux_h.DRM_IOCTL_SYNCOBJ_TRANSFER(), request);
                      }));
      if (result == -linux_h.EINVAL()) {
        throw new IllegalArgumentException(
            "wanted a point that was submitted, got point %d of %s".formatted(from, source));
      }
      source.check("DRM_IOCTL_SYNCOBJ_TRANSFER", result);
    }
  }

  // ---- looking, and being woken ----

  /**
   * How far a point is.
   *
   * @param point the point, or 0 for all that was submitted
   * @return what the kernel says now
   * @throws IllegalStateException if this is closed
   * @throws DmaBufException if the kernel has no memory to look (ENOMEM)
   */
  public State look(long point) {
    int result = look(point, 0);
    if (result == -linux_h.EINVAL()) {
      return State.NOT_SUBMITTED;
    }
    if (result == -linux_h.ETIME()) {
      return State.PENDING;
    }
    check("DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT", result);
    return State.REACHED;
  }

  /**
   * What a wait that has no time answers.
   *
   * @param flags {@code DRM_SYNCOBJ_WAIT_FLAGS_…}
   * @return 0, or the negative error number: EINVAL if nobody has submitted the point and the flags
   *     don't put up with that, ETIME if there is something to wait for
   */
  int look(long point, int flags) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment request = drm_syncobj_timeline_wait.allocate(arena);
      MemorySegment handles = arena.allocate(ValueLayout.JAVA_INT);
      drm_syncobj_timeline_wait.handles(request, handles.address());
      drm_syncobj_timeline_wait.points(
          request, arena.allocateFrom(ValueLayout.JAVA_LONG, point).address());
      drm_syncobj_timeline_wait.count_handles(request, 1);
      drm_syncobj_timeline_wait.flags(request, flags);
      return use(
          handle -> {
            handles.set(ValueLayout.JAVA_INT, 0, handle);
            return owner.node.request(linux_h.DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT(), request);
          });
    }
  }

  /**
   * Has the kernel add 1 to a counter once a point is reached, whether or not it is submitted yet;
   * at once, if it is reached already.
   *
   * @param point the point
   * @param counter an {@link EventCounter}, which the kernel keeps until then, or until nobody has
   *     this syncobj any more
   * @throws IllegalStateException if this is closed, or the descriptor was
   * @throws DmaBufException if there is no memory (ENOMEM)
   */
  public void whenReached(long point, Descriptor counter) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment request = drm_syncobj_eventfd.allocate(arena);
      drm_syncobj_eventfd.point(request, point);
      check(
          "DRM_IOCTL_SYNCOBJ_EVENTFD",
          counter.use(
              fd ->
                  use(
                      handle -> {
                        drm_syncobj_eventfd.fd(request, fd);
                        drm_syncobj_eventfd.handle(request, handle);
                        return owner.node.request(linux_h.DRM_IOCTL_SYNCOBJ_EVENTFD(), request);
                      })));
    }
  }

  /**
   * The last point up to which everything has signaled.
   *
   * @return a point; 0 if there is none, or points came out of order (rule CS9)
   * @throws IllegalStateException if this is closed
   */
  public long lastSignaled() {
    return query(0);
  }

  /**
   * The last point that was submitted.
   *
   * @return a point; 0 if there is none
   * @throws IllegalStateException if this is closed
   */
  public long lastSubmitted() {
    return query(linux_h.DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED());
  }

  private long query(int flags) {
    try (Arena arena = Arena.ofConfined()) {
      OnePoint one = OnePoint.allocate(arena, 0, flags);
      check("DRM_IOCTL_SYNCOBJ_QUERY", ask(one, linux_h.DRM_IOCTL_SYNCOBJ_QUERY()));
      return one.point.get(ValueLayout.JAVA_LONG, 0);
    }
  }

  /** A request about one point of one syncobj. */
  private record OnePoint(MemorySegment request, MemorySegment handle, MemorySegment point) {
    static OnePoint allocate(Arena arena, long point, int flags) {
      OnePoint one =
          new OnePoint(
              drm_syncobj_timeline_array.allocate(arena),
              arena.allocate(ValueLayout.JAVA_INT),
              arena.allocateFrom(ValueLayout.JAVA_LONG, point));
      drm_syncobj_timeline_array.handles(one.request, one.handle.address());
      drm_syncobj_timeline_array.points(one.request, one.point.address());
      drm_syncobj_timeline_array.count_handles(one.request, 1);
      drm_syncobj_timeline_array.flags(one.request, flags);
      return one;
    }
  }

  private int ask(OnePoint one, long number) {
    return use(
        handle -> {
          one.handle.set(ValueLayout.JAVA_INT, 0, handle);
          return owner.node.request(number, one.request);
        });
  }

  // ---- life ----

  private int use(IntUnaryOperator call) {
    if (!owner.tryBegin()) {
      throw new IllegalStateException("syncobj %s is closed".formatted(owner.name));
    }
    try {
      return call.applyAsInt(owner.handle);
    } finally {
      owner.end();
      Reference.reachabilityFence(this);
    }
  }

  private void check(String call, int result) {
    if (result < 0) {
      throw new SyscallFailure(call, "syncobj " + owner.name, -result)
          .exception(
              Errno.of(-result).filter(errno -> errno == Errno.ENOMEM).isPresent()
                  ? "free memory of this machine or container"
                  : "this is unexpected; please report it with the message as it is");
    }
  }

  /**
   * Whether this was closed.
   *
   * @return true from then on
   */
  public boolean isClosed() {
    return owner.hasEnded();
  }

  /**
   * Gives the handle back, or has the request do it that uses it last. The syncobj goes on for
   * others who have it. Closing again does nothing.
   */
  @Override
  public void close() {
    boolean _ = owner.tryClose();
    cleanable.clean(); // finds it ended
  }

  @Override
  public String toString() {
    return "syncobj %s%s".formatted(owner.name, owner.hasEnded() ? ", closed" : "");
  }
}

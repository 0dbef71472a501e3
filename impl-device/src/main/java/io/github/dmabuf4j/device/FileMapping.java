package io.github.dmabuf4j.device;

import io.github.dmabuf4j.ByteSize;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.Restarted;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.spi.MappedBytes;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A file in this process's address space for as long as somebody refers to it: the core, an
 * importer, the cache of idle mappings.
 *
 * <p><b>Invariant.</b> {@code references} is how many refer to it; it never leaves 0 again. Who
 * brings it to 0 unmaps, once. Until then the addresses are good. A segment with the life of
 * somebody's own arena is dead before that somebody lets go, by the core's promise. One with the
 * life of the mapping itself has {@code life}, which is closed before the addresses are given back:
 * so a use after that is an exception, and where native code still uses such a segment, the mapping
 * stays and is tried again later: it is on the list {@code LEFT} meanwhile, for which no Java heap
 * is needed, and which the timer goes through in a second, or whoever unmaps next.
 *
 * <p><b>Threads.</b> Any. {@code life} is guarded by this object, {@code next} is whose list it is.
 *
 * <p>Source: mmap(2), munmap(2); design rules VM1 and VM4.
 */
final class FileMapping implements MappedBytes {
  private static final System.Logger LOG = System.getLogger(FileMapping.class.getName());

  /** The newest of those that are to be unmapped later. */
  private static final AtomicReference<@Nullable FileMapping> LEFT = new AtomicReference<>();

  private final long address;
  private final long byteSize;
  private final boolean isWritable;
  private final AtomicInteger references = new AtomicInteger(1);
  private @Nullable Arena life;
  private @Nullable FileMapping next;

  private FileMapping(long address, long byteSize, boolean isWritable) {
    this.address = address;
    this.byteSize = byteSize;
    this.isWritable = isWritable;
  }

  /**
   * Maps a file.
   *
   * @param file its descriptor
   * @param byteSize how much of it, from the beginning
   * @param isWritable whether it may be written to; else its segments are read-only
   * @param name whose it is, for messages
   * @return a mapping that the caller refers to
   * @throws io.github.dmabuf4j.DmaBufException if it can't be mapped
   */
  static FileMapping of(Descriptor file, long byteSize, boolean isWritable, String name) {
    int protection = linux_h.PROT_READ() | (isWritable ? linux_h.PROT_WRITE() : 0);
    SyscallFailure.Subject subject =
        new SyscallFailure.Subject(
            "mmap", "%s of %s".formatted(ByteSize.exact(byteSize), name), FileMapping::advice);
    long[] address = new long[1];
    FileMapping mapping = null;
    try {
      int _ =
          file.use(
              fd -> {
                address[0] =
                    Restarted.callLong(
                        () -> Syscalls.mmap(fd, byteSize, protection, linux_h.MAP_SHARED()));
                return 0;
              });
      mapping = new FileMapping(subject.check(address[0]), byteSize, isWritable);
      return mapping;
    } finally {
      if (mapping == null && address[0] > 0) { // there was no Java heap left for it
        int _ = Syscalls.munmap(address[0], byteSize);
      }
    }
  }

  private static String advice(Errno errno) {
    return switch (errno) {
      case ENOMEM ->
          "map fewer buffers at once (?mappings=…), or raise the limits: ulimit -v, sysctl"
              + " vm.max_map_count";
      case EPERM, EACCES -> "the file may not be written to, by a seal or by how it was opened";
      default -> "";
    };
  }

  /**
   * How much is mapped.
   *
   * @return bytes
   */
  long byteSize() {
    return byteSize;
  }

  /**
   * Refers to it once more.
   *
   * @return false if it has been unmapped
   */
  boolean tryRetain() {
    int seen = references.get();
    while (seen != 0) {
      int before = references.compareAndExchange(seen, seen + 1);
      if (before == seen) {
        return true;
      }
      seen = before;
    }
    return false;
  }

  /**
   * Gives a reference up; the last one unmaps.
   *
   * @return true if this was the last one
   */
  boolean release() {
    boolean last = references.decrementAndGet() == 0;
    if (last) {
      unmap();
    }
    return last;
  }

  private void unmap() {
    unmapLeft();
    if (!tryUnmap()) { // native code uses a segment of it
      leave();
      beginWaiting();
    }
  }

  /** Puts it on the list. */
  private void leave() {
    FileMapping seen = LEFT.get();
    next = seen;
    while (!LEFT.compareAndSet(seen, this)) {
      seen = LEFT.get();
      next = seen;
    }
  }

  private static void beginWaiting() {
    try {
      DeviceTimer.later(FileMapping::tryAgain, "mappings");
    } catch (RuntimeException | Error e) { // no Java heap, no thread: whoever is next does it
      Failures.log(LOG, "planning to unmap", "what native code uses", e);
    }
  }

  private static void tryAgain() {
    unmapLeft();
    if (LEFT.get() != null) {
      beginWaiting();
    }
  }

  /** Unmaps those that were left, as far as nobody uses them any more. */
  private static void unmapLeft() {
    FileMapping one = LEFT.getAndSet(null);
    while (one != null) {
      FileMapping following = one.next;
      one.next = null;
      if (!one.tryUnmap()) {
        one.leave();
      }
      one = following;
    }
  }

  /** False if native code uses it. */
  private boolean tryUnmap() {
    if (!tryEndLife()) {
      return false;
    }
    if (Syscalls.munmap(address, byteSize) < 0) {
      LOG.log(Level.WARNING, "munmap of {0} B failed: the address space is lost", byteSize);
    }
    return true;
  }

  private synchronized boolean tryEndLife() {
    try {
      if (life != null) {
        life.close();
        life = null;
      }
      return true;
    } catch (IllegalStateException | OutOfMemoryError e) {
      return false;
    }
  }

  @Override
  public long address() {
    return address;
  }

  @Override
  public synchronized MemorySegment segment(long size) {
    if (life == null) {
      life = Arena.ofShared();
    }
    return segment(size, life);
  }

  @Override
  public MemorySegment segment(long size, Arena arena) {
    MemorySegment bytes = MemorySegment.ofAddress(address).reinterpret(size, arena, null);
    return isWritable ? bytes : bytes.asReadOnly();
  }

  /**
   * All of it, for somebody who lets go of it no sooner than of the mapping.
   *
   * @return a segment that nobody else may have
   */
  MemorySegment all() {
    return MemorySegment.ofAddress(address).reinterpret(byteSize);
  }
}

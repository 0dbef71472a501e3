package io.github.dmabuf4j.swap;

import io.github.dmabuf4j.ByteSize;
import io.github.dmabuf4j.HeapUnavailableException;
import io.github.dmabuf4j.spi.SwapMemory;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.security.GeneralSecurityException;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Room in a file of a fixed size. It has no name, so it goes with its descriptor: when it is closed
 * or when the process ends, however that happens. It is read and written, never mapped, so a disk
 * that is full or broken is an error and not a signal; and its room is taken when it is opened.
 *
 * <p><b>Invariant.</b> A run of pages belongs to one place from {@link #put} to {@link
 * Room.Place#free}, and nobody else writes to it. A nonce is used once.
 */
final class SwapFile implements Room {
  private static final System.Logger LOG = System.getLogger(SwapFile.class.getName());

  private final String store;
  private final FileCalls calls;
  private final int descriptor;
  private final FileExtents extents;
  private final @Nullable FileKey key;
  private final List<CipherLane> ciphers;
  private final AtomicLong nonces = new AtomicLong();
  private final AtomicBoolean warned = new AtomicBoolean();

  private SwapFile(
      String store,
      FileCalls calls,
      int descriptor,
      FileExtents extents,
      @Nullable FileKey key,
      List<CipherLane> ciphers) {
    this.store = store;
    this.calls = calls;
    this.descriptor = descriptor;
    this.extents = extents;
    this.key = key;
    this.ciphers = ciphers;
  }

  /**
   * Opens one.
   *
   * @param store the name of the store, for messages
   * @param memory where scratch for encryption comes from
   * @throws HeapUnavailableException if there can't be one, or there isn't room for it
   */
  static SwapFile open(String store, FileOptions options, SwapMemory memory) {
    if (!System.getProperty("os.name", "").equals("Linux")) {
      throw new HeapUnavailableException(
          "a swap file is there on Linux only: use swap=compressed without swap-second=file");
    }
    return open(store, options, memory, new UnpinnedCalls(linux()));
  }

  private static FileCalls linux() {
    try {
      return FileCalls.LINUX;
    } catch (IllegalCallerException | ExceptionInInitializerError e) {
      throw new HeapUnavailableException(
          "a swap file needs native access, which this JVM denies: run it with"
              + " --enable-native-access=io.github.dmabuf4j.swap, or ALL-UNNAMED on the class"
              + " path");
    }
  }

  /** With calls of a test's. */
  static SwapFile open(String store, FileOptions options, SwapMemory memory, FileCalls calls) {
    int descriptor = calls.openUnnamed(options.directory());
    if (descriptor < 0) {
      throw new HeapUnavailableException(
          "wanted a swap file in %s, got %s: name a folder that this process may write to with the option directory"
              .formatted(options.directory(), LinuxFiles.name(-descriptor)));
    }
    boolean done = false;
    FileKey key = options.encrypted() ? new FileKey() : null;
    try {
      int refused = calls.allocate(descriptor, options.limit());
      if (refused < 0) {
        throw new HeapUnavailableException(
            "wanted a swap file of %s in %s, got %s: lower its limit, or name a folder with more room"
                .formatted(
                    ByteSize.format(options.limit()),
                    options.directory(),
                    LinuxFiles.name(-refused)));
      }
      List<CipherLane> ciphers = key == null ? List.of() : CipherLane.open(key, memory);
      FileExtents extents = new FileExtents((int) (options.limit() / Slices.PAGE));
      SwapFile file = new SwapFile(store, calls, descriptor, extents, key, ciphers);
      done = true;
      return file;
    } finally {
      if (!done) {
        calls.close(descriptor);
        if (key != null) {
          key.destroy();
        }
      }
    }
  }

  /** The open file: for tests. */
  int descriptor() {
    return descriptor;
  }

  /** Which pages are free. */
  FileExtents extents() {
    return extents;
  }

  @Override
  public @Nullable Place put(MemorySegment bytes) {
    int length = (int) bytes.byteSize() + (key == null ? 0 : CipherLane.TAG);
    int pages = (int) Slices.pages(length);
    int start = extents.take(pages);
    if (start < 0) {
      return null;
    }
    boolean written = false;
    try {
      long nonce = nonces.getAndIncrement();
      written = write(bytes, nonce, start * Slices.PAGE);
      return written ? new InFile(start, pages, (int) bytes.byteSize(), nonce) : null;
    } finally {
      if (!written) {
        extents.give(start, pages);
      }
    }
  }

  private boolean write(MemorySegment bytes, long nonce, long offset) {
    if (key == null) {
      return write(bytes, offset);
    }
    try (CipherLane lane = CipherLane.take(ciphers)) {
      return write(lane.encrypt(bytes, nonce), offset);
    }
  }

  private boolean write(MemorySegment bytes, long offset) {
    for (long done = 0; done < bytes.byteSize(); ) {
      long result = calls.write(descriptor, bytes.asSlice(done), offset + done);
      if (result <= 0) {
        refused(result);
        return false;
      }
      done += result;
    }
    return true;
  }

  /** Buffers stay where they are; said once, for it may happen each time from now on. */
  private void refused(long result) {
    if (warned.compareAndSet(false, true)) {
      LOG.log(
          Level.WARNING,
          "the swap store {0} can''t be written: {1}. Buffers stay in memory meanwhile; this is"
              + " said once",
          store,
          LinuxFiles.name(-result));
    }
  }

  private void read(InFile place, MemorySegment target) {
    long offset = place.start * Slices.PAGE;
    if (key == null) {
      readFully(target, offset);
      return;
    }
    try (CipherLane lane = CipherLane.take(ciphers)) {
      readFully(lane.scratch(place.bytes + CipherLane.TAG), offset);
      lane.decrypt(place.nonce, target);
    } catch (GeneralSecurityException e) {
      throw StoreFailures.damaged(
          store,
          "%d encrypted bytes with the tag they were written with".formatted(place.bytes),
          "others",
          e);
    }
  }

  private void readFully(MemorySegment target, long offset) {
    for (long done = 0; done < target.byteSize(); ) {
      long result = calls.read(descriptor, target.asSlice(done), offset + done);
      if (result <= 0) {
        throw StoreFailures.unreadable(
            store, offset + done, result == 0 ? "the file ends there" : LinuxFiles.name(-result));
      }
      done += result;
    }
  }

  @Override
  public void close() {
    calls.close(descriptor);
    ciphers.forEach(CipherLane::release);
    if (key != null) {
      key.destroy();
    }
  }

  /** A run of pages. */
  private final class InFile implements Place {
    private final int start;
    private final int pages;
    private final int bytes;
    private final long nonce;

    InFile(int start, int pages, int bytes, long nonce) {
      this.start = start;
      this.pages = pages;
      this.bytes = bytes;
      this.nonce = nonce;
    }

    @Override
    public int bytes() {
      return bytes;
    }

    @Override
    public long storedBytes() {
      return pages * Slices.PAGE;
    }

    @Override
    public @Nullable MemorySegment inMemory() {
      return null;
    }

    @Override
    public void read(MemorySegment target) {
      SwapFile.this.read(this, target);
    }

    @Override
    public void free() {
      extents.give(start, pages);
    }
  }
}

package io.github.dmabuf4j;

import io.github.dmabuf4j.spi.SharedFile;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A counted reference to a buffer, as a file descriptor is to a {@code struct dma_buf}. It gives
 * access to the bytes and to the {@link Reservation} that says who is using them; it has no get and
 * put methods of its own, {@link MemorySegment} has.
 *
 * <p><b>Life.</b> {@link #dup} makes one more reference, {@link #close} drops one. The buffer dies
 * with the last reference, where holds, pins, attachments and jobs count as well; its memory is
 * reused only after every fence in its reservation has signaled. A closed handle fails with {@link
 * IllegalStateException}, wherever it is used and whatever has become of the memory; it can't touch
 * another owner's buffer. Handles that are forgotten leak, and are reported by {@link Heap#info}.
 *
 * <p><b>Touching bytes.</b>
 *
 * <table>
 * <caption>Ways to the bytes</caption>
 * <tr><th>way</th><th>waits for others</th><th>others wait for it</th><th>for</th></tr>
 * <tr><td>{@link #read}, {@link #write}</td><td>yes</td><td>yes</td><td>one buffer, on one thread</td></tr>
 * <tr><td>{@link Job}</td><td>yes</td><td>yes</td><td>several buffers, several threads, devices</td></tr>
 * <tr><td>{@link #beginCpuAccess}</td><td>yes</td><td>no</td><td>code that orders itself</td></tr>
 * <tr><td>{@link #hold}</td><td>no</td><td>no</td><td>views and native addresses</td></tr>
 * <tr><td>{@link #vmapLocked}, {@link #vmapPinned}</td><td>no</td><td>no</td><td>code under the reservation, or with a pin</td></tr>
 * </table>
 *
 * <p><b>Failures of exporters.</b> Whatever the exporter throws where it is asked for something
 * comes out of the call that needed it, usually a {@link DmaBufException}: each way to the bytes
 * may have to map them first. Nothing is left behind then, and the buffer can be used again.
 *
 * <p><b>Threads.</b> Any thread may call any method. {@link #pin}, {@link #vmapLocked}, {@link
 * #vmapPinned} and {@link #advise} need the buffer's reservation to be held; all others that take
 * it themselves (the table above, {@link #attach}) need it not to be held by the calling thread.
 *
 * <p>Source: include/linux/dma-buf.h; rules CB3, CB4, CL1, CL2.
 */
public final class DmaBuf extends BufferHandle implements AutoCloseable {
  private DmaBuf(BufferObject object, int generation, boolean first, boolean readOnly) {
    super(object, generation, first, readOnly);
  }

  /** The handle that an export begins with. */
  static DmaBuf first(BufferObject object, int generation) {
    return new DmaBuf(object, generation, true, false);
  }

  /** One more handle, of a generation in which it has to get a reference first. */
  static DmaBuf further(BufferObject object, int generation) {
    return new DmaBuf(object, generation, false, false);
  }

  // ---- life ----

  /**
   * Makes one more reference to the same buffer.
   *
   * @return a new handle, to be closed on its own; read-only if this one is
   * @throws IllegalStateException if this handle is closed
   */
  public DmaBuf dup() {
    DmaBuf copy =
        new DmaBuf(object(), generation(), false, refusesWrites()); // first: the heap may be full
    retain("dup");
    return copy;
  }

  /**
   * Makes a reference that can't write: its segments are read-only; write accesses, advice, a name
   * or a layout are refused, also through its attachments.
   *
   * @return a new handle, to be closed on its own
   * @throws IllegalStateException if this handle is closed
   */
  public DmaBuf dupReadOnly() {
    DmaBuf copy = new DmaBuf(object(), generation(), false, true);
    retain("dupReadOnly");
    return copy;
  }

  /** Drops this reference. Closing again does nothing. */
  @Override
  public void close() {
    drop();
  }

  /**
   * Whether this handle is closed.
   *
   * @return true once {@link #close} was called
   */
  public boolean isClosed() {
    return hasClosed();
  }

  // ---- what it is ----

  /**
   * The size of the buffer, constant for its life.
   *
   * @return bytes, as asked for when it was allocated
   * @throws IllegalStateException if this handle is closed
   */
  public long size() {
    long size = object().size();
    VarHandle.acquireFence(); // the size before the check: an open handle's generation hasn't ended
    checkOpen("size");
    return size;
  }

  /**
   * What the buffer is called in reports.
   *
   * @return the name given to it, else one made up from its heap's
   * @throws IllegalStateException if this handle is closed
   */
  public String name() {
    String name = object().displayName();
    checkOpen("name");
    return name;
  }

  /**
   * Gives the buffer a name, for all references (rule CB10).
   *
   * @param name what to call it in reports; exporters that pass it to the kernel pass its first 31
   *     bytes
   * @throws IllegalStateException if this handle is closed or read-only
   */
  public void setName(String name) {
    Objects.requireNonNull(name, "name");
    checkWritable("setName", Access.WRITE);
    BufferObject object = retain("setName");
    try {
      object.setName(name);
    } finally {
      object.put();
    }
  }

  /**
   * How a frame lies in the buffer.
   *
   * @return the layout given to it, or empty
   * @throws IllegalStateException if this handle is closed
   */
  public Optional<FrameLayout> layout() {
    FrameLayout layout = object().layout();
    checkOpen("layout");
    return Optional.ofNullable(layout);
  }

  /**
   * Says how a frame lies in the buffer, for all references.
   *
   * @param layout the layout
   * @throws IllegalArgumentException if the layout needs more bytes than the buffer has
   * @throws IllegalStateException if this handle is closed or read-only
   */
  public void setLayout(FrameLayout layout) {
    checkWritable("setLayout", Access.WRITE);
    BufferObject object = retain("setLayout");
    try {
      if (layout.totalBytes() > object.size()) {
        throw new IllegalArgumentException(
            "wanted a layout of at most %d bytes, got %s, which needs %d"
                .formatted(object.size(), layout, layout.totalBytes()));
      }
      object.setLayout(layout);
    } finally {
      object.put();
    }
  }

  /**
   * The lock of the buffer and the fences of who uses it.
   *
   * @return the reservation; several buffers may share one
   * @throws IllegalStateException if this handle is closed
   */
  public Reservation reservation() {
    BufferObject object = retain("reservation");
    try {
      return object.reservationForUser();
    } finally {
      object.put();
    }
  }

  /**
   * Whether this handle can't write.
   *
   * @return true if it, or what it was dup'ed from, was made by {@link #dupReadOnly}
   * @throws IllegalStateException if this handle is closed
   */
  public boolean isReadOnly() {
    checkOpen("isReadOnly");
    return refusesWrites();
  }

  /**
   * Who uses the buffer. Needs no lock, and is exact only while the reservation is held.
   *
   * @return a snapshot, which counts itself as a reference
   * @throws IllegalStateException if this handle is closed
   */
  public BufInfo.Buffer info() {
    BufferObject object = retain("info");
    try {
      return object.info();
    } finally {
      object.put();
    }
  }

  /**
   * Whether two handles refer to the same buffer.
   *
   * @param other another handle
   * @return true if they share bytes, reservation and life
   * @throws IllegalStateException if one of the handles is closed
   */
  public boolean isSameBuffer(DmaBuf other) {
    checkOpen("isSameBuffer");
    other.checkOpen("isSameBuffer");
    return refersToSame(other);
  }

  // ---- bytes ----

  /**
   * What runs on the bytes of a buffer and returns something.
   *
   * @param <R> what it returns
   * @param <X> what it may throw
   */
  @FunctionalInterface
  public interface Reader<R extends @Nullable Object, X extends Exception> {
    /**
     * Reads.
     *
     * @param segment the bytes, read-only, dead after the return
     * @return anything but the segment or a part of it
     * @throws X whatever goes wrong
     */
    R read(MemorySegment segment) throws X;
  }

  /**
   * What runs on the bytes of a buffer and may change them.
   *
   * @param <X> what it may throw
   */
  @FunctionalInterface
  public interface Writer<X extends Exception> {
    /**
     * Writes.
     *
     * @param segment the bytes, dead after the return
     * @throws X whatever goes wrong
     */
    void write(MemorySegment segment) throws X;
  }

  /**
   * Reads the buffer: waits for its writers, keeps new ones out for as long as the reader runs, and
   * gives it coherent bytes (design rule CA2).
   *
   * @param <R> what the reader returns
   * @param <X> what it may throw
   * @param reader runs on this thread, without any lock held; must neither take a reservation nor
   *     allocate with a policy that may reclaim: others wait for it
   * @return what the reader returned
   * @throws X what the reader threw
   * @throws InterruptedException if the thread is interrupted while waiting
   * @throws FenceTimeoutException if a writer didn't end in time
   * @throws BufferPurgedException if the content is gone
   * @throws BufferRevokedException if the memory was taken away while the reader ran
   * @throws IllegalStateException if this handle is closed, the thread holds the reservation, or
   *     the call is nested in another closure
   */
  public <R extends @Nullable Object, X extends Exception> R read(Reader<R, X> reader)
      throws X, InterruptedException {
    return BufferClosure.read(this, reader, Waiting.INTERRUPTIBLY);
  }

  /**
   * Reads the buffer as {@link #read} does, not interruptibly: an interrupt is kept for later.
   *
   * @param <R> what the reader returns
   * @param <X> what it may throw
   * @param reader as for {@link #read}
   * @return what the reader returned
   * @throws X what the reader threw
   * @throws FenceTimeoutException if a writer didn't end in time
   * @throws BufferPurgedException if the content is gone
   * @throws BufferRevokedException if the memory was taken away while the reader ran
   * @throws IllegalStateException as {@link #read} does
   */
  public <R extends @Nullable Object, X extends Exception> R readUninterruptibly(
      Reader<R, X> reader) throws X {
    try {
      return BufferClosure.read(this, reader, Waiting.UNINTERRUPTIBLY);
    } catch (InterruptedException e) {
      throw BufferClosure.interrupted(e);
    }
  }

  /**
   * Changes the buffer: waits for its readers and writers, keeps new ones out for as long as the
   * writer runs, and makes what it wrote visible (design rule CA2).
   *
   * @param <X> what the writer may throw
   * @param writer runs on this thread, without any lock held; must neither take a reservation nor
   *     allocate with a policy that may reclaim: others wait for it
   * @throws X what the writer threw
   * @throws InterruptedException if the thread is interrupted while waiting
   * @throws FenceTimeoutException if a reader or writer didn't end in time
   * @throws BufferPurgedException if the content is gone
   * @throws BufferRevokedException if the memory was taken away while the writer ran
   * @throws IllegalStateException if this handle is closed or read-only, the thread holds the
   *     reservation, or the call is nested in another closure
   */
  public <X extends Exception> void write(Writer<X> writer) throws X, InterruptedException {
    BufferClosure.write(this, writer, Waiting.INTERRUPTIBLY);
  }

  /**
   * Changes the buffer as {@link #write} does, not interruptibly: an interrupt is kept for later.
   *
   * @param <X> what the writer may throw
   * @param writer as for {@link #write}
   * @throws X what the writer threw
   * @throws FenceTimeoutException if a reader or writer didn't end in time
   * @throws BufferPurgedException if the content is gone
   * @throws BufferRevokedException if the memory was taken away while the writer ran
   * @throws IllegalStateException as {@link #write} does
   */
  public <X extends Exception> void writeUninterruptibly(Writer<X> writer) throws X {
    try {
      BufferClosure.write(this, writer, Waiting.UNINTERRUPTIBLY);
    } catch (InterruptedException e) {
      throw BufferClosure.interrupted(e);
    }
  }

  /**
   * Begins a bracket around accesses of the calling thread. Waits for what conflicts, at most
   * {@link Fences#defaultTimeout()}.
   *
   * @param access what the thread is about to do
   * @return the bracket, to be closed on the same thread
   * @throws InterruptedException if the thread is interrupted while waiting
   * @throws FenceTimeoutException if what conflicts didn't end in time
   * @throws BufferPurgedException if the content is gone
   * @throws IllegalStateException if this handle is closed, or read-only and the access writes, or
   *     the thread holds the reservation
   */
  public CpuAccess beginCpuAccess(Access access) throws InterruptedException {
    return beginCpuAccess(access, Waiting.INTERRUPTIBLY);
  }

  /**
   * Begins a bracket as {@link #beginCpuAccess} does, not interruptibly.
   *
   * @param access what the thread is about to do
   * @return the bracket, to be closed on the same thread
   * @throws FenceTimeoutException if what conflicts didn't end in time
   * @throws BufferPurgedException if the content is gone
   * @throws IllegalStateException if this handle is closed, or read-only and the access writes, or
   *     the thread holds the reservation
   */
  public CpuAccess beginCpuAccessUninterruptibly(Access access) {
    try {
      return beginCpuAccess(access, Waiting.UNINTERRUPTIBLY);
    } catch (InterruptedException e) {
      throw BufferClosure.interrupted(e);
    }
  }

  private CpuAccess beginCpuAccess(Access access, Waiting waiting) throws InterruptedException {
    BufferClosure.checkNotNested("beginCpuAccess");
    checkWritable("beginCpuAccess", access);
    return CpuAccess.begin(retain("beginCpuAccess"), access, null, waiting);
  }

  /**
   * Keeps the bytes in place, for the calling thread.
   *
   * @return a confined hold, to be closed on the same thread
   * @throws BufferPurgedException if the content is gone
   * @throws IllegalStateException if this handle is closed, or the thread holds the reservation
   */
  public Hold hold() {
    return hold(ArenaKind.CONFINED);
  }

  /**
   * Keeps the bytes in place, without waiting for fences.
   *
   * @param kind whose life the segment shares
   * @return a hold, to be closed
   * @throws BufferPurgedException if the content is gone
   * @throws IllegalStateException if this handle is closed, or the thread holds the reservation
   */
  public Hold hold(ArenaKind kind) {
    Objects.requireNonNull(kind, "kind");
    return Hold.begin(retain("hold"), kind, refusesWrites());
  }

  /**
   * Maps the bytes for the caller, who holds the reservation: until it is unlocked, or the vmap
   * closed, whichever is first (design rule VM2).
   *
   * @return the bytes, for the calling thread
   * @throws BufferPurgedException if the content is gone
   * @throws IllegalStateException if this handle is closed, the reservation isn't held by the
   *     calling thread, or importers are being told of a move
   */
  public Vmap vmapLocked() {
    return Vmap.locked(retain("vmapLocked"), refusesWrites());
  }

  /**
   * Pins the buffer and maps the bytes, for use without end that no lock can last for (design rules
   * VM2, PN4). Needs the reservation, as its close does; the bytes themselves don't.
   *
   * @param term how long
   * @param kind whose life the segment shares
   * @return the bytes, with the pin
   * @throws BufferPurgedException if the content is gone
   * @throws IllegalStateException if this handle is closed, the reservation isn't held by the
   *     calling thread, the content may be dropped (design rule PN3), or importers are being told
   *     of a move
   * @throws DmaBufException if the exporter can't pin it, for example because its limit on pinned
   *     bytes is reached
   */
  public Vmap vmapPinned(Pin.Term term, ArenaKind kind) {
    Objects.requireNonNull(term, "term");
    Objects.requireNonNull(kind, "kind");
    return Vmap.pinned(retain("vmapPinned"), term, kind, refusesWrites());
  }

  // ---- for importers and owners ----

  /**
   * Registers an importer. Takes no lock of its own but the buffer's reservation.
   *
   * @param importer who will use the buffer
   * @return its side of the buffer, to be closed
   * @throws DmaBufException if the exporter can't serve this importer
   * @throws IllegalStateException if this handle is closed, or the thread holds the reservation
   */
  public Attachment attach(Importer importer) {
    BufferObject object = retain("attach");
    try {
      Attachment attachment =
          new Attachment(object, Objects.requireNonNull(importer, "importer"), refusesWrites());
      object.reservation().checkMayLock(); // before the exporter hears of it
      object.exporter().attach(attachment);
      add(object, attachment);
      return attachment;
    } catch (Throwable e) {
      object.put();
      throw e;
    }
  }

  /** Puts what the exporter has attached on the list, or detaches it. */
  private static void add(BufferObject object, Attachment attachment) {
    Reservation reservation = object.reservation();
    boolean added = false;
    try {
      reservation.lock();
      try {
        object.addAttachmentLocked(attachment);
        added = true;
      } finally {
        reservation.unlock();
      }
    } finally {
      if (!added) {
        object.exporter().detach(attachment);
      }
    }
  }

  /**
   * Keeps the buffer where it is, counted (design rules PN1, PN3).
   *
   * @param term how long
   * @return the pin, to be closed under the reservation
   * @throws IllegalStateException if this handle is closed, the reservation isn't held by the
   *     calling thread, the content may be dropped, or importers are being told of a move
   * @throws BufferPurgedException if the content is gone
   * @throws DmaBufException if the exporter can't pin it, for example because its limit on pinned
   *     bytes is reached; nothing is pinned
   */
  public Pin pin(Pin.Term term) {
    Objects.requireNonNull(term, "term");
    return Pin.take(retain("pin"), term);
  }

  /**
   * Says that somebody uses the bytes until a fence signals, such as a device that was given work:
   * others wait for it as for a reader or a writer. A kernel fence becomes known to other processes
   * and devices, too, if the exporter can tell them; a host fence can't (design rule FN6). Takes
   * the reservation. Use by this process is published by {@link Job}s and closures.
   *
   * @param fence any, also a container; one that has signaled is left out
   * @param access what is done to the bytes until it signals
   * @throws DmaBufException if the exporter can't tell others: the fence isn't added
   * @throws IllegalArgumentException if it is a kernel fence of which the exporter can't tell
   *     others
   * @throws IllegalStateException if this handle is closed, or read-only and the access writes, or
   *     the thread holds the reservation
   */
  public void publish(Fence fence, Access access) {
    checkWritable("publish", access);
    BufferObject object = retain("publish");
    try {
      Published.add(object, fence, access);
    } finally {
      object.put();
    }
  }

  /**
   * Says whether the content is needed (rules CG3, CG4). Using a buffer doesn't take it back.
   *
   * @param advice what reclaim may do with it
   * @return true if the content is still there; once false it stays so
   * @throws IllegalStateException if this handle is closed or read-only, the reservation isn't held
   *     by the calling thread, or a pinned buffer is offered
   */
  public boolean advise(Advice advice) {
    checkWritable("advise", Access.WRITE);
    BufferObject object = retain("advise");
    try {
      object.reservation().assertHeld("advise");
      return object.adviseLocked(Objects.requireNonNull(advice, "advice"));
    } finally {
      object.put();
    }
  }

  /**
   * A file descriptor of the buffer, for a device or another process; see {@link
   * SharedFile#exportFd}.
   *
   * @return a descriptor owned by the caller, to be closed or detached
   * @throws UnsupportedOperationException if the buffer has no file behind it: allocate it from a
   *     heap that has
   * @throws FenceTimeoutException if a host fence on the buffer didn't signal in time
   * @throws InterruptedException if the thread is interrupted while waiting
   * @throws IllegalStateException if this handle is closed
   */
  public OwnedFd exportFd() throws InterruptedException {
    BufferObject object = retain("exportFd");
    try {
      if (object.exporter() instanceof SharedFile file) {
        return file.exportFd();
      }
      throw new UnsupportedOperationException(
          "%s is memory of this process and has no file descriptor: allocate from a dma-heap, udmabuf or memfd heap to share it"
              .formatted(object));
    } finally {
      object.put();
    }
  }
}

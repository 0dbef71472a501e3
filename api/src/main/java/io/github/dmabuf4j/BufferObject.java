package io.github.dmabuf4j;

import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.spi.SwapStore;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What all references to a buffer share ({@code struct dma_buf}): its exporter, its reservation,
 * and the counts of who uses it. Users see {@link DmaBuf}; this class is for exporters, which make
 * one object per block of memory and {@link #export} it again for each allocation.
 *
 * <p><b>Threads.</b> {@link #export} by whoever owns the idle block; methods that end in {@code
 * Locked} under the reservation; the rest from any thread.
 *
 * <p>Source: drivers/dma-buf/dma-buf.c; rules CB1 to CB12.
 */
public final class BufferObject extends BufferPlacement {
  /*
   * One object in memory, for there may be a million; five layers, each with a state and an invariant of its own:
   *
   *   BufferReferences   who refers to it, and to which of the buffers that had this memory
   *   BufferMapping      where the CPU sees the bytes, and who uses that
   *   BufferContent      where the content is, and whether it is needed
   *   BufferPlacement    what keeps it there
   *   BufferObject       what it is, its reservation, its importers, and what follows from all five
   *
   * Invariants between them:
   *  - references = 0 and out: quarantine, until every fence that was in the reservation when the last reference was dropped
   *    has signaled; whoever dropped it carries the memory on, see release().
   *  - users > 0 or pins > 0 implies references > 0, for each owns a reference.
   *  - users is raised under the reservation only and dropped anywhere: who holds the reservation and reads 0 knows that
   *    nobody starts to touch the bytes until it unlocks.
   *
   *   field                          read                          written             guard
   *   size                           plain, then the references    plain               before the references of its generation
   *   name, layout                   volatile                      volatile; opaque    by an export: before the references of its generation
   *   newestAttachment               volatile                      volatile            written under the reservation; see addAttachmentLocked
   *   reservation                    volatile                      CAS, plain at end   shared: final. Else made once in a generation that wants it
   *   reservationSeen                volatile                      volatile            true before a user has it; reset at release
   */
  private static final VarHandle RESERVATION;
  private static final VarHandle NAME;
  private static final VarHandle LAYOUT;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      RESERVATION = lookup.findVarHandle(BufferObject.class, "reservation", Reservation.class);
      NAME = lookup.findVarHandle(BufferObject.class, "name", String.class);
      LAYOUT = lookup.findVarHandle(BufferObject.class, "layout", FrameLayout.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** Where the content is (design rule SH4: stored; everything else about reclaim is derived). */
  public enum Residency {
    /** In the buffer's memory. */
    RESIDENT,
    /** In a store; it comes back at the next use. */
    EVICTED,
    /** Nowhere: it was dropped. */
    PURGED
  }

  private final Exporter exporter;
  private final boolean sharesReservation;
  private volatile @Nullable Reservation reservation;
  private volatile boolean reservationSeen;
  private long size;
  private volatile @Nullable String name;
  private volatile @Nullable FrameLayout layout;

  private volatile @Nullable Attachment newestAttachment;

  /**
   * Creates an object whose buffers have a reservation of their own.
   *
   * @param exporter where the bytes live
   */
  public BufferObject(Exporter exporter) {
    this.exporter = Objects.requireNonNull(exporter, "exporter");
    this.sharesReservation = false;
  }

  /**
   * Creates an object whose buffers share a reservation with others (rule CB2).
   *
   * @param exporter where the bytes live
   * @param shared the reservation of them all
   */
  public BufferObject(Exporter exporter, Reservation shared) {
    this.exporter = Objects.requireNonNull(exporter, "exporter");
    this.sharesReservation = true;
    this.reservation = Objects.requireNonNull(shared, "shared");
  }

  // ---- life ----

  /**
   * Hands the memory to a user: a new generation with one reference. Content, name and layout are
   * the caller's; nothing of an earlier generation is left.
   *
   * @param byteSize the size of the buffer in bytes, constant until its end (rule CB3)
   * @param bufferName what to call it in reports, or null for a name made from the exporter's
   * @param frameLayout how a frame lies in it, or null
   * @return the first handle
   * @throws IllegalArgumentException if the size isn't positive
   * @throws IllegalStateException if the memory isn't the exporter's, because it was never released
   */
  public DmaBuf export(
      long byteSize, @Nullable String bufferName, @Nullable FrameLayout frameLayout) {
    if (byteSize <= 0) {
      throw new IllegalArgumentException("wanted a size of at least 1 byte, got " + byteSize);
    }
    int generation = nextGeneration();
    DmaBuf handle = DmaBuf.first(this, generation); // before anything: the heap may be full
    size = byteSize;
    NAME.setOpaque(this, bufferName);
    LAYOUT.setOpaque(this, frameLayout);
    beginContent(); // before a scan that knows the memory from earlier can refer to it
    begin(generation);
    return handle;
  }

  /**
   * One more handle of the buffer, for an exporter that finds out that somebody asks for what it
   * has exported already: a file that is imported twice (rule CB12, {@code get_dma_buf} where the
   * count isn't 0).
   *
   * @return a new handle, to be closed on its own; empty if nobody refers to the buffer any more
   */
  public Optional<DmaBuf> tryHandle() {
    int generation = generation();
    Optional<DmaBuf> handle = Optional.of(DmaBuf.further(this, generation)); // the heap may be full
    return retain(generation, false) ? handle : Optional.empty();
  }

  @Override
  void unreferenced() {
    Reservation present = reservation;
    List<Fence> pending =
        present == null || present.hasOwnSignaled(FenceUsage.BOOKKEEP)
            ? List.of()
            : present.ownFences(FenceUsage.BOOKKEEP);
    release(pending, 0);
  }

  /**
   * Gives the memory back to the exporter as soon as nothing in flight touches it: fences of any
   * usage keep it in quarantine (design rules FN1, PN2). Runs on the thread that dropped the last
   * reference, or later on one that signals a fence.
   *
   * @param fences those of the moment when the last reference was dropped: with a shared
   *     reservation, what users of other buffers add later would keep the memory for ever
   * @param from where to go on
   */
  private void release(List<Fence> fences, int from) {
    for (int i = from; i < fences.size(); i++) {
      int next = i + 1;
      if (fences.get(i).addCallback(signaled -> release(fences, next))) {
        return;
      }
    }
    RunAll steps = new RunAll();
    steps.run(this::endMapping); // where it fails, what follows happens all the same
    forgetContent();
    if (newestAttachment != null) {
      newestAttachment = null;
    }
    forgetReservation();
    giveBack(); // before the exporter may export again
    steps.run(() -> Lockdep.inCallback("release of", this, exporter::release)).finish();
  }

  private void forgetReservation() {
    Reservation own = reservation;
    if (own == null || sharesReservation) {
      return;
    }
    if (reservationSeen) { // a user may still have it: the next owner gets another
      own.forgetExporter();
      reservation = null;
      reservationSeen = false;
    } else {
      own.clear();
    }
  }

  // ---- what it is ----

  /**
   * Where the bytes live.
   *
   * @return the exporter given at construction
   */
  @Override
  public Exporter exporter() {
    return exporter;
  }

  /**
   * The exporter of a buffer, for somebody who may be it: a heap or device that is asked to import
   * what it exported itself uses the original instead of attaching to it (rule CB12).
   *
   * @param <E> which exporters are the caller's own
   * @param buffer the buffer
   * @param type the same
   * @return its exporter, or empty if that is somebody else's; the exporter's for as long as the
   *     buffer lives
   * @throws IllegalStateException if the handle is closed
   */
  public static <E extends Exporter> Optional<E> exporterOf(DmaBuf buffer, Class<E> type) {
    BufferObject object = buffer.retain("exporterOf");
    try {
      return type.isInstance(object.exporter)
          ? Optional.of(type.cast(object.exporter))
          : Optional.empty();
    } finally {
      object.put();
    }
  }

  /**
   * The reservation of the buffer. An exporter that takes it must give it back before the buffer is
   * released.
   *
   * @return the shared one, or the buffer's own
   */
  public Reservation reservation() {
    Reservation present = reservation;
    if (present == null) {
      Reservation fresh = new Reservation(exporter);
      present = (Reservation) RESERVATION.compareAndExchange(this, null, fresh);
      if (present == null) {
        present = fresh;
      }
    }
    return present;
  }

  /**
   * The reservation for somebody who may keep it beyond the buffer's end: the memory's next owner
   * gets another one.
   */
  Reservation reservationForUser() {
    reservationSeen = true;
    return reservation();
  }

  /**
   * The size of the buffer.
   *
   * @return bytes, of the last export
   */
  public long size() {
    return size;
  }

  /**
   * What to call the buffer in reports.
   *
   * @return the name given to it, else one made of the exporter's name and a number
   */
  public String displayName() {
    return displayName(generation());
  }

  /**
   * What to call the buffer of a generation that may have ended: the name that it was given is
   * known until the memory has another owner.
   */
  String displayName(int generation) {
    String given = name;
    return given != null && generation == generation()
        ? given
        : "%s#%08x.%d".formatted(exporter.name(), System.identityHashCode(this), generation);
  }

  @Nullable String name() {
    return name;
  }

  void setName(String newName) {
    name = newName;
    exporter.renamed(newName);
  }

  @Nullable FrameLayout layout() {
    return layout;
  }

  void setLayout(@Nullable FrameLayout newLayout) {
    layout = newLayout;
  }

  /**
   * Whether the memory is with users, or in quarantine after them.
   *
   * @return true from export until release
   */
  public boolean isReferenced() {
    return isOut();
  }

  /**
   * What is known of this buffer now.
   *
   * @return a snapshot, exact only while the reservation is held
   */
  public BufInfo.Buffer info() {
    Reservation present = reservation;
    List<Fence> fences = present == null ? List.of() : present.ownFences(FenceUsage.BOOKKEEP);
    return new BufInfo.Buffer(
        displayName(),
        exporter.name(),
        size,
        references(),
        users(),
        pins(),
        residency(),
        attached(),
        fences.stream().map(Fence::toString).toList());
  }

  // ---- use, under the reservation ----

  /** Puts an attachment on the list. Can't fail, for the attachment is the link. */
  void addAttachmentLocked(Attachment attachment) {
    attachment.setOlder(newestAttachment);
    newestAttachment = attachment;
  }

  /** Takes an attachment off the list. Can't fail. */
  void removeAttachmentLocked(Attachment attachment) {
    Attachment newer = newestAttachment;
    if (newer == attachment) {
      newestAttachment = attachment.older();
      return;
    }
    while (newer != null && newer.older() != attachment) {
      newer = newer.older();
    }
    if (newer != null) {
      newer.setOlder(attachment.older());
    }
  }

  /**
   * Whoever attached last, from which {@link Attachment#older} leads to all others that are
   * attached; null if nobody is.
   */
  @Nullable Attachment newestAttachment() {
    return newestAttachment;
  }

  /** Who is attached, for reports: whoever attached first comes first. */
  private List<BufInfo.Attached> attached() {
    List<BufInfo.Attached> attached = new ArrayList<>();
    for (Attachment one = newestAttachment; one != null; one = one.older()) {
      attached.addFirst(BufInfo.Attached.of(one));
    }
    return attached;
  }

  /**
   * Appends what an access has to wait for, of this process and of others, to a list that is made
   * where there is none and something to append.
   */
  @Nullable List<Fence> conflictsLocked(Access access, @Nullable List<Fence> pending) {
    FenceUsage usage = FenceUsage.conflictingWith(access);
    List<Fence> conflicts = reservation().collect(usage, pending);
    List<Fence> foreign = exporter.foreignFences(usage);
    if (foreign.isEmpty()) {
      return conflicts;
    }
    List<Fence> all = conflicts == null ? new ArrayList<>(foreign.size()) : conflicts;
    all.addAll(foreign);
    return all;
  }

  // ---- coherency, without the reservation ----

  /** Makes the bytes coherent for the CPU, also where importers have them mapped. */
  void beginCpuAccess(Access access) {
    exporter.beginCpuAccess(access);
    AttachmentMapping mapping = AttachmentMapping.from(newestAttachment);
    if (mapping != null) {
      syncForCpu(mapping, access);
    }
  }

  private void syncForCpu(AttachmentMapping newest, Access access) {
    boolean done = false;
    try {
      for (AttachmentMapping one = newest; one != null; one = one.older()) {
        one.syncForCpu(access);
      }
      done = true;
    } finally {
      if (!done) {
        exporter.endCpuAccess(access);
      }
    }
  }

  /** Makes what the CPU wrote visible to others. */
  void endCpuAccess(Access access) {
    AttachmentMapping newest = AttachmentMapping.from(newestAttachment);
    if (newest == null) {
      exporter.endCpuAccess(access);
      return;
    }
    RunAll steps = new RunAll();
    for (AttachmentMapping one = newest; one != null; one = one.older()) {
      AttachmentMapping mapping = one;
      steps.run(() -> mapping.syncForDevice(access));
    }
    steps.run(() -> exporter.endCpuAccess(access)).finish();
  }

  // ---- for exporters that move or evict, under the reservation ----

  /**
   * Begins to move or reclaim a buffer that the caller has no handle of: takes a reference, so that
   * the memory doesn't go back to the exporter under its hands, and the reservation, neither of
   * which waits ({@code kref_get_unless_zero} and {@code dma_resv_trylock} in drm_gem_lru_scan).
   *
   * @return true if both are taken, to be given back by {@link #endReclaim}; false if the buffer is
   *     to be passed by, because somebody holds the reservation or nobody refers to the buffer
   */
  public boolean tryBeginReclaim() {
    if (!retain()) {
      return false;
    }
    boolean locked = false;
    try {
      locked = reservation().tryLock();
    } finally {
      if (!locked) {
        put();
      }
    }
    return locked;
  }

  /**
   * Gives back what {@link #tryBeginReclaim} took. If the last handle was closed meanwhile, the
   * buffer is released now.
   *
   * @throws IllegalStateException if the calling thread doesn't hold the reservation, or {@link
   *     Reservation#unlock} is refused; nothing is given back then
   */
  public void endReclaim() {
    Reservation held = reservation();
    held.assertHeld("endReclaim");
    held.endSegments();
    new RunAll().run(held::unlock).run(this::put).finish();
  }

  /**
   * Whether the bytes must stay as and where they are: held, mapped for somebody (by {@link
   * DmaBuf#vmapLocked} of the caller's own, too), pinned, or touched by something in flight (design
   * rule PN2).
   *
   * @return true if they may be neither moved nor evicted nor purged
   * @throws IllegalStateException if the calling thread doesn't hold the reservation
   */
  public boolean isBusyLocked() {
    reservation().assertHeld("isBusyLocked");
    return users() != 0
        || pins() != 0
        || !reservation().hasOwnSignaled(FenceUsage.BOOKKEEP)
        || !exporter.foreignFences(FenceUsage.BOOKKEEP).isEmpty();
  }

  /**
   * Announces that the bytes are about to move: drops the idle mapping and tells dynamic importers
   * (rules CL5, CM9, CM13). To be called before the move, for a buffer that isn't busy, by somebody
   * who has a handle or called {@link #tryBeginReclaim}. Until it returns nobody can map or pin the
   * buffer.
   *
   * @throws IllegalStateException if the calling thread doesn't hold the reservation, or the buffer
   *     is busy, or importers are being told already
   */
  public void moveNotifyLocked() {
    checkNotMoving();
    if (isBusyLocked()) {
      throw new IllegalStateException(
          displayName() + " is busy: it can't be moved now (design rule PN2)");
    }
    RunAll steps = new RunAll().run(this::endMapping);
    setMoving(true);
    try {
      for (Attachment one = newestAttachment; one != null; one = one.older()) {
        steps.run(one::moveNotifyLocked);
      }
    } finally {
      setMoving(false);
    }
    steps.finish();
  }

  /**
   * Gives up an idle mapping of a buffer: what a {@link io.github.dmabuf4j.spi.MappingCache} calls
   * for a mapping that isn't worth keeping (design rule VM1). It is unmapped now, or with its last
   * user. On any thread, with or without the reservation. The reference that keeps the buffer
   * meanwhile may be the last one, and so release it.
   *
   * @param mapping which one, as the cache was told: one that was made since is left alone
   * @return false if it was given up before, or ended by the core, or the buffer is being released,
   *     which ends it
   */
  public boolean dropIdleMapping(int mapping) {
    if (!retain()) {
      return false;
    }
    try {
      return dropIdle(mapping);
    } finally {
      put();
    }
  }

  /**
   * Gives up the idle mapping of a buffer, whichever it is: for exporters without a cache.
   *
   * @return false if there was none, or the buffer is being released
   */
  public boolean dropIdleMapping() {
    return dropIdleMapping(mapping());
  }

  /**
   * Drops the content of a buffer whose owner doesn't need it, if nobody is using it. To be called
   * by somebody who has a handle or called {@link #tryBeginReclaim}.
   *
   * @return true if the exporter gave memory up; false if the content is needed, in use, still
   *     being unmapped by somebody, or already gone
   * @throws IllegalStateException if the calling thread doesn't hold the reservation
   */
  public boolean purgeLocked() {
    return tryPurgeLocked() >= 0;
  }

  /**
   * As {@link #purgeLocked}, but says how much was given up: memory, or room in the store. Negative
   * if nothing was.
   */
  long tryPurgeLocked() {
    if (isBusyLocked() || !mayBePurgedLocked()) {
      return -1;
    }
    long stored = purgeStoredLocked();
    if (stored >= 0) {
      return stored;
    }
    // An importer that is told may take the advice back.
    if (!leaveMemoryLocked() || !mayBePurgedLocked() || !exporter.evict()) {
      return -1;
    }
    purgedLocked(size);
    return size;
  }

  /**
   * Saves the content of a buffer in a store and gives its memory up, if nobody is using it; the
   * next use brings the content back. To be called by somebody who has a handle or called {@link
   * #tryBeginReclaim}. A {@link BufferLru} does this for a heap.
   *
   * @param store where to; open until the buffer is released
   * @return true if the exporter gave memory up; false if the content isn't in memory, or is in
   *     use, or the store has no room
   * @throws IllegalStateException if the calling thread doesn't hold the reservation
   */
  public boolean evictLocked(SwapStore store) {
    return tryEvictLocked(store) == Eviction.DONE;
  }

  /** As {@link #evictLocked}, but says why not. */
  Eviction tryEvictLocked(SwapStore store) {
    if (isBusyLocked() || residency() != Residency.RESIDENT || !leaveMemoryLocked()) {
      return Eviction.BUSY;
    }
    EvictedContent content = saveLocked(store);
    if (content == null) {
      refusedLocked();
      return Eviction.REFUSED;
    }
    boolean evicted = false;
    try {
      evicted = !isUnmapping() && exporter.evict();
    } finally {
      if (!evicted) {
        content.discard();
      }
    }
    if (!evicted) {
      return Eviction.BUSY;
    }
    evictedLocked(content);
    return Eviction.DONE;
  }

  /**
   * Tells importers that the memory goes, and unmaps it; false if one of them uses it yet, or
   * somebody is still unmapping: vunmap comes before evict, whoever is in it.
   */
  private boolean leaveMemoryLocked() {
    moveNotifyLocked();
    return !isUnmapping() && !isBusyLocked();
  }

  /** Whether somebody is seen to use the bytes, by a look without the reservation. */
  boolean isSeenInUse() {
    return users() != 0 || pins() != 0;
  }

  /**
   * Whether somebody is seen to use the bytes, or to have the reservation. A look, which takes
   * nothing and makes nothing: the reservation may be that of an earlier owner of the memory.
   */
  boolean isSeenBusy() {
    if (isSeenInUse()) {
      return true;
    }
    Reservation present = reservation;
    return present != null && present.isLocked();
  }

  @Override
  BufferObject self() {
    return this;
  }

  @Override
  public String toString() {
    return displayName();
  }
}

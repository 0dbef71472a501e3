package io.github.dmabuf4j;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.spi.MappedBytes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * An exporter that counts its callbacks, checks what the table in {@link Exporter} promises, and
 * fails where it is told to.
 */
class TestExporter implements Exporter, MappedBytes {
  static final long SIZE = 4096;

  /** What released memory looks like. */
  static final byte POISON = (byte) 0xDE;

  enum Call {
    VMAP,
    VUNMAP,
    BEGIN,
    END,
    PIN,
    UNPIN,
    ATTACH,
    DETACH,
    MAP,
    UNMAP,
    EVICT,
    RESTORE,
    RELEASE,
    SEGMENT
  }

  final BufferObject object;
  private final MemorySegment memory = Arena.ofAuto().allocate(SIZE, 4096);
  private final Map<Call, AtomicInteger> calls = new ConcurrentHashMap<>();
  private final Map<Call, Throwable> failures = new ConcurrentHashMap<>();
  volatile boolean evicts = true;
  volatile @Nullable Runnable onRelease;

  /** The terms that are pinned now. */
  final Set<Pin.Term> pinned = ConcurrentHashMap.newKeySet();

  /** The access given to each unmap, oldest first. */
  final List<Access> unmapped = new CopyOnWriteArrayList<>();

  TestExporter() {
    this.object = new BufferObject(this);
  }

  TestExporter(Reservation shared) {
    this.object = new BufferObject(this, shared);
  }

  static DmaBuf buffer() {
    return new TestExporter().export();
  }

  DmaBuf export() {
    return object.export(SIZE, null, null);
  }

  int count(Call call) {
    AtomicInteger count = calls.get(call);
    return count == null ? 0 : count.get();
  }

  /** Fails one call, the next. */
  void failNext(Call call, Throwable failure) {
    failures.put(call, failure);
  }

  boolean hasFailed(Call call) {
    return !failures.containsKey(call);
  }

  void called(Call call) {
    calls.computeIfAbsent(call, first -> new AtomicInteger()).incrementAndGet();
    Throwable failure = failures.remove(call);
    if (failure != null) {
      throw TestExporter.<RuntimeException>unseen(failure);
    }
  }

  /** Exporters of other languages throw what the compiler doesn't see. */
  @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"})
  private static <X extends Throwable> X unseen(Throwable failure) throws X {
    throw (X) failure;
  }

  private void held(boolean wanted) {
    if (object.reservation().isHeldByCurrentThread() != wanted) {
      throw new AssertionError("reservation " + (wanted ? "not " : "") + "held");
    }
  }

  @Override
  public String name() {
    return "test-exporter";
  }

  @Override
  public MappedBytes vmap() {
    held(true);
    called(Call.VMAP);
    return this;
  }

  @Override
  public void vunmap(MappedBytes bytes) {
    called(Call.VUNMAP);
  }

  @Override
  public void beginCpuAccess(Access access) {
    held(false);
    called(Call.BEGIN);
  }

  @Override
  public void endCpuAccess(Access access) {
    called(Call.END);
  }

  @Override
  public void pin(Pin.Term term) {
    held(true);
    called(Call.PIN);
    if (!pinned.add(term)) {
      throw new AssertionError("pin again without unpin: " + term);
    }
  }

  @Override
  public void unpin(Pin.Term term) {
    held(true);
    if (!pinned.remove(term)) {
      throw new AssertionError("unpin without pin: " + term);
    }
    called(Call.UNPIN);
  }

  @Override
  public void attach(Attachment attachment) {
    held(false);
    called(Call.ATTACH);
  }

  @Override
  public void detach(Attachment attachment) {
    held(false);
    called(Call.DETACH);
  }

  @Override
  public ScatterList map(Attachment attachment, Access access) {
    held(true);
    called(Call.MAP);
    return ScatterList.of(memory);
  }

  @Override
  public void unmap(Attachment attachment, ScatterList pieces, Access access) {
    held(true);
    unmapped.add(access);
    called(Call.UNMAP);
  }

  @Override
  public boolean evict() {
    held(true);
    called(Call.EVICT);
    return evicts;
  }

  @Override
  public void release() {
    memory.fill(POISON);
    Runnable action = onRelease;
    called(Call.RELEASE);
    if (action != null) {
      action.run();
    }
  }

  @Override
  public MemorySegment segment(long byteSize) {
    called(Call.SEGMENT);
    return memory.asSlice(0, byteSize);
  }

  @Override
  public MemorySegment segment(long byteSize, Arena arena) {
    called(Call.SEGMENT);
    return memory.asSlice(0, byteSize).reinterpret(arena, null);
  }

  final MemorySegment memory() {
    return memory;
  }

  /** What the device or the allocator sees, past all rules. */
  byte raw(long offset) {
    return memory.get(JAVA_BYTE, offset);
  }

  boolean isReleased() {
    return count(Call.RELEASE) > 0;
  }

  /**
   * A device that isn't coherent: the CPU has a copy of its own, and the two are synchronised by
   * brackets and by nothing else (design rule CA3). What is read or written outside a bracket is
   * stale.
   */
  static final class Incoherent extends TestExporter {
    private final MemorySegment device = Arena.ofAuto().allocate(SIZE, 4096);
    private int inside;

    @Override
    public synchronized void beginCpuAccess(Access access) {
      super.beginCpuAccess(access);
      if (inside++ == 0) {
        memory().copyFrom(device);
      }
    }

    @Override
    public synchronized void endCpuAccess(Access access) {
      super.endCpuAccess(access);
      if (access.writes()) {
        device.copyFrom(memory());
      }
      if (--inside == 0) {
        memory().fill(POISON); // whoever touches it now sees rubbish
      }
      if (inside < 0) {
        throw new AssertionError("end without begin");
      }
    }

    synchronized byte deviceByte(long offset) {
      return device.get(JAVA_BYTE, offset);
    }

    synchronized void deviceWrites(long offset, byte value) {
      device.set(JAVA_BYTE, offset, value);
    }

    synchronized int brackets() {
      return inside;
    }
  }
}

package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.BufferLru;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.ScatterList;
import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.spi.MappedBytes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A run of pages outside its slab, and the {@link BufferObject} that is exported again for each
 * allocation.
 *
 * <p><b>Life.</b> taken from a slab → owned by an allocating thread → exported, until the last
 * reference and fence are gone → {@link #release} → idle in a magazine → owned by whoever takes it
 * out: an allocating thread, or one that gives it back to its slab. While it is exported its buffer
 * may be evicted or purged: another block takes its memory over, and this one is <i>hollow</i>,
 * until it takes over that of a third ({@link #restore}), or to its end.
 *
 * <table>
 * <caption>Access modes</caption>
 * <tr><th>field</th><th>read</th><th>written</th><th>guard</th></tr>
 * <tr><td>written, zeroedIdle</td><td>plain</td><td>plain</td><td>its owner; handed on with the block</td></tr>
 * <tr><td>slab, address, hollow</td><td>plain</td><td>plain</td><td>while it is exported the buffer's reservation, with nobody using
 *   the bytes; else its owner</td></tr>
 * <tr><td>alignmentShift</td><td>plain</td><td>plain</td><td>its owner; constant while it is exported</td></tr>
 * <tr><td>below</td><td>plain</td><td>plain</td><td>its owner, until the CAS that publishes it on the overflow stack</td></tr>
 * <tr><td>pinnedTerms</td><td>plain; racy for reports</td><td>plain</td><td>the buffer's reservation</td></tr>
 * <tr><td>before, after</td><td>plain</td><td>plain</td><td>the lock of the {@link Slabs}</td></tr>
 * </table>
 */
final class Block implements Exporter, MappedBytes {
  final BufferObject object;
  final byte sizeClass;

  /** What its memory is a part of, or was if it is hollow. */
  Slab slab;

  /** Where its memory begins. */
  long address;

  /**
   * Whether its memory was given to another block, as its buffer's content is elsewhere, or gone.
   */
  boolean hollow;

  /** How its buffer has to be aligned wherever it comes back: by two to the power of this. */
  byte alignmentShift;

  /** Whether somebody may have written to it since it was known to be zero. */
  boolean written;

  /**
   * Whether it was made zero while it lay idle: then its pages have memory, although they read as
   * zero.
   */
  boolean zeroedIdle;

  /** How many terms its buffer is pinned for now: its bytes count as pinned while it isn't 0. */
  byte pinnedTerms;

  /**
   * All of it: what segments are made from without an object in between. Made by the first vmap; at
   * once for a block of no class, of which it is the size.
   */
  private @Nullable MemorySegment mapped;

  @Nullable Block below;
  @Nullable Block before;
  @Nullable Block after;

  /**
   * Makes a block of what was just taken from a slab.
   *
   * @param bytes its size: that of the class if it has one
   * @param zero whether it is known to be zero
   */
  Block(Slab slab, long address, long bytes, int sizeClass, boolean zero) {
    this.slab = slab;
    this.address = address;
    this.sizeClass = (byte) sizeClass;
    this.written = !zero;
    this.mapped = isPooled() ? null : MemorySegment.ofAddress(address).reinterpret(bytes);
    this.object = new BufferObject(slab.pool.around.apply(this));
    slab.pool.lru.follow(object);
  }

  /** Makes a block over the memory of one that is about to be hollow. */
  Block(Block hollow) {
    this(hollow.slab, hollow.address, hollow.bytes(), hollow.sizeClass, false);
    this.zeroedIdle = hollow.zeroedIdle;
  }

  /** Takes the memory of another block over, of the same size, which is of no use any more. */
  void takeOver(Block other) {
    slab = other.slab;
    address = other.address;
    mapped = other.mapped;
    written = true;
    zeroedIdle = other.zeroedIdle;
    hollow = false;
  }

  /** Whether its size is one that magazines keep. */
  boolean isPooled() {
    return sizeClass != SizeClasses.UNPOOLED;
  }

  /** How large it is. */
  long bytes() {
    return isPooled()
        ? SizeClasses.bytes(sizeClass)
        : Objects.requireNonNull(mapped, "mapped").byteSize();
  }

  /** Makes the first bytes zero, by its owner. */
  void zero(long byteSize) {
    Zeros.write(MemorySegment.ofAddress(address).reinterpret(byteSize));
  }

  @Override
  public String name() {
    return slab.pool.name;
  }

  @Override
  public MappedBytes vmap() {
    if (mapped == null) {
      mapped = MemorySegment.ofAddress(address).reinterpret(bytes());
    }
    return this;
  }

  @Override
  public long address() {
    return address;
  }

  @Override
  public MemorySegment segment(long byteSize) {
    return MemorySegment.ofAddress(address).reinterpret(byteSize, slab.region.arena(), null);
  }

  @Override
  public MemorySegment segment(long byteSize, Arena arena) {
    return Objects.requireNonNull(mapped, "mapped").reinterpret(byteSize, arena, null);
  }

  @Override
  public ScatterList map(Attachment attachment, Access access) {
    MemorySegment all = segment(object.size());
    return ScatterList.of(access.writes() ? all : all.asReadOnly());
  }

  @Override
  public void pin(Pin.Term term) {
    if (pinnedTerms == 0) {
      slab.pool.pin(object, bytes());
    }
    pinnedTerms++;
  }

  @Override
  public void unpin(Pin.Term term) {
    pinnedTerms--;
    if (pinnedTerms == 0) {
      slab.pool.pinned.subtract(bytes());
    }
  }

  @Override
  public BufferLru lru() {
    return slab.pool.lru;
  }

  @Override
  public boolean evict() {
    slab.pool.succession.hollow(this);
    return true;
  }

  @Override
  public void restore() {
    if (hollow) {
      slab.pool.succession.refill(this);
    }
  }

  @Override
  public void release() {
    if (hollow) {
      slab.pool.succession.drop(this);
    } else {
      slab.pool.release(this);
    }
  }
}

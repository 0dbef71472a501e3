package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.spi.MappedBytes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A {@link TestExporter} that gives its memory up, spoils it, and takes other memory to restore. It
 * checks that it isn't asked for what it doesn't have.
 */
class EvictableExporter extends TestExporter {
  private final BufferLru lru;
  private volatile @Nullable MemorySegment place = fresh();

  /** Whether it may give memory up now; else evict returns false. */
  volatile BooleanSupplier mayEvict = () -> true;

  /** What happens in vunmap. */
  volatile @Nullable Runnable onVunmap;

  private final AtomicInteger unmapping = new AtomicInteger();

  EvictableExporter(BufferLru lru) {
    this.lru = lru;
    lru.follow(object);
  }

  private static MemorySegment fresh() {
    return Arena.ofAuto().allocate(SIZE, 64);
  }

  private MemorySegment place() {
    MemorySegment present = place;
    assertThat(present).as("memory of " + object).isNotNull();
    return present;
  }

  /** Whether it has memory. */
  final boolean isThere() {
    return place != null;
  }

  @Override
  public BufferLru lru() {
    return lru;
  }

  @Override
  DmaBuf export() {
    if (place == null) {
      place = fresh();
    }
    return super.export();
  }

  @Override
  public MappedBytes vmap() {
    super.vmap();
    MemorySegment mapped = place();
    return new MappedBytes() {
      @Override
      public MemorySegment segment(long byteSize) {
        return mapped.asSlice(0, byteSize);
      }

      @Override
      public MemorySegment segment(long byteSize, Arena arena) {
        return mapped.asSlice(0, byteSize).reinterpret(arena, null);
      }
    };
  }

  @Override
  public void vunmap(MappedBytes bytes) {
    unmapping.incrementAndGet();
    try {
      super.vunmap(bytes);
      Runnable action = onVunmap;
      if (action != null) {
        action.run();
      }
    } finally {
      unmapping.decrementAndGet();
    }
  }

  @Override
  public void beginCpuAccess(Access access) {
    called(Call.BEGIN); // with the lock, to save and to fill
  }

  @Override
  public ScatterList map(Attachment attachment, Access access) {
    super.map(attachment, access);
    return ScatterList.of(place());
  }

  @Override
  public boolean evict() {
    MemorySegment present = place;
    assertThat(object.users()).as("users of what is given up").isZero();
    assertThat(unmapping).as("threads that unmap what is given up").hasValue(0);
    super.evict();
    if (!mayEvict.getAsBoolean()) {
      return false;
    }
    if (present != null) {
      present.fill(POISON);
    }
    place = null;
    return true;
  }

  @Override
  public void restore() {
    assertThat(object.reservation().isHeldByCurrentThread()).isTrue();
    called(Call.RESTORE);
    if (place == null) {
      place = fresh();
      place.fill(POISON);
    }
  }

  /** What is there, past all rules. */
  byte first() {
    return place().get(ValueLayout.JAVA_BYTE, 0);
  }
}

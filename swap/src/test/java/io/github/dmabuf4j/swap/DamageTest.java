package io.github.dmabuf4j.swap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.DmaBufException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** One bit of a store turned over is noticed and said, wherever it is. */
final class DamageTest {
  private static final int SIZE = 700_000;

  private final TestMemory memory = TestMemory.unlimited();
  private final AtomicLong clock = new AtomicLong();

  @ParameterizedTest
  @EnumSource(
      value = Stores.class,
      names = {"LZ4", "ZSTD", "NONE", "LZ4_THEN_ZSTD"})
  void flippedBitInMemory_isAnExceptionThatSaysSo_andNothingElseIsLost(Stores kind) {
    try (SlicedStore store = kind.open(memory, clock);
        Arena arena = Arena.ofConfined()) {
      MemorySegment content = Content.PICTURE.fill(arena.allocate(SIZE), 1);
      MemorySegment back = arena.allocate(SIZE);
      StoredTicket ticket = stored(store, content);
      if (kind.hasSecond()) {
        clock.addAndGet(Long.MAX_VALUE / 2);
        store.age();
        assertThat(ticket.content().stage()).isEqualTo(Stage.ZSTD_STRONG);
      }
      for (Chunk chunk : ticket.content().chunks()) {
        MemorySegment bytes = chunk.place().inMemory();
        for (long at : new long[] {0, bytes.byteSize() / 2, bytes.byteSize() - 1}) {
          Content.flip(bytes, at);
          assertThatThrownBy(() -> store.load(ticket, back))
              .isInstanceOf(DmaBufException.class)
              .hasMessageMatching(
                  "the swap store compressed \\(.*\\) is damaged: wanted the CRC-32C [0-9a-f]{8} of"
                      + " \\d+ stored bytes, got [0-9a-f]{8}\\. .*\\[EIO]");
          Content.flip(bytes, at);
          store.load(ticket, back);
          assertThat(back.mismatch(content)).isEqualTo(-1);
        }
      }
    }
    assertThat(memory.live()).isZero();
  }

  @ParameterizedTest
  @EnumSource(
      value = Stores.class,
      names = {"FILE", "ENCRYPTED", "LZ4_THEN_FILE", "LZ4_THEN_ENCRYPTED"})
  void flippedBitInTheFile_isAnExceptionThatSaysSo(Stores kind) {
    try (SlicedStore store = kind.open(memory, clock);
        Arena arena = Arena.ofConfined()) {
      MemorySegment content = Content.PICTURE.fill(arena.allocate(SIZE), 1);
      MemorySegment back = arena.allocate(SIZE);
      StoredTicket ticket = stored(store, content);
      clock.addAndGet(Long.MAX_VALUE / 2);
      store.age();
      assertThat(ticket.content().chunks()).allMatch(chunk -> chunk.place().inMemory() == null);
      int file = file(store).descriptor();
      flip(file, 1000);
      assertThatThrownBy(() -> store.load(ticket, back))
          .isInstanceOf(DmaBufException.class)
          .hasMessageContaining("is damaged: wanted")
          .hasMessageContaining("[EIO]");
      flip(file, 1000);
      store.load(ticket, back);
      assertThat(back.mismatch(content)).isEqualTo(-1);
    }
  }

  @Test
  void withoutChecksums_theCodecItselfMayNotice_andNothingCrashes() {
    try (SlicedStore store = Stores.UNCHECKED.open(memory, clock);
        Arena arena = Arena.ofConfined()) {
      MemorySegment back = arena.allocate(SIZE);
      StoredTicket ticket = stored(store, Content.PICTURE.fill(arena.allocate(SIZE), 1));
      MemorySegment bytes = ticket.content().chunks().getFirst().place().inMemory();
      bytes.fill((byte) 0xF0);
      assertThatThrownBy(() -> store.load(ticket, back))
          .isInstanceOf(DmaBufException.class)
          .hasMessageContaining("wanted a slice that decompresses to 131072 B");
    }
  }

  static SwapFile file(SlicedStore store) {
    return (SwapFile) store.rooms().getLast();
  }

  private static StoredTicket stored(SlicedStore store, MemorySegment content) {
    return (StoredTicket) store.store(content);
  }

  private static void flip(int file, long offset) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment one = arena.allocate(1);
      assertThat(FileCalls.LINUX.read(file, one, offset)).isEqualTo(1);
      Content.flip(one, 0);
      assertThat(FileCalls.LINUX.write(file, one, offset)).isEqualTo(1);
    }
  }

  @Test
  void unreadableDisk_isAnExceptionThatNamesTheError() {
    FailingCalls calls = new FailingCalls();
    FileOptions options = new FileOptions(1 << 20, Path.of("/var/tmp"), false);
    try (SlicedStore store = FileStoreProvider.of(SwapFile.open("file", options, memory, calls));
        Arena arena = Arena.ofConfined()) {
      MemorySegment content = Content.TEXT.fill(arena.allocate(10_000), 1);
      StoredTicket ticket = stored(store, content);
      calls.readError = LinuxFiles.EIO;
      assertThatThrownBy(() -> store.load(ticket, arena.allocate(10_000)))
          .isInstanceOf(DmaBufException.class)
          .hasMessageContaining("the swap store file can't be read at 0: EIO.");
      calls.readError = 0;
      MemorySegment back = arena.allocate(10_000);
      store.load(ticket, back);
      assertThat(back.mismatch(content)).isEqualTo(-1);
      calls.writeError = LinuxFiles.EIO;
      assertThat(store.store(content)).as("the buffer stays").isNull();
      calls.writeError = 0;
      assertThat(store.store(content)).isNotNull();
    }
  }

  @Test
  void shortReadsAndWrites_areGoneOnWith() {
    FailingCalls calls = new FailingCalls();
    calls.most = 777;
    FileOptions options = new FileOptions(1 << 20, Path.of("/var/tmp"), true);
    try (SlicedStore store = FileStoreProvider.of(SwapFile.open("file", options, memory, calls));
        Arena arena = Arena.ofConfined()) {
      MemorySegment content = Content.RANDOM.fill(arena.allocate(300_001), 1);
      MemorySegment back = arena.allocate(300_001);
      store.load(stored(store, content), back);
      assertThat(back.mismatch(content)).isEqualTo(-1);
    }
  }

  @Test
  void misuse_isRefusedWithWhatWasWanted() {
    try (SlicedStore store = Stores.LZ4.open(memory, clock);
        SlicedStore other = Stores.LZ4.open(memory, clock);
        Arena arena = Arena.ofConfined()) {
      MemorySegment content = Content.TEXT.fill(arena.allocate(10_000), 1);
      StoredTicket ticket = stored(store, content);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> store.load(ticket, arena.allocate(9_999)))
          .withMessageContaining("wanted a target of 10000 B");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> other.load(ticket, content))
          .withMessageContaining("wanted a ticket of the swap store");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> store.store(MemorySegment.ofArray(new byte[1])))
          .withMessageContaining("wanted native memory");
      store.discard(ticket);
      assertThatIllegalStateException().isThrownBy(() -> store.load(ticket, content));
    }
  }

  /** Linux, but for what it is told to fail with. */
  static final class FailingCalls implements FileCalls {
    int readError;
    int writeError;
    long most = Long.MAX_VALUE;

    @Override
    public int openUnnamed(Path directory) {
      return LINUX.openUnnamed(directory);
    }

    @Override
    public int allocate(int descriptor, long bytes) {
      return LINUX.allocate(descriptor, bytes);
    }

    @Override
    public long read(int descriptor, MemorySegment target, long offset) {
      return readError != 0 ? -readError : LINUX.read(descriptor, cut(target), offset);
    }

    @Override
    public long write(int descriptor, MemorySegment source, long offset) {
      return writeError != 0 ? -writeError : LINUX.write(descriptor, cut(source), offset);
    }

    private MemorySegment cut(MemorySegment bytes) {
      return bytes.asSlice(0, Math.min(most, bytes.byteSize()));
    }

    @Override
    public int close(int descriptor) {
      return LINUX.close(descriptor);
    }
  }
}

package io.github.dmabuf4j.swap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.dmabuf4j.HeapUnavailableException;
import io.github.dmabuf4j.spi.SwapStore;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** Where there is no room, content is refused, what is stored stays whole, and nothing is lost. */
final class FullTest {
  private static final int SIZE = 720 * 405 * 3 / 2;

  private final AtomicLong clock = new AtomicLong();

  /** Stores until it is refused, checks all, discards all; how many there were. */
  private static int fill(SwapStore store, Content kind) {
    try (Arena arena = Arena.ofConfined()) {
      List<SwapStore.Ticket> tickets = new ArrayList<>();
      MemorySegment content = arena.allocate(SIZE);
      for (SwapStore.Ticket ticket = store.store(kind.fill(content, 0));
          ticket != null;
          ticket = store.store(kind.fill(content, tickets.size()))) {
        tickets.add(ticket);
      }
      MemorySegment back = arena.allocate(SIZE);
      for (int i = 0; i < tickets.size(); i++) {
        store.load(tickets.get(i), back);
        assertThat(back.mismatch(kind.fill(content, i))).isEqualTo(-1);
      }
      tickets.forEach(store::discard);
      return tickets.size();
    }
  }

  @Test
  void ownLimit_isKept() {
    TestMemory memory = TestMemory.unlimited();
    try (SwapStore store = new CompressedStoreProvider().open(Map.of("limit", "4MiB"), memory)) {
      long scratch = memory.live();
      int first = fill(store, Content.PICTURE);
      assertThat(first).isGreaterThan(9); // without a codec, nine
      assertThat(memory.live()).isEqualTo(scratch);
      assertThat(fill(store, Content.PICTURE)).isEqualTo(first);
    }
  }

  @Test
  void heapWithoutRoom_refuses_andAllComesBack() {
    TestMemory memory = new TestMemory(7 << 20);
    try (SwapStore store = new CompressedStoreProvider().open(Map.of(), memory)) {
      long scratch = memory.live();
      assertThat(fill(store, Content.PICTURE)).isGreaterThan(5);
      assertThat(memory.live()).isEqualTo(scratch);
    }
    assertThat(memory.live()).isZero();
  }

  @Test
  void heapWithoutRoom_spillsToTheFile_whichIsFilledToTheEnd() {
    TestMemory memory = new TestMemory(5 << 20);
    try (SlicedStore store =
        (SlicedStore)
            new CompressedStoreProvider()
                .open(Map.of("second", "file", "second-limit", "8MiB"), memory)) {
      for (Content kind : new Content[] {Content.PICTURE, Content.RANDOM, Content.PICTURE}) {
        assertThat(fill(store, kind)).isGreaterThanOrEqualTo((8 << 20) / (SIZE + 4096));
        FileExtents extents = DamageTest.file(store).extents();
        assertThat(extents.free()).isEqualTo(2048);
      }
    }
    assertThat(memory.live()).isZero();
  }

  @Test
  void incompressibleContent_isRefusedAfterALookAtAFewPages() {
    TestMemory memory = TestMemory.unlimited();
    try (SwapStore store = Stores.LZ4.open(memory, clock);
        Arena arena = Arena.ofConfined()) {
      for (int size : new int[] {1 << 16, 1 << 20, 3_110_400}) {
        assertThat(store.store(Content.RANDOM.fill(arena.allocate(size), size))).isNull();
      }
      assertThat(store.store(Content.RANDOM.fill(arena.allocate(4096), 1))).isNull();
      MemorySegment half = Content.RANDOM.fill(arena.allocate(1 << 20), 1);
      half.asSlice(1 << 19).fill((byte) 3);
      assertThat(store.store(half).storedBytes()).isBetween(1L << 19, (1L << 19) + 8192);
    }
  }

  @Test
  void uniformContent_takesNothing() {
    TestMemory memory = TestMemory.unlimited();
    try (SwapStore store = Stores.LZ4.open(memory, clock);
        Arena arena = Arena.ofConfined()) {
      long before = memory.live();
      for (Content kind : new Content[] {Content.ZERO, Content.WORD}) {
        SwapStore.Ticket ticket = store.store(kind.fill(arena.allocate(3_110_400), 5));
        assertThat(ticket.storedBytes()).isZero();
      }
      assertThat(memory.live()).isEqualTo(before);
    }
  }

  @Test
  void oldContentWithoutRoomInTheFile_staysInMemory_andMovesOnceThereIs() {
    TestMemory memory = TestMemory.unlimited();
    try (SlicedStore store =
            (SlicedStore)
                new CompressedStoreProvider(clock::get)
                    .open(Map.of("second", "file", "second-limit", "512KiB", "age", "1s"), memory);
        Arena arena = Arena.ofConfined()) {
      long scratch = memory.live();
      MemorySegment content = Content.PICTURE.fill(arena.allocate(SIZE), 1);
      List<SwapStore.Ticket> tickets = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        tickets.add(store.store(content));
      }
      clock.addAndGet(TimeUnit.SECONDS.toNanos(2));
      store.age();
      long full = memory.live();
      assertThat(full).isGreaterThan(scratch);
      store.discard(tickets.removeFirst()); // the oldest moved first
      store.age();
      assertThat(memory.live()).isLessThan(full);
      MemorySegment back = arena.allocate(SIZE);
      for (SwapStore.Ticket ticket : tickets) {
        store.load(ticket, back);
        assertThat(back.mismatch(content)).isEqualTo(-1);
      }
    }
  }

  @Test
  void deviceThatIsFull_refusesEachWrite_andTheStoreLivesOn() {
    DamageTest.FailingCalls linux = new DamageTest.FailingCalls();
    FileCalls devFull =
        new FileCalls() {
          @Override
          public int openUnnamed(Path directory) {
            return LinuxFiles.open(directory, 2); // O_RDWR
          }

          @Override
          public int allocate(int descriptor, long bytes) {
            return 0;
          }

          @Override
          public long read(int descriptor, MemorySegment target, long offset) {
            return linux.read(descriptor, target, offset);
          }

          @Override
          public long write(int descriptor, MemorySegment source, long offset) {
            return linux.write(descriptor, source, offset);
          }

          @Override
          public int close(int descriptor) {
            return linux.close(descriptor);
          }
        };
    FileOptions options = new FileOptions(1 << 20, Path.of("/dev/full"), false);
    SwapFile file = SwapFile.open("file", options, TestMemory.unlimited(), devFull);
    try (SlicedStore store = FileStoreProvider.of(file);
        Arena arena = Arena.ofConfined()) {
      MemorySegment content = Content.TEXT.fill(arena.allocate(10_000), 1);
      for (int i = 0; i < 3; i++) {
        assertThat(store.store(content)).isNull();
      }
      assertThat(file.extents().free()).isEqualTo(256);
    }
  }

  @Test
  void diskWithoutRoomForTheFile_isSaidAtTheOpening() throws Exception {
    assumeTrue(
        ChildJvm.canMount(), "this test needs a user namespace in which tmpfs can be mounted");
    String output =
        ChildJvm.command(
            "unshare",
            "-rm",
            "sh",
            "-c",
            "mount -t tmpfs -o size=4m none /mnt && exec \"$@\"",
            "sh",
            ChildJvm.java(),
            "--enable-native-access=ALL-UNNAMED",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            ChildJvm.classPath(),
            FillSmallDisk.class.getName());
    assertThat(output).contains("refused", "stored 7", "done");
  }

  /** Runs where /mnt is a disk of 4 MiB. */
  static final class FillSmallDisk {
    public static void main(String[] args) throws IOException {
      TestMemory memory = TestMemory.unlimited();
      assertThatThrownBy(() -> open(memory, "16MiB"))
          .isInstanceOf(HeapUnavailableException.class)
          .hasMessageContaining("wanted a swap file of 16 MiB in /mnt, got ENOSPC");
      System.out.println("refused");
      try (SwapStore store = open(memory, "3MiB")) {
        System.out.println("stored " + fill(store, Content.RANDOM));
        byte[] rest = new byte[8 << 20];
        assertThatThrownBy(() -> java.nio.file.Files.write(Path.of("/mnt/rest"), rest))
            .isInstanceOf(IOException.class);
        assertThat(fill(store, Content.RANDOM)).as("its room is its own").isEqualTo(7);
      }
      System.out.println("done");
    }

    private static SwapStore open(TestMemory memory, String limit) {
      return new FileStoreProvider().open(Map.of("limit", limit, "directory", "/mnt"), memory);
    }
  }
}

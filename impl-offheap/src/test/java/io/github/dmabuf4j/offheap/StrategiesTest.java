package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapDescription;
import io.github.dmabuf4j.HeapUnavailableException;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.offheap.strategy.BuiltIn;
import io.github.dmabuf4j.spi.PoolingStrategy;
import io.github.dmabuf4j.spi.PoolingStrategyProvider;
import java.io.File;
import java.io.IOException;
import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** How strategies are found, and what is said where one can't be had. */
@Timeout(60)
final class StrategiesTest {
  static Stream<String> names() {
    return Stream.concat(
        Stream.of(Strategies.OWN), BuiltIn.providers().stream().map(PoolingStrategyProvider::name));
  }

  @ParameterizedTest
  @MethodSource("names")
  void open_byName_isAHeapThatWorks(String name) {
    try (Heap heap = Heaps.open("offheap:system?limit=16MiB&strategy=" + name);
        DmaBuf small = heap.allocate(100);
        DmaBuf large = heap.allocate(3 * MIB)) {
      assertThat(heap.statistics().liveBuffers()).isEqualTo(2);
      assertThat(small.size() + large.size()).isEqualTo(100 + 3 * MIB);
      assertThat(heap.toString()).contains(name.equals(Strategies.OWN) ? "" : "strategy " + name);
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void committedBytes_areThoseOfLiveBuffersAtLeast_andGoDownToNothing(String name) {
    if (name.equals(Strategies.OWN)) {
      return;
    }
    PoolingStrategy strategy =
        BuiltIn.providers().stream()
            .filter(one -> one.name().equals(name))
            .findFirst()
            .orElseThrow()
            .open(16 * MIB);
    PoolingStrategy.Piece piece = strategy.allocate(MIB, strategy.maxAlignment());
    assertThat(piece.address() % strategy.maxAlignment()).isZero();
    assertThat(strategy.committedBytes()).isGreaterThanOrEqualTo(MIB);
    piece.free();
    long _ = strategy.trim();
    if (!name.startsWith("netty-")) { // whose chunks are those of all heaps
      assertThat(strategy.committedBytes()).isZero();
    }
    strategy.close();
  }

  @Test
  void open_ofAModuleOfOnesOwn_isFound() {
    try (Heap heap = Heaps.open("offheap:system?limit=1MiB&strategy=recording");
        DmaBuf buffer = heap.allocate(100)) {
      assertThat(buffer.size()).isEqualTo(100);
      assertThat(heap.toString()).endsWith("strategy recording with 1 B");
    }
  }

  @Test
  void unknownName_isRefusedWithThoseThatExist() {
    assertThatThrownBy(() -> Heaps.open("offheap:system?strategy=best"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "strategy: none is called \"best\"; there are dmabuf4j, arena-confined, arena-shared,"
                + " buddy, malloc, netty-adaptive, netty-pooled, netty-pooled-o13, recording");
  }

  @Test
  void optionsThatAskForNothing_goWithAnyStrategy() {
    Heaps.open("offheap:system?limit=4MiB&contiguous=1MiB&decay=1s&strategy=dmabuf4j").close();
    Heaps.open("offheap:system?limit=4MiB&contiguous=0&zeroing=demand&strategy=malloc").close();
  }

  @Test
  void description_namesThem() {
    assertThat(Heaps.describe())
        .filteredOn(heap -> heap.name().equals("offheap:system"))
        .singleElement()
        .extracting(HeapDescription::summary)
        .asString()
        .contains(
            "strategies dmabuf4j, arena-confined, arena-shared, buddy, malloc, netty-adaptive,"
                + " netty-pooled, netty-pooled-o13, recording");
  }

  @Test
  void withoutNetty_itsStrategiesSayWhatTheyNeed_andTheRestWorks()
      throws IOException, InterruptedException {
    String withoutNetty =
        Arrays.stream(ChildJvm.classPath().split(File.pathSeparator))
            .filter(path -> !path.contains("netty"))
            .collect(Collectors.joining(File.pathSeparator));
    assertThat(
            ChildJvm.runOn(withoutNetty, WithoutNetty.class, "--enable-native-access=ALL-UNNAMED"))
        .contains("malloc: 100")
        .contains(
            "strategy netty-pooled can't be used here: needs io.netty:netty-buffer 4.2 on the"
                + " class path")
        .contains(
            "; not netty-adaptive, netty-pooled, netty-pooled-o13: needs io.netty:netty-buffer");
  }

  /** Runs in a JVM whose class path lacks Netty. */
  static final class WithoutNetty {
    private WithoutNetty() {}

    /** Says what there is, and opens two. */
    public static void main(String[] args) {
      System.out.println(new OffHeapProvider().describe().getFirst().summary());
      try (Heap heap = Heaps.open("offheap:system?limit=1MiB&strategy=malloc");
          DmaBuf buffer = heap.allocate(100)) {
        System.out.println("malloc: " + buffer.size());
      }
      try (Heap heap = Heaps.open("offheap:system?limit=1MiB&strategy=netty-pooled")) {
        System.out.println("not expected: " + heap);
      } catch (HeapUnavailableException e) {
        System.out.println(e.getMessage());
      }
    }
  }

  /** A strategy that this module doesn't bring. */
  public static final class Provider implements PoolingStrategyProvider {
    /** For {@link java.util.ServiceLoader}. */
    public Provider() {}

    @Override
    public String name() {
      return "recording";
    }

    @Override
    public PoolingStrategy open(long limit) {
      return new RecordingStrategy();
    }
  }
}

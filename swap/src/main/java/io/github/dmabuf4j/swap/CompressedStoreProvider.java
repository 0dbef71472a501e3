package io.github.dmabuf4j.swap;

import io.github.dmabuf4j.spi.SwapMemory;
import io.github.dmabuf4j.spi.SwapStore;
import io.github.dmabuf4j.spi.SwapStoreProvider;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Provides {@code compressed}: memory of the heap that holds less than was evicted into it. The
 * options are in the documentation of the module.
 */
public final class CompressedStoreProvider implements SwapStoreProvider {
  private static final String SECOND = "second-";
  private static final Set<String> OPTIONS = Set.of("limit", "codec", "second", "age", "checksum");
  private static final Duration DEFAULT_AGE = Duration.ofSeconds(30);

  private final LongSupplier clock;

  /** For {@link java.util.ServiceLoader}. */
  public CompressedStoreProvider() {
    this(System::nanoTime);
  }

  /** With a clock of a test's, in nanoseconds. */
  CompressedStoreProvider(LongSupplier clock) {
    this.clock = clock;
  }

  @Override
  public String name() {
    return "compressed";
  }

  @Override
  public SwapStore open(Map<String, String> options, SwapMemory memory) {
    Map<String, String> ofTheFile = StoreOptions.withPrefix(options, SECOND);
    StoreOptions own = own(options, ofTheFile);
    Stage stage = stage(own);
    long limit = own.pages("limit", Long.MAX_VALUE / 2);
    long age = own.duration("age", DEFAULT_AGE).toNanos();
    String second = own.choice("second", "none", Set.of("none", "zstd", "file"));
    if (!second.equals("file") && !ofTheFile.isEmpty()) {
      throw own.wrong("second", "file, for swap-second-* are options of it", second);
    }
    if (second.equals("zstd") && stage == Stage.ZSTD) {
      throw own.wrong("second", "none or file, for swap-codec=zstd is zstd already", second);
    }
    FileOptions file = second.equals("file") ? FileOptions.of("swap-" + SECOND, ofTheFile) : null;
    boolean checked = own.choice("checksum", "true", Set.of("true", "false")).equals("true");
    String name = "compressed (%s)".formatted(own.text("codec", "lz4"));
    return new SlicedStore(
        parts(name, stage, second, checked, new MemoryRoom(memory, limit), file, memory),
        age,
        clock);
  }

  private static StoreOptions own(Map<String, String> options, Map<String, String> ofTheFile) {
    Map<String, String> rest = new java.util.HashMap<>(options);
    ofTheFile.keySet().forEach(name -> rest.remove(SECOND + name));
    return new StoreOptions("swap-", rest, OPTIONS);
  }

  private static Stage stage(StoreOptions options) {
    return switch (options.choice("codec", "lz4", Set.of("lz4", "zstd", "none"))) {
      case "lz4" -> Stage.LZ4;
      case "zstd" -> Stage.ZSTD;
      default -> Stage.NONE;
    };
  }

  private static SlicedStore.Parts parts(
      String name,
      Stage stage,
      String second,
      boolean checked,
      MemoryRoom room,
      @Nullable FileOptions fileOptions,
      SwapMemory memory) {
    List<Lane> lanes = stage == Stage.NONE ? List.of() : Lane.open(stage, memory);
    List<Room> rooms = new ArrayList<>(List.of(room));
    SecondStage next = null;
    boolean done = false;
    try {
      if (second.equals("zstd")) {
        next =
            new SecondStage.Stronger(
                name, Lane.openOne(Stage.ZSTD_STRONG, memory), List.copyOf(rooms), checked);
      } else if (fileOptions != null) {
        Room file = SwapFile.open(name, fileOptions, memory);
        rooms.add(file);
        next = new SecondStage.ToFile(file);
      }
      done = true;
      return new SlicedStore.Parts(name, stage, lanes, List.copyOf(rooms), next, checked);
    } finally {
      if (!done) {
        lanes.forEach(Lane::release);
      }
    }
  }
}

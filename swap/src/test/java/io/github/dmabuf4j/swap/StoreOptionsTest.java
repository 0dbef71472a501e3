package io.github.dmabuf4j.swap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.dmabuf4j.HeapUnavailableException;
import io.github.dmabuf4j.spi.SwapStore;
import io.github.dmabuf4j.spi.SwapStoreProvider;
import java.util.Map;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What options do, and what is said of bad ones. */
final class StoreOptionsTest {
  private final TestMemory memory = TestMemory.unlimited();

  private SwapStoreProvider provider(String name) {
    return ServiceLoader.load(SwapStoreProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(provider -> provider.name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void bothStores_areFoundByTheirNames() {
    for (String name : new String[] {"compressed", "file"}) {
      Map<String, String> options = name.equals("file") ? Map.of("limit", "64KiB") : Map.of();
      try (SwapStore store = provider(name).open(options, memory)) {
        assertThat(store.toString()).contains(name);
      }
      assertThat(memory.live()).isZero();
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          compressed | colour=red            | wanted options of [swap-age, swap-checksum, swap-codec, swap-limit, swap-second], got [swap-colour]
          compressed | codec=snappy          | swap-codec: wanted one of [lz4, none, zstd], got "snappy"
          compressed | second=tape           | swap-second: wanted one of [file, none, zstd], got "tape"
          compressed | limit=lots            | swap-limit: wanted a size such as 4096, 64KiB or 256MiB, got "lots"
          compressed | limit=17              | swap-limit: wanted at least one page, 4096 B, got "17"
          compressed | age=old               | swap-age: wanted a time such as 500ms, 30s or 5m, got "old"
          compressed | second-limit=1MiB     | swap-second: wanted file, for swap-second-* are options of it, got "none"
          compressed | codec=zstd,second=zstd | swap-second: wanted none or file, for swap-codec=zstd is zstd already, got "zstd"
          compressed | second=file           | swap-second-limit: wanted how large the file is to be, for example 1GiB, got ""
          compressed | second=file,second-limit=1MiB,second-color=red | wanted options of [swap-second-directory, swap-second-encrypted, swap-second-limit], got [swap-second-color]
          file       | directory=/var/tmp    | swap-limit: wanted how large the file is to be, for example 1GiB, got ""
          file       | limit=1MiB,encrypted=1 | swap-encrypted: wanted one of [false, true], got "1"
          file       | limit=9TiB            | swap-limit: wanted at most 8 TiB, got "9TiB"
          """)
  void badOptions_areRefusedWithWhatWasWantedAndWhatCame(
      String name, String options, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> provider(name).open(parse(options), memory))
        .withMessage(message);
    assertThat(memory.live()).isZero();
  }

  private static Map<String, String> parse(String options) {
    Map<String, String> values = new java.util.HashMap<>();
    for (String option : options.split(",", -1)) {
      int equals = option.indexOf('=');
      values.put(option.substring(0, equals), option.substring(equals + 1));
    }
    return values;
  }

  @Test
  void noMemoryForScratch_isSaid_andLosesNothing() {
    TestMemory little = new TestMemory(800 << 10);
    assertThatThrownBy(() -> provider("compressed").open(Map.of("second", "zstd"), little))
        .isInstanceOf(HeapUnavailableException.class)
        .hasMessageContaining("raise the heap's limit");
    assertThat(little.live()).isZero();
    assertThatThrownBy(
            () ->
                provider("file")
                    .open(Map.of("limit", "1MiB", "encrypted", "true"), new TestMemory(1)))
        .isInstanceOf(HeapUnavailableException.class);
  }

  @Test
  void folderThatIsNotThere_isSaid() {
    assertThatThrownBy(
            () -> provider("file").open(Map.of("limit", "1MiB", "directory", "/nowhere"), memory))
        .isInstanceOf(HeapUnavailableException.class)
        .hasMessageContaining("wanted a swap file in /nowhere, got ENOENT");
  }
}

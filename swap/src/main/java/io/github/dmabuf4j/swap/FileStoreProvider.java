package io.github.dmabuf4j.swap;

import io.github.dmabuf4j.spi.SwapMemory;
import io.github.dmabuf4j.spi.SwapStore;
import io.github.dmabuf4j.spi.SwapStoreProvider;
import java.util.List;
import java.util.Map;

/**
 * Provides {@code file}: a file of a fixed size without a name. The options are in the
 * documentation of the module.
 */
public final class FileStoreProvider implements SwapStoreProvider {
  /** For {@link java.util.ServiceLoader}. */
  public FileStoreProvider() {}

  @Override
  public String name() {
    return "file";
  }

  @Override
  public SwapStore open(Map<String, String> options, SwapMemory memory) {
    FileOptions own = FileOptions.of("swap-", options);
    return of(SwapFile.open(name(), own, memory));
  }

  /** A store in a file that was opened. */
  static SlicedStore of(SwapFile file) {
    return new SlicedStore(
        new SlicedStore.Parts("file", Stage.NONE, List.of(), List.of(file), null, true),
        0,
        System::nanoTime);
  }
}

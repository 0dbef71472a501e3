package io.github.dmabuf4j.swap;

import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/**
 * The options of a file.
 *
 * @param limit its size, in whole pages
 * @param directory where it lies
 * @param encrypted whether its bytes are encrypted
 */
record FileOptions(long limit, Path directory, boolean encrypted) {
  private static final Set<String> OPTIONS = Set.of("limit", "directory", "encrypted");

  /** Not the folder for temporary files, which is memory on many machines. */
  private static final String DEFAULT_DIRECTORY = "/var/tmp";

  /**
   * Reads them.
   *
   * @param prefix what stands before their names in the URI
   * @throws IllegalArgumentException if an option is unknown, missing or wrong
   */
  static FileOptions of(String prefix, Map<String, String> values) {
    StoreOptions options = new StoreOptions(prefix, values, OPTIONS);
    if (!options.has("limit")) {
      throw options.wrong("limit", "how large the file is to be, for example 1GiB", "");
    }
    long limit = options.pages("limit", 0);
    if (limit / Slices.PAGE > Integer.MAX_VALUE) {
      throw options.wrong("limit", "at most 8 TiB", options.text("limit", ""));
    }
    return new FileOptions(
        limit,
        Path.of(options.text("directory", DEFAULT_DIRECTORY)),
        options.choice("encrypted", "false", Set.of("true", "false")).equals("true"));
  }
}

package io.github.dmabuf4j.tck.exporters;

import io.github.dmabuf4j.Importer;

/**
 * An importer that no {@link MovingExporter} can serve (rule CB6): a device that reaches only
 * memory which they haven't got.
 *
 * <p>Immutable.
 */
public final class CrampedImporter implements Importer {
  /** Creates one. */
  public CrampedImporter() {}

  @Override
  public String name() {
    return "cramped device";
  }
}

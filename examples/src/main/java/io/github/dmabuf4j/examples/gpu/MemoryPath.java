package io.github.dmabuf4j.examples.gpu;

/** How a device gets at our bytes without a copy. */
public enum MemoryPath {
  /** By the file descriptor of a dma-buf: {@code VK_EXT_external_memory_dma_buf}. */
  DMA_BUF("dma-buf"),
  /** By an address in this process: {@code VK_EXT_external_memory_host}. */
  HOST_POINTER("host-pointer");

  private final String text;

  MemoryPath(String text) {
    this.text = text;
  }

  /**
   * What it is called on the command line and in results.
   *
   * @return for example {@code dma-buf}
   */
  @Override
  public String toString() {
    return text;
  }
}

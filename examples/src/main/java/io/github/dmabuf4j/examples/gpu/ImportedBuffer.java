package io.github.dmabuf4j.examples.gpu;

/**
 * A storage buffer of the device over all bytes of one of ours.
 *
 * <p><b>Threads.</b> For one thread.
 */
final class ImportedBuffer implements AutoCloseable {
  private final VulkanObjects objects;
  private final long handle;
  private final long bytes;

  /** Takes over a buffer with its memory, and what keeps the bytes in place. */
  ImportedBuffer(VulkanObjects objects, long handle, long bytes) {
    this.objects = objects;
    this.handle = handle;
    this.bytes = bytes;
  }

  long handle() {
    return handle;
  }

  /** Its size; its first byte is the first of ours. */
  long bytes() {
    return bytes;
  }

  /** The device must be done with it. */
  @Override
  public void close() {
    objects.close();
  }
}

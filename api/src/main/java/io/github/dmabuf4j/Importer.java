package io.github.dmabuf4j;

/**
 * Who uses a buffer through an {@link Attachment}: a device, a registration, another library.
 *
 * <p>A <i>static</i> importer can't follow moves: its buffer is pinned while it is mapped. A
 * <i>dynamic</i> one is told of each move and maps again at its next use (design rule PN5).
 *
 * <p>An example that compiles is in the documentation of {@link io.github.dmabuf4j.spi}.
 *
 * <p>Source: struct dma_buf_attach_ops; rules CB8, CM9 to CM11.
 */
public interface Importer {
  /**
   * What this importer calls itself, for reports.
   *
   * @return a name
   */
  String name();

  /**
   * Whether this importer follows moves.
   *
   * @return false for a static importer, which is the default
   */
  default boolean isDynamic() {
    return false;
  }

  /**
   * Whether this importer can use memory that only devices reach, by device addresses instead of
   * segments ({@code allow_peer2peer}). An exporter of such memory refuses others.
   *
   * @return false by default
   */
  default boolean allowsPeerToPeer() {
    return false;
  }

  /**
   * The bytes are about to move, or their memory to be given up: what was mapped must be mapped
   * again before the next use, which finds out whether the content is still there. Called only for
   * dynamic importers, with the buffer's reservation held (rule CL5): it must neither take it, nor
   * map or pin the buffer before it has returned, which is refused, nor wait for fences of its own
   * making. What it throws is thrown to whoever moves the bytes, once all importers have been told;
   * the mapping is void all the same.
   *
   * @param attachment the attachment whose mapping is void from now on; the old pieces stay valid
   *     for work whose fences are in the reservation now
   */
  default void moveNotify(Attachment attachment) {}
}

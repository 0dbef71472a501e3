package io.github.dmabuf4j;

import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Who holds what, attached where, waiting on whom: the state of a heap's buffers as debugfs {@code
 * dma_buf/bufinfo} shows it.
 *
 * <p>Immutable: a snapshot, in which each buffer is right but not all at the same instant.
 *
 * @param heap the name of the heap
 * @param buffers its buffers that are live or in quarantine
 * @param region what lies where in the heap's {@link ContiguousRegion}, if it has one
 */
public record BufInfo(String heap, List<Buffer> buffers, Optional<FragmentationMap> region) {
  /** How many names a report of the holders has. */
  private static final int LINES = 10;

  /**
   * Copies the list.
   *
   * @param heap the name of the heap
   * @param buffers its buffers
   * @param region what lies where, or empty
   */
  public BufInfo {
    buffers = List.copyOf(buffers);
  }

  /**
   * Of a heap without a contiguous region.
   *
   * @param heap the name of the heap
   * @param buffers its buffers
   */
  public BufInfo(String heap, List<Buffer> buffers) {
    this(heap, buffers, Optional.empty());
  }

  /**
   * One buffer.
   *
   * @param name what it is called
   * @param exporter who has its memory
   * @param size bytes
   * @param references how many handles, holds, vmaps, pins, attachments and jobs keep it alive; 0
   *     in quarantine. A report by {@link DmaBuf#info} counts itself as one more
   * @param holds how many may be touching the bytes: holds, brackets, closures, jobs and vmaps
   * @param pins how many keep the bytes in place for longer: pins, pinned vmaps and the mappings of
   *     static importers
   * @param residency where the content is
   * @param attachments its importers, in the order in which they attached
   * @param fences what is pending in its reservation, in words
   */
  public record Buffer(
      String name,
      String exporter,
      long size,
      long references,
      int holds,
      int pins,
      BufferObject.Residency residency,
      List<Attached> attachments,
      List<String> fences) {
    /** Copies the lists. */
    public Buffer {
      attachments = List.copyOf(attachments);
      fences = List.copyOf(fences);
    }

    /**
     * Whether nobody refers to it any more, but something in flight still may touch it (design rule
     * FN1).
     *
     * @return true in quarantine
     */
    public boolean isQuarantined() {
      return references == 0 && !fences.isEmpty();
    }

    @Override
    public String toString() {
      StringBuilder text =
          new StringBuilder(
              "%-32s %12d B  refs %d holds %d pins %d"
                  .formatted(name, size, references, holds, pins));
      if (residency != BufferObject.Residency.RESIDENT) {
        text.append(' ').append(residency);
      }
      if (isQuarantined()) {
        text.append(" QUARANTINED");
      }
      if (!attachments.isEmpty()) {
        text.append(" attached to ").append(attachments);
      }
      if (!fences.isEmpty()) {
        text.append(" waiting for ").append(fences);
      }
      return text.toString();
    }
  }

  /**
   * One importer of a buffer.
   *
   * @param importer what it is called
   * @param dynamic whether it follows moves
   * @param peerToPeer whether it can use memory that only devices reach
   * @param mapped what it has the buffer mapped for, or null if it hasn't
   */
  public record Attached(
      String importer, boolean dynamic, boolean peerToPeer, @Nullable Access mapped) {
    static Attached of(Attachment attachment) {
      return new Attached(
          attachment.importerName(),
          attachment.isDynamic(),
          attachment.allowsPeerToPeer(),
          attachment.access());
    }

    @Override
    public String toString() {
      return importer
          + (dynamic ? " (dynamic" : " (static")
          + (peerToPeer ? ", peer to peer" : "")
          + (mapped == null ? ")" : ", mapped for " + mapped + ")");
    }
  }

  /**
   * The bytes of all buffers.
   *
   * @return bytes, as asked for
   */
  public long totalBytes() {
    return buffers.stream().mapToLong(Buffer::size).sum();
  }

  /**
   * The largest buffers, a line each, for messages.
   *
   * @param count how many lines at most
   * @return text; says so if there are no buffers
   */
  public String largest(int count) {
    if (buffers.isEmpty()) {
      return "no buffers";
    }
    StringBuilder text = new StringBuilder();
    buffers.stream()
        .sorted(Comparator.comparingLong(Buffer::size).reversed())
        .limit(count)
        .forEach(buffer -> text.append("\n  ").append(buffer));
    if (buffers.size() > count) {
      text.append("\n  and %d more".formatted(buffers.size() - count));
    }
    return text.substring(1);
  }

  /**
   * Who holds the memory: the ten names with the most bytes, a line each, for messages (design rule
   * AL6). Buffers of one name are summed up; those that were given none are one line.
   *
   * @return text; says so if nobody holds any
   */
  public String holders() {
    if (buffers.isEmpty()) {
      return "nobody holds any";
    }
    Map<String, Holder> byName = new LinkedHashMap<>();
    for (Buffer buffer : buffers) {
      byName.computeIfAbsent(groupOf(buffer), name -> new Holder()).add(buffer);
    }
    StringBuilder text = new StringBuilder("held by");
    byName.entrySet().stream()
        .sorted(Comparator.comparingLong(entry -> -entry.getValue().bytes))
        .limit(LINES)
        .forEach(entry -> text.append("\n  ").append(entry.getValue().line(entry.getKey())));
    if (byName.size() > LINES) {
      text.append("\n  and %d more names".formatted(byName.size() - LINES));
    }
    return text.toString();
  }

  /** Its name, or one for all that were given none, which begin as their heap's. */
  private static String groupOf(Buffer buffer) {
    return buffer.name().startsWith(buffer.exporter() + "#") ? "(no name)" : buffer.name();
  }

  /** What buffers of one name have together. */
  private static final class Holder {
    private int count;
    private long bytes;
    private long references;
    private long holds;
    private long pins;
    private int quarantined;
    private int evicted;
    private @Nullable String fence;
    private @Nullable String attachment;

    void add(Buffer buffer) {
      count++;
      boolean resident = buffer.residency() == BufferObject.Residency.RESIDENT;
      bytes += resident ? buffer.size() : 0;
      evicted += resident ? 0 : 1;
      references += buffer.references();
      holds += buffer.holds();
      pins += buffer.pins();
      quarantined += buffer.isQuarantined() ? 1 : 0;
      if (fence == null && !buffer.fences().isEmpty()) {
        fence = buffer.fences().getFirst();
      }
      if (attachment == null && !buffer.attachments().isEmpty()) {
        attachment = buffer.attachments().getFirst().toString();
      }
    }

    String line(String name) {
      StringBuilder line =
          new StringBuilder(
              "%d × %s: %s, references %d, holds %d, pins %d"
                  .formatted(count, name, ByteSize.exact(bytes), references, holds, pins));
      if (quarantined > 0) {
        line.append(", %d in quarantine".formatted(quarantined));
      }
      if (evicted > 0) {
        line.append(", %d evicted or purged".formatted(evicted));
      }
      if (attachment != null) {
        line.append(", attached to ").append(attachment);
      }
      if (fence != null) {
        line.append(", waiting for ").append(fence);
      }
      return line.toString();
    }
  }

  @Override
  public String toString() {
    return "heap %s: %d buffers, %d B\n%s%s"
        .formatted(
            heap,
            buffers.size(),
            totalBytes(),
            largest(Integer.MAX_VALUE),
            region.map(map -> "\ncontiguous region: " + map).orElse(""));
  }
}

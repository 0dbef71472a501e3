package io.github.dmabuf4j;

import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What is asked of a heap. Immutable, so that one that is used for many allocations is made once.
 *
 * {@snippet file="io/github/dmabuf4j/snippets/Walkthroughs.java" region="request"}
 */
public final class AllocationRequest {
  /** How buffers are aligned unless asked otherwise, in bytes. */
  public static final long DEFAULT_ALIGNMENT = 256;

  /** What is in a fresh buffer (design rule AL7). */
  public enum Content {
    /** Zeros, as in a dma-heap's. The default. */
    ZEROED,
    /**
     * Anything the same heap's buffers had before: for callers that write all of it. Never bytes of
     * another process.
     */
    UNINITIALIZED
  }

  private final long size;
  private final long alignment;
  private final Content content;
  private final AllocPolicy policy;
  private final @Nullable String name;
  private final @Nullable FrameLayout layout;
  private final boolean movable;
  private final boolean quiet;

  private AllocationRequest(Builder builder) {
    size = builder.size;
    alignment = builder.alignment;
    content = builder.content;
    policy = builder.policy;
    name = builder.name;
    layout = builder.layout;
    movable = builder.movable;
    quiet = builder.quiet;
  }

  /**
   * Asks for a number of bytes: zeroed, policy NORMAL, default alignment.
   *
   * @param size bytes, at least 1
   * @return a builder, to change the defaults
   * @throws IllegalArgumentException if the size isn't positive
   */
  public static Builder of(long size) {
    return new Builder(size, null);
  }

  /**
   * Asks for room for a frame, and gives the buffer its layout.
   *
   * @param layout a layout that needs one buffer
   * @return a builder, to change the defaults
   * @throws IllegalArgumentException if the layout spreads over several buffers
   */
  public static Builder of(FrameLayout layout) {
    if (layout.bufferCount() != 1) {
      throw new IllegalArgumentException(
          "wanted a layout in one buffer, got %s in %d: allocate each buffer by its bufferBytes()"
              .formatted(layout, layout.bufferCount()));
    }
    return new Builder(layout.totalBytes(), layout);
  }

  /**
   * The size asked for.
   *
   * @return bytes
   */
  public long size() {
    return size;
  }

  /**
   * The alignment of the first byte.
   *
   * @return bytes, a power of two
   */
  public long alignment() {
    return alignment;
  }

  /**
   * What is to be in the buffer.
   *
   * @return zeroed or not
   */
  public Content content() {
    return content;
  }

  /**
   * What to do when memory is short.
   *
   * @return the policy
   */
  public AllocPolicy policy() {
    return policy;
  }

  /**
   * What to call the buffer.
   *
   * @return the name, or empty for one made up by the heap
   */
  public Optional<String> name() {
    return Optional.ofNullable(name);
  }

  /**
   * How a frame lies in the buffer.
   *
   * @return the layout, or empty
   */
  public Optional<FrameLayout> layout() {
    return Optional.ofNullable(layout);
  }

  /**
   * Whether the bytes may be moved while nobody uses them.
   *
   * @return true if the heap may place them in its {@link ContiguousRegion}
   */
  public boolean isMovable() {
    return movable;
  }

  /**
   * Whether a failure is expected, so that nobody is told who holds the memory.
   *
   * @return true if exceptions are short and waiting isn't reported
   */
  public boolean isQuiet() {
    return quiet;
  }

  @Override
  public String toString() {
    return "%d B, aligned to %d, %s, %s%s%s%s"
        .formatted(
            size,
            alignment,
            content,
            policy,
            movable ? ", movable" : "",
            quiet ? ", quiet" : "",
            name == null ? "" : ", named " + name);
  }

  /** The options of a request. Not for several threads at once. */
  public static final class Builder {
    private final long size;
    private final @Nullable FrameLayout layout;
    private long alignment = DEFAULT_ALIGNMENT;
    private Content content = Content.ZEROED;
    private AllocPolicy policy = AllocPolicy.NORMAL;
    private @Nullable String name;
    private boolean movable;
    private boolean quiet;

    private Builder(long size, @Nullable FrameLayout layout) {
      if (size <= 0) {
        throw new IllegalArgumentException("wanted a size of at least 1 byte, got " + size);
      }
      this.size = size;
      this.layout = layout;
    }

    /**
     * Aligns the first byte.
     *
     * @param bytes a power of two; heaps serve at least up to their page size
     * @return this builder
     * @throws IllegalArgumentException if it isn't a power of two
     */
    public Builder alignment(long bytes) {
      if (Long.bitCount(bytes) != 1 || bytes < 0) {
        throw new IllegalArgumentException(
            "wanted an alignment that is a power of two, got " + bytes);
      }
      alignment = bytes;
      return this;
    }

    /**
     * Leaves in the buffer what the heap's last user of that memory wrote.
     *
     * @return this builder
     */
    public Builder uninitialized() {
      content = Content.UNINITIALIZED;
      return this;
    }

    /**
     * Says what to do when memory is short.
     *
     * @param whenShort the policy
     * @return this builder
     */
    public Builder policy(AllocPolicy whenShort) {
      policy = Objects.requireNonNull(whenShort, "whenShort");
      return this;
    }

    /**
     * Names the buffer, for reports.
     *
     * @param bufferName the name
     * @return this builder
     */
    public Builder name(String bufferName) {
      name = Objects.requireNonNull(bufferName, "bufferName");
      return this;
    }

    /**
     * Says that the bytes may be moved while nobody uses them (design rule AL4): every use gets
     * their place anew, as with a {@link Hold} for each, and importers are dynamic or map for a
     * short time. Such a buffer may lie in the heap's {@link ContiguousRegion}; a heap that has
     * none takes no notice.
     *
     * @return this builder
     */
    public Builder movable() {
      movable = true;
      return this;
    }

    /**
     * Says that a failure is nothing special ({@code __GFP_NOWARN}): the caller has another way.
     * Then an {@link OutOfBuffersException} tells how much was wanted and what the limit is, but
     * the heap isn't searched for those who hold the memory (design rule AL6), which takes time
     * where there are many; and a request that waits isn't reported in the log.
     *
     * @return this builder
     */
    public Builder quiet() {
      quiet = true;
      return this;
    }

    /**
     * Makes the request.
     *
     * @return an immutable request
     */
    public AllocationRequest build() {
      return new AllocationRequest(this);
    }
  }
}

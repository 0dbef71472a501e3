package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.BufferConsumer;
import io.github.dmabuf4j.BufferSlot;
import io.github.dmabuf4j.FrameLayout;
import io.github.dmabuf4j.NothingQueuedException;
import io.github.dmabuf4j.device.sharing.BufferConnection;
import io.github.dmabuf4j.device.sharing.PeerAddress;
import io.github.dmabuf4j.device.sharing.PeerException;
import io.github.dmabuf4j.examples.BadInputException;
import java.io.PrintStream;
import java.lang.foreign.MemorySegment;
import java.util.Locale;
import java.util.Optional;

/**
 * Looks at the frames of another process where that one decoded them.
 *
 * <p><b>Threads.</b> {@link #stop} for any thread, all else for one.
 */
public final class ShareClient {
  private final PeerAddress address;
  private final PrintStream messages;
  private volatile boolean stopped;
  private long frames;
  private long bytes;
  private long mismatches;
  private long expected;
  private double brightness;

  /**
   * What was seen.
   *
   * @param line for machines
   * @param isWhole whether the stream came to its end
   */
  public record Result(String line, boolean isWhole) {}

  /**
   * Prepares to connect.
   *
   * @param address where the server listens
   * @param messages where remarks go
   */
  public ShareClient(PeerAddress address, PrintStream messages) {
    this.address = address;
    this.messages = messages;
  }

  /** Leaves early. */
  public void stop() {
    stopped = true;
  }

  /**
   * Looks at all frames.
   *
   * @throws BadInputException if nobody serves at the address
   */
  public Result run() throws Exception {
    BufferConnection server = connect();
    long start = System.nanoTime();
    boolean isWhole = false;
    try (server;
        Progress progress = new Progress(messages, "received", 0)) {
      isWhole = look(server, progress);
    } catch (PeerException | NothingQueuedException e) {
      messages.printf("after %d frames: %s%n", frames, e.getMessage());
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    String line =
        String.format(
            Locale.ROOT,
            "frames=%d fps=%.1f bytes=%d mismatches=%d brightness=%.1f truncated=%b",
            frames,
            frames / seconds,
            bytes,
            mismatches,
            frames == 0 ? 0 : brightness / frames,
            !isWhole);
    return new Result(line, isWhole);
  }

  private BufferConnection connect() throws BadInputException, InterruptedException {
    try {
      return BufferConnection.connect(address, ShareSession.PATIENCE);
    } catch (RuntimeException e) {
      throw new BadInputException(String.valueOf(e.getMessage()));
    }
  }

  private boolean look(BufferConnection server, Progress progress) throws Exception {
    try (BufferConsumer queue = server.awaitQueue(ShareSession.PATIENCE)) {
      while (!stopped) {
        Optional<BufferSlot> next = queue.acquire(ShareSession.PATIENCE);
        if (next.isEmpty()) {
          return true;
        }
        BufferSlot slot = next.get();
        try {
          slot.fence().await(ShareSession.PATIENCE);
          look(slot);
        } finally {
          queue.release(slot);
        }
        progress.step();
      }
    }
    return false;
  }

  private void look(BufferSlot slot) throws InterruptedException {
    FrameLayout layout =
        slot.buffer()
            .layout()
            .filter(FrameLayout::isLinear)
            .orElseThrow(() -> new IllegalStateException("a frame came without a layout"));
    boolean isSame =
        slot.buffer()
            .read(
                picture -> {
                  FrameStamp stamp = FrameStamp.read(layout, picture);
                  brightness += brightness(layout, picture);
                  return stamp.number() == expected
                      && stamp.checksum() == FrameStamp.checksum(layout, picture);
                });
    expected++;
    frames++;
    bytes += layout.totalBytes();
    mismatches += isSame ? 0 : 1;
  }

  /** The mean of the first plane's middle row, in what its samples count. */
  private static double brightness(FrameLayout layout, MemorySegment picture) {
    MemorySegment row = layout.row(0, layout.planeRows(0) / 2, picture);
    long sum = 0;
    for (long i = 0; i < row.byteSize(); i++) {
      sum += Byte.toUnsignedInt(row.get(java.lang.foreign.ValueLayout.JAVA_BYTE, i));
    }
    return (double) sum / row.byteSize();
  }
}

package io.github.dmabuf4j.tck.exporters;

import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.spi.Exporter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * An exporter of a mapped file, which can be truncated under its users' hands: the next access
 * faults, as it does when a device is unplugged or another process shrinks a memory file (design
 * rule CA4). The file is a temporary one without a name.
 *
 * <p><b>Threads.</b> {@link #revoke} on any thread, at any time.
 */
public class RevocableExporter extends PlainExporter {
  private final FileChannel file;
  private volatile boolean revoked;

  /**
   * Creates an exporter of a new file.
   *
   * @param heap whose buffers it exports
   * @param bytes how much memory, a multiple of {@link #PAGE}
   * @param shared the reservation that the buffer shares with others, or null for one of its own
   * @throws UncheckedIOException if there can be no such file
   */
  protected RevocableExporter(KitHeap heap, long bytes, @Nullable Reservation shared) {
    super(heap, bytes, shared);
    try {
      Path path = Files.createTempFile("dmabuf4j-revocable", null);
      file =
          FileChannel.open(
              path,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              StandardOpenOption.DELETE_ON_CLOSE);
      memory = file.map(FileChannel.MapMode.READ_WRITE, 0, bytes, Arena.ofAuto());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Makes a heap of such exporters.
   *
   * @param limitBytes the most bytes the heap commits
   * @param around what each exporter is wrapped in, for example a {@link Recorder}
   * @return a new heap
   */
  public static KitHeap heap(long limitBytes, UnaryOperator<Exporter> around) {
    return new KitHeap("kit:revocable", limitBytes, around, RevocableExporter::new);
  }

  /**
   * Takes the memory away. Whoever touches it from now on meets a fault.
   *
   * @throws UncheckedIOException if the file can't be truncated
   */
  public void revoke() {
    revoked = true;
    try {
      file.truncate(0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  boolean suits(long alignment) {
    return !revoked && super.suits(alignment);
  }

  @Override
  public void release() {
    if (!revoked) {
      spoil(memory);
    }
    heap.released(this);
  }

  @Override
  void dispose() {
    try {
      file.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

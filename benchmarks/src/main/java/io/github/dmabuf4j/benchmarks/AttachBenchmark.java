package io.github.dmabuf4j.benchmarks;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Importer;
import io.github.dmabuf4j.ScatterList;
import io.github.dmabuf4j.spi.Exporter;
import io.github.dmabuf4j.spi.MappedBytes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What an importer pays: to attach and detach, and to map and unmap under the reservation, which is
 * taken and given back each time. The exporter makes its list of 64 pieces for each map, or once
 * where it lets the core keep it; a static importer's map pins.
 *
 * <pre>
 * java -jar benchmarks/target/benchmarks.jar AttachBenchmark -prof gc
 * </pre>
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(2)
public class AttachBenchmark {
  private static final int PIECES = 64;
  private static final Importer STATIC = new Device(false);

  /** A chunked buffer. */
  private record Chunks(MemorySegment memory, boolean cachesMappings) implements Exporter {
    @Override
    public String name() {
      return "chunks";
    }

    @Override
    public MappedBytes vmap() {
      throw new UnsupportedOperationException("nobody maps it for the CPU");
    }

    @Override
    public ScatterList map(Attachment attachment, Access access) {
      MemorySegment[] pieces = new MemorySegment[PIECES];
      long size = memory.byteSize() / PIECES;
      for (int i = 0; i < PIECES; i++) {
        pieces[i] = memory.asSlice(i * size, size);
      }
      return ScatterList.of(pieces);
    }

    @Override
    public void release() {}
  }

  private record Device(boolean isDynamic) implements Importer {
    @Override
    public String name() {
      return "device";
    }
  }

  /** One buffer with one importer. */
  @State(Scope.Thread)
  @SuppressWarnings("NullAway.Init") // by JMH
  public static class Attached {
    /** Whether the importer follows moves. */
    @Param({"true", "false"})
    public boolean dynamic;

    /** Whether the core keeps the pieces. */
    @Param({"true", "false"})
    public boolean kept;

    DmaBuf buffer;
    Attachment attachment;

    /** Attaches. */
    @Setup
    public void attach() {
      MemorySegment memory = Arena.global().allocate(PIECES * 4096L, 4096);
      buffer = new BufferObject(new Chunks(memory, kept)).export(memory.byteSize(), "chunks", null);
      attachment = buffer.attach(new Device(dynamic));
    }

    /** Detaches. */
    @TearDown
    public void detach() {
      attachment.close();
      buffer.close();
    }
  }

  /** The yardstick. */
  @Benchmark
  public int reentrantLock(Peers.Lock lock) {
    return lock.pair();
  }

  /** Attach and detach, by an importer that never maps. */
  @Benchmark
  public Attachment attach(Peers.Idle idle) {
    try (Attachment attachment = idle.buffer.attach(STATIC)) {
      return attachment;
    }
  }

  /** Attach, lock, map, unmap, unlock, detach: a plain buffer of a heap. */
  @Benchmark
  public ScatterList attachAndMap(Peers.Idle idle) {
    try (Attachment attachment = idle.buffer.attach(STATIC)) {
      var reservation = attachment.reservation();
      reservation.lock();
      try {
        ScatterList pieces = attachment.map(Access.READ);
        attachment.unmap();
        return pieces;
      } finally {
        reservation.unlock();
      }
    }
  }

  /** Lock, map, unmap, unlock. */
  @Benchmark
  public ScatterList map(Attached attached) {
    var reservation = attached.attachment.reservation();
    reservation.lock();
    try {
      ScatterList pieces = attached.attachment.map(Access.READ);
      attached.attachment.unmap();
      return pieces;
    } finally {
      reservation.unlock();
    }
  }
}

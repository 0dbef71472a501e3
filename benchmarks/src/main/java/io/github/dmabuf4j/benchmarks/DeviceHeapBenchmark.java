package io.github.dmabuf4j.benchmarks;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.benchmarks.report.Bar;
import io.github.dmabuf4j.benchmarks.report.Peer;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
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
 * What pooling and cached mappings save over system calls, with memory files, which any Linux has.
 * {@code cachedVmap} and {@code mapAndUnmap} read the first byte of a file that has its memory: the
 * latter pays for one page fault, too, as whoever maps anew does. {@code allocateClose} and {@code
 * createFile} give out a file of a size and take it back; neither zeroes, maps nor touches it: a
 * fresh file's memory isn't even there yet, a pooled one's is.
 *
 * <pre>
 * java -jar benchmarks/target/benchmarks.jar DeviceHeapBenchmark
 * </pre>
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
    value = 2,
    jvmArgsAppend = {"--enable-native-access=ALL-UNNAMED"})
@State(Scope.Thread)
@SuppressWarnings("NullAway.Init") // by open()
public class DeviceHeapBenchmark {
  /** The size of a buffer: a page, a 1080p frame, a 4K frame. */
  @Param({"4096", "3110400", "12441600"})
  public long bytes;

  private Heap heap;
  private DmaBuf buffer;
  private AllocationRequest request;
  private int file;

  /** Opens a heap, and makes a file as its buffers have. */
  @Setup
  public void open() {
    heap = Heaps.open("memfd:system?limit=256MiB");
    buffer = heap.allocate(bytes);
    request = AllocationRequest.of(bytes).uninitialized().build();
    file = newFile();
    int _ = SyscallFailure.check("fallocate", "file", Syscalls.fallocate(file, 0, 0, bytes));
  }

  /** Closes both. */
  @TearDown
  public void close() {
    buffer.close();
    heap.close();
    Syscalls.close(file);
  }

  private int newFile() {
    int made =
        SyscallFailure.check(
            "memfd_create", "file", Syscalls.memfdCreate("file", linux_h.MFD_CLOEXEC()));
    int _ = SyscallFailure.check("ftruncate", "file", Syscalls.ftruncate(made, bytes));
    return made;
  }

  /** A hold, and a byte read. */
  @Benchmark
  @Bar(
      row = "cached vmap of a memory file, against mmap and munmap",
      peers = @Peer(method = "mapAndUnmap"),
      atMost = 0.005)
  public byte cachedVmap() {
    try (Hold hold = buffer.hold()) {
      return hold.segment().get(JAVA_BYTE, 0);
    }
  }

  /** What a hold would cost without a cache. */
  @Benchmark
  public byte mapAndUnmap() {
    long address =
        SyscallFailure.check(
            "mmap",
            "file",
            Syscalls.mmap(
                file, bytes, linux_h.PROT_READ() | linux_h.PROT_WRITE(), linux_h.MAP_SHARED()));
    byte first = MemorySegment.ofAddress(address).reinterpret(bytes).get(JAVA_BYTE, 0);
    int _ = SyscallFailure.check("munmap", "file", Syscalls.munmap(address, bytes));
    return first;
  }

  /** From the pool, and back. */
  @Benchmark
  @Bar(
      row = "pooled allocate and close of a memory file, against making one",
      peers = @Peer(method = "createFile"),
      atMost = 0.1)
  public void allocateClose() {
    heap.allocateUninterruptibly(request).close();
  }

  /** What an allocation would cost without a pool. */
  @Benchmark
  public int createFile() {
    int made = newFile();
    return Syscalls.close(made);
  }
}

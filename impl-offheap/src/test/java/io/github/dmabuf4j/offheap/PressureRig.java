package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.OutOfBuffersException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * For a machine with little memory, such as the guest of {@code impl-device/vm/run}: keeps memory
 * idle in a heap, and says when the kernel's pressure made the heap give it back. Somebody else
 * makes the pressure meanwhile.
 *
 * <p>Arguments: how many mebibytes; for how many seconds at most. Ends with status 0 if they went
 * back.
 */
final class PressureRig {
  private static final long BUFFER = 1L << 20;

  private PressureRig() {}

  /** Runs it. */
  public static void main(String[] arguments) throws IOException {
    long bytes = Long.parseLong(arguments[0]) << 20;
    long nanos = TimeUnit.SECONDS.toNanos(Long.parseLong(arguments[1]));
    System.out.println(new OffHeapProvider().describe().getFirst().summary());
    boolean gone;
    try (Heap heap = Heaps.open("offheap:system?decay=1h&limit=" + bytes)) {
      fill(heap);
      System.out.println("ready: " + heap.statistics().idleBytes() + " B idle");
      gone = awaitGone(heap, nanos);
      System.out.println((gone ? "given back" : "kept") + "; " + stalls());
    }
    System.exit(gone ? 0 : 1);
  }

  /** Touches as much as the heap gives, and leaves it idle. */
  private static void fill(Heap heap) {
    List<DmaBuf> buffers = new ArrayList<>();
    try {
      while (true) {
        DmaBuf buffer = heap.allocate(BUFFER);
        buffers.add(buffer);
        try (Hold hold = buffer.hold()) {
          hold.segment().fill((byte) 1);
        }
      }
    } catch (OutOfBuffersException e) {
      buffers.forEach(DmaBuf::close);
    }
  }

  private static boolean awaitGone(Heap heap, long nanos) {
    long start = System.nanoTime();
    while (heap.statistics().idleBytes() > 0) {
      if (System.nanoTime() - start > nanos) {
        return false;
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(100));
    }
    System.out.println("after " + TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start) + " ms");
    return true;
  }

  private static String stalls() throws IOException {
    return String.join(" | ", Files.readAllLines(Path.of("/proc/pressure/memory")));
  }
}

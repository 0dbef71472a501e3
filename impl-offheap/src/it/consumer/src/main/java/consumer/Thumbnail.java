package consumer;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.github.dmabuf4j.*;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.ForkJoinPool;

public class Thumbnail {
  public static void main(String[] args) throws InterruptedException {
    FrameLayout hd = FrameLayout.of(PixelFormat.I420, 1920, 1080);
    try (Heap heap = Heaps.open("offheap:system?limit=64MiB");
        DmaBuf picture = heap.allocate(AllocationRequest.of(hd).uninitialized().build());
        DmaBuf thumbnail = heap.allocate(240 * 135)) {

      // One buffer, one thread: waits for whoever uses it, and keeps others out meanwhile.
      picture.write(bytes -> bytes.fill((byte) 42));

      // Several buffers, several threads. Published: from here on others wait for this job.
      Job job = Job.named("thumbnail").reads(picture).writes(thumbnail).publish();
      job.runAsync(
          ForkJoinPool.commonPool(),
          135,
          (access, y) -> {
            MemorySegment row = hd.row(0, y * 8, access.segment(picture));
            MemorySegment small = access.segment(thumbnail);
            for (int x = 0; x < 240; x++) {
              small.set(JAVA_BYTE, y * 240L + x, row.get(JAVA_BYTE, x * 8L));
            }
          });

      // The job's fence is in the buffer: this waits for it.
      byte last = thumbnail.read(bytes -> bytes.get(JAVA_BYTE, bytes.byteSize() - 1));
      System.out.println("last pixel " + last + "\n" + heap.info());
    }
  }
}

package io.github.dmabuf4j.snippets;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.AcquireContext;
import io.github.dmabuf4j.Advice;
import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.BufferConsumer;
import io.github.dmabuf4j.BufferObject;
import io.github.dmabuf4j.BufferProducer;
import io.github.dmabuf4j.BufferSlot;
import io.github.dmabuf4j.CpuAccess;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceTimeoutException;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.FrameLayout;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.Job;
import io.github.dmabuf4j.JobAccess;
import io.github.dmabuf4j.LockClass;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.PixelFormat;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.SyncFiles;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * The examples in the package documentation. They compile in the build, and {@code
 * WalkthroughsTest} runs those it can.
 */
public final class Walkthroughs {
  private Walkthroughs() {}

  /** Opening a heap and using a buffer. */
  public static int open() throws InterruptedException {
    // @start region="open"
    try (Heap heap = Heaps.open("offheap:system?limit=64MiB");
        DmaBuf buffer = heap.allocate(1920 * 1080 * 4)) {
      buffer.write(segment -> segment.set(JAVA_BYTE, 0, (byte) 42));
      return buffer.read(segment -> segment.get(JAVA_BYTE, 0));
    }
    // @end
  }

  // @start region="request"
  static final AllocationRequest FRAME =
      AllocationRequest.of(FrameLayout.of(PixelFormat.I420, 1920, 1080))
          .uninitialized() // the decoder writes all of it
          .policy(AllocPolicy.NO_FAIL) // wait until the encoder lets go of one
          .name("decoded")
          .build();

  // @end

  /** Two reservations at once. */
  public static boolean lockAll(DmaBuf a, DmaBuf b) throws InterruptedException {
    // @start region="lock-all"
    try (var _ = AcquireContext.lockAll(a.reservation(), b.reservation())) {
      // Nobody adds a fence to either of them now.
      return a.reservation().isSignaled(FenceUsage.READ)
          && b.reservation().isSignaled(FenceUsage.READ);
    }
    // @end
  }

  // @start region="lock-class"
  private static final LockClass PLAYLIST = LockClass.named("the playlist lock");

  /** A lock of the application's own, taken beside this library's. */
  static void withPlaylist(ReentrantLock lock, Runnable body) {
    PLAYLIST.acquire();
    lock.lock();
    try {
      body.run();
    } finally {
      lock.unlock();
      PLAYLIST.release();
    }
  }

  // @end

  /** Two reservations, of which the second comes to light under the first. */
  public static void lockRun(DmaBuf first, java.util.function.Supplier<DmaBuf> second, Fence done)
      throws InterruptedException {
    // @start region="lock-run"
    AcquireContext.run(
        context -> {
          context.prepare(first.reservation(), 1);
          DmaBuf other = second.get(); // looked up under the first
          context.prepare(other.reservation(), 1);
          first.reservation().add(done, FenceUsage.READ); // all are locked: nothing fails from here
          other.reservation().add(done, FenceUsage.WRITE);
        });
    // @end
  }

  /** A job in its plainest form. */
  public static void job(DmaBuf source, DmaBuf target) throws InterruptedException {
    // @start region="job"
    try (Job copy = Job.named("copy").reads(source).writes(target).publish()) {
      copy.run(access -> access.segment(target).copyFrom(access.segment(source)));
    }
    // @end
  }

  // ---- the walk-throughs ----

  // @start region="decode"
  /** What a decoder gets for a frame: bytes that stay in place for as long as it refers to them. */
  record DecodeTarget(DmaBuf buffer, Hold bytes) {}

  /**
   * Called by the decoder when it starts a frame, on a thread of its own. No fence is published:
   * before this frame is done the decoder may ask for another one, so the fence would wait for an
   * allocation. Nor is one needed, for nobody else knows the buffer yet.
   */
  static DecodeTarget startFrame(Heap heap) throws InterruptedException {
    DmaBuf buffer = heap.allocate(FRAME); // waits while the budget is used up
    try {
      return new DecodeTarget(buffer, buffer.hold(ArenaKind.POOL));
    } catch (RuntimeException e) {
      buffer.close();
      throw e;
    }
  }

  /**
   * Called when the frame comes out of the decoder: it is complete, and handed on. A decoder that
   * has all its buffers beforehand, such as a device, publishes a job here and signals it later.
   */
  static CompletionStage<Void> frameDecoded(DecodeTarget target, DmaBuf next, Executor executor)
      throws InterruptedException {
    return filter(target.buffer(), next, 8, executor);
  }

  /**
   * Called when the codec no longer refers to the frame, before or after the filter has read it.
   */
  static void releaseFrame(DecodeTarget target) {
    target.bytes().close();
    target.buffer().close();
  }

  // @end

  // @start region="filter"
  /** Reads one buffer and writes another from several threads. */
  static CompletionStage<Void> filter(DmaBuf picture, DmaBuf edges, int tiles, Executor executor)
      throws InterruptedException {
    // Both reservations are locked, both buffers held, the fence published; then the locks are
    // gone.
    Job job = Job.named("edges").reads(picture).writes(edges).publish();
    return job.runAsync(
        executor, tiles, (access, tile) -> filterTile(access, picture, edges, tile));
  }

  // @end

  private static void filterTile(JobAccess access, DmaBuf picture, DmaBuf edges, int tile) {
    access.segment(edges).set(JAVA_BYTE, tile, access.segment(picture).get(JAVA_BYTE, tile));
  }

  // @start region="migrate"
  /** An exporter moves a buffer that nobody is using, for example out of a contiguous region. */
  static boolean migrate(BufferObject buffer, Runnable moveBytes) {
    if (!buffer.tryBeginReclaim()) {
      return false; // somebody is about to use it, or it was just closed: try another one
    }
    try {
      if (buffer.isBusyLocked()) { // a reader has a hold or a fence: it stays where it is
        return false;
      }
      buffer.moveNotifyLocked(); // dynamic importers map again at their next use
      moveBytes.run();
      return true;
    } finally {
      buffer.endReclaim(); // the next reader maps the bytes where they are now
    }
  }

  // @end

  // @start region="evict"
  /** Reclaim passes by a buffer that is inside a CPU bracket. */
  static boolean tryPurge(BufferObject buffer) {
    if (!buffer.tryBeginReclaim()) {
      return false;
    }
    try {
      return buffer.purgeLocked(); // false while a bracket holds the bytes
    } finally {
      buffer.endReclaim();
    }
  }

  /** Meanwhile, elsewhere. */
  static byte firstByte(DmaBuf buffer) throws InterruptedException {
    try (CpuAccess access =
        buffer.beginCpuAccess(Access.READ)) { // BufferPurgedException if reclaim was first
      return access.segment().get(JAVA_BYTE, 0);
    }
  }

  // @end

  // @start region="advise"
  /** A cache offers a picture that it could draw again. */
  static void offer(DmaBuf picture) {
    picture.reservation().lock();
    try {
      boolean _ = picture.advise(Advice.DONT_NEED);
    } finally {
      picture.reservation().unlock();
    }
  }

  /** The picture that was offered, or the same drawn again. */
  static DmaBuf take(DmaBuf picture, Supplier<DmaBuf> draw) {
    picture.reservation().lock();
    try {
      if (picture.advise(Advice.WILL_NEED)) {
        return picture; // all of it is there, and nobody drops it from now on
      }
    } finally {
      picture.reservation().unlock();
    }
    picture.close();
    return draw.get();
  }

  // @end

  // @start region="foreign"
  /** A device may never answer. */
  static boolean readWhenRendered(DmaBuf buffer, FenceContext device, Fence rendered)
      throws InterruptedException {
    try {
      buffer.read(
          segment ->
              segment.get(JAVA_BYTE, 0)); // waits for `rendered`, a writer's fence on the buffer
      return true;
    } catch (FenceTimeoutException silent) {
      // Silent for longer than device's context allows. The bytes may still be written to: closing
      // our handle doesn't free
      // them. They stay in quarantine until the fence signals, or the device is given up for good:
      device.close();
      return rendered.isSignaled(); // failed, with FenceAbandonedException
    }
  }

  // @end

  // @start region="event-loop"
  /** Back-pressure without a blocked thread. */
  static CompletableFuture<Void> echo(Heap heap, int size, Executor eventLoop) {
    return heap.allocateAsync(AllocationRequest.of(size).build())
        .thenAcceptAsync(
            buffer -> {
              try (buffer;
                  Hold hold = buffer.hold()) {
                hold.byteBuffer().put(0, (byte) 1); // a channel would read and write it here
              }
            },
            eventLoop);
  }

  // @end

  // @start region="queue-producer"
  /** Each frame is handed on before it is filled. */
  static void fillAll(BufferProducer frames, int count, Executor executor)
      throws InterruptedException {
    for (int i = 0; i < count; i++) {
      byte picture = (byte) i;
      BufferSlot slot = frames.dequeue(); // waits for a free one: no job of this thread is pending
      DmaBuf frame = slot.buffer();
      Job fill;
      try {
        fill = Job.named("fill").writes(frame).after(slot.fence()).publish();
      } catch (InterruptedException | RuntimeException e) {
        frames.cancel(slot);
        throw e;
      }
      frames.queue(slot, fill.fence()); // never waits
      fill.runAsync(executor, access -> access.segment(frame).fill(picture));
    }
    frames.end();
  }

  // @end

  // @start region="queue-consumer"
  /** Each frame is given back before it is read. */
  static void readAll(BufferConsumer frames, Consumer<MemorySegment> reader, Executor executor)
      throws InterruptedException {
    for (var next = frames.acquire(); next.isPresent(); next = frames.acquire()) {
      BufferSlot slot = next.orElseThrow();
      DmaBuf frame = slot.buffer();
      Job read;
      try {
        read = Job.named("read").reads(frame).after(slot.fence()).publish();
      } catch (InterruptedException | RuntimeException e) {
        frames.release(slot);
        throw e;
      }
      frames.release(slot, read.fence());
      read.runAsync(executor, access -> reader.accept(access.segment(frame)));
    }
  }

  // @end

  // @start region="vulkan"
  /** The two calls of a Vulkan binding that matter here. */
  interface Vulkan {
    /** vkAllocateMemory with VkImportMemoryFdInfoKHR: owns the descriptor once it has succeeded. */
    long importMemory(int dmaBufFd, FrameLayout layout);

    /** vkQueueSubmit that waits for a sync_file, and vkGetSemaphoreFdKHR(SYNC_FD) for its end. */
    int submit(long image, int waitForSyncFile);
  }

  /** A frame is rendered into by a GPU, without a copy. */
  static void render(DmaBuf frame, Vulkan vulkan, SyncFiles syncFiles) throws InterruptedException {
    long image;
    try (OwnedFd fd = frame.exportFd()) {
      image = vulkan.importMemory(fd.fd(), frame.layout().orElseThrow());
      fd.detach(); // imported: Vulkan closes it
    }
    Reservation reservation = frame.reservation();
    reservation.lock();
    try {
      reservation.reserve(1); // may allocate; what follows the submit must not
      Fence before = reservation.merged(FenceUsage.READ); // a writer waits for readers and writers
      int finished = vulkan.submit(image, syncFiles.exportFence(before).detach());
      reservation.add(syncFiles.importFence(finished), FenceUsage.WRITE);
    } finally {
      reservation.unlock();
    }
    frame.read(Walkthroughs::checksum); // waits for the GPU, at most the time its context allows
  }

  // @end

  private static long checksum(MemorySegment segment) {
    return List.of(segment.byteSize()).hashCode();
  }
}

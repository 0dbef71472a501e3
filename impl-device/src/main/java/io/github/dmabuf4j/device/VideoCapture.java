package io.github.dmabuf4j.device;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.FrameLayout;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.PixelFormat;
import io.github.dmabuf4j.device.linux.Poller;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A camera that writes into buffers of a heap: V4L2 capture with {@code V4L2_MEMORY_DMABUF}.
 * Nothing is copied. The heap's buffers have to be dma-bufs ({@link
 * io.github.dmabuf4j.HeapProperty#DMABUF}).
 *
 * {@snippet file="io/github/dmabuf4j/device/snippets/CameraCapture.java" region="capture"}
 *
 * <p><b>Invariant.</b> A buffer is with the camera, lent as a {@link CapturedFrame}, or has come
 * back and waits for its fences; its state says which. It is given to the camera only when all
 * fences in it have signaled, for a camera knows none; so nobody has work in flight on what the
 * camera writes. After {@link #close} the camera has none.
 *
 * <p><b>Threads.</b> Any. One at a time takes frames; others may give them back meanwhile. {@code
 * lock} guards the states; requests to the driver are made inside, and none of them waits.
 */
public final class VideoCapture implements AutoCloseable {
  /** How often fences of buffers that came back are looked at while the camera has none. */
  private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

  private enum State {
    WITH_CAMERA,
    LENT,
    CAME_BACK
  }

  /** A buffer, and the descriptor by which the camera knows it. */
  private static final class Slot {
    final DmaBuf buffer;
    final OwnedFd descriptor;
    State state = State.CAME_BACK;

    Slot(DmaBuf buffer, OwnedFd descriptor) {
      this.buffer = buffer;
      this.descriptor = descriptor;
    }

    void close() {
      try (buffer) {
        descriptor.close();
      }
    }
  }

  private final Path node;
  private final CaptureDevice device;
  private final CaptureFormat format;
  private final List<Slot> slots = new ArrayList<>();
  private final ReentrantLock lock = new ReentrantLock();
  private long damaged;
  private boolean closed;

  private VideoCapture(Path node, CaptureDevice device, CaptureFormat format) {
    this.node = node;
    this.device = device;
    this.format = format;
  }

  /**
   * Opens a camera and starts it.
   *
   * @param node its device node, for example {@code /dev/video0}
   * @param format how its pixels are to be laid out
   * @param width of its pictures, in pixels
   * @param height of its pictures, in pixels
   * @param heap where its buffers are allocated, with the policy NORMAL
   * @param count how many buffers it gets: those that are lent and at least two beside; 2 to 32
   * @return a running capture
   * @throws DmaBufException if the node can't be opened or is no camera, another size or format is
   *     all it has (EINVAL, names it), somebody else captures (EBUSY), or it can't use memory of
   *     this heap
   * @throws io.github.dmabuf4j.OutOfBuffersException if the heap has no room for the buffers
   * @throws UnsupportedOperationException if the heap's buffers have no descriptors
   * @throws IllegalArgumentException if the count or the format is none of those named
   * @throws InterruptedException if the thread is interrupted while buffers are allocated
   */
  public static VideoCapture open(
      Path node, PixelFormat format, int width, int height, Heap heap, int count)
      throws InterruptedException {
    Objects.requireNonNull(heap, "heap");
    if (count < 2 || count > 32) {
      throw new IllegalArgumentException("wanted 2 to 32 buffers, got " + count);
    }
    CaptureDevice device = CaptureDevice.open(node);
    VideoCapture capture = null;
    boolean done = false;
    try {
      capture = new VideoCapture(node, device, device.setFormat(format, width, height));
      capture.allocate(heap, device.requestBuffers(count));
      capture.queueReady();
      device.start();
      done = true;
      return capture;
    } finally {
      if (!done) {
        if (capture == null) {
          device.close();
        } else {
          capture.close();
        }
      }
    }
  }

  private void allocate(Heap heap, int count) throws InterruptedException {
    AllocationRequest request =
        AllocationRequest.of(format.bytes()).name("capture of " + node).build();
    for (int i = 0; i < count; i++) {
      DmaBuf buffer = heap.allocate(request);
      boolean done = false;
      try {
        buffer.setLayout(format.layout()); // the camera may want more bytes than that
        slots.add(new Slot(buffer, buffer.exportFd()));
        done = true;
      } finally {
        if (!done) {
          buffer.close();
        }
      }
    }
  }

  /**
   * Where the planes of a picture lie, as the camera's driver has set it.
   *
   * @return the layout of each frame's buffer
   */
  public FrameLayout layout() {
    return format.layout();
  }

  /**
   * How many frames were passed over because the camera said that their content is wrong.
   *
   * @return a count
   */
  public long damagedFrames() {
    lock.lock();
    try {
      return damaged;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits for the next frame.
   *
   * @param timeout how long at most
   * @return the frame, to be closed; empty if the time was up first, for example because all
   *     buffers are lent
   * @throws DmaBufException if the camera failed, or is gone (ENODEV)
   * @throws IllegalStateException if this capture is closed, also meanwhile
   * @throws InterruptedException if the thread is interrupted before or while waiting
   */
  public Optional<CapturedFrame> next(Duration timeout) throws InterruptedException {
    long deadline = System.nanoTime() + Math.max(0, TimeUnit.NANOSECONDS.convert(timeout));
    while (true) {
      Optional<CapturedFrame> frame = tryNext();
      if (frame.isPresent()) {
        return frame;
      }
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        return Optional.empty();
      }
      // A camera without buffers is never ready but for an error: then it is fences that matter.
      if (countWithCamera() == 0) {
        TimeUnit.NANOSECONDS.sleep(Math.min(left, LOOK_NANOS));
      } else {
        boolean _ =
            Poller.ofThisProcess()
                .await(
                    device.descriptor(),
                    Poller.IN,
                    Math.min(left, awaitsFences() ? LOOK_NANOS : left));
      }
    }
  }

  /** A frame that is there now. */
  private Optional<CapturedFrame> tryNext() {
    lock.lock();
    try {
      requireOpen();
      queueReady();
      while (countWithCamera() > 0) {
        Optional<CaptureDevice.Filled> filled = device.dequeue();
        if (filled.isEmpty()) {
          return Optional.empty();
        }
        Slot slot = slots.get(filled.get().index());
        slot.state = State.CAME_BACK;
        if (!filled.get().damaged()) {
          CapturedFrame frame = new CapturedFrame(this, filled.get(), slot.buffer.dup());
          slot.state = State.LENT;
          return Optional.of(frame);
        }
        damaged++;
        queueReady();
      }
      return Optional.empty();
    } finally {
      lock.unlock();
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException(this + " is closed");
    }
  }

  private long countWithCamera() {
    return count(State.WITH_CAMERA);
  }

  private boolean awaitsFences() {
    return count(State.CAME_BACK) > 0;
  }

  private long count(State state) {
    lock.lock();
    try {
      return slots.stream().filter(slot -> slot.state == state).count();
    } finally {
      lock.unlock();
    }
  }

  /** Gives the camera what came back and nobody has work in flight on. Lock held, or alone. */
  private void queueReady() {
    for (int i = 0; i < slots.size(); i++) {
      Slot slot = slots.get(i);
      if (slot.state == State.CAME_BACK
          && slot.buffer.reservation().isSignaled(FenceUsage.BOOKKEEP)) {
        device.queue(i, slot.descriptor.fd(), format.bytes());
        slot.state = State.WITH_CAMERA;
      }
    }
  }

  /** The user is done with a frame. */
  void giveBack(int index) {
    lock.lock();
    try {
      if (!closed) {
        slots.get(index).state = State.CAME_BACK;
        try {
          queueReady();
        } catch (DmaBufException e) {
          if (e.errno().orElse(null) != Errno.ENODEV) {
            throw e;
          }
          // Who waits for the next frame is told.
        }
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Stops the camera and gives its buffers back to the heap. Frames that are lent stay readable
   * until they are closed. Closing again does nothing.
   */
  @Override
  public void close() {
    lock.lock();
    try {
      if (closed) {
        return;
      }
      closed = true;
      try (device) {
        stop();
      } finally {
        closeAll(slots);
      }
    } finally {
      lock.unlock();
    }
  }

  private void stop() {
    try {
      device.stop();
      device.requestBuffers(0); // the driver lets go of the dma-bufs
    } catch (DmaBufException e) {
      if (e.errno().orElse(null) != Errno.ENODEV) {
        throw e;
      }
      // A camera that is gone has let go of them.
    }
  }

  /** Closes all, also those after one that fails. */
  private static void closeAll(List<Slot> slots) {
    if (slots.isEmpty()) {
      return;
    }
    try {
      slots.getFirst().close();
    } finally {
      closeAll(slots.subList(1, slots.size()));
    }
  }

  @Override
  public String toString() {
    return "capture of " + node;
  }
}

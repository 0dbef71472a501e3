package io.github.dmabuf4j.snippets;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Importer;
import io.github.dmabuf4j.Reservation;
import io.github.dmabuf4j.ScatterList;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

// @start region="importer"
/** A device that fills a buffer: it follows moves, and says with fences what it is doing. */
public final class ExampleImporter implements Importer, AutoCloseable {
  private final Executor device; // works off what it is given in order
  private final FenceContext queue = FenceContext.create("example-device");
  private final Attachment attachment;
  private @Nullable ScatterList pieces; // guarded by the reservation

  /** Attaches to a buffer, which lives at least as long as this. */
  public ExampleImporter(DmaBuf buffer, Executor device) {
    this.device = device;
    this.attachment = buffer.attach(this);
  }

  @Override
  public String name() {
    return "example-device";
  }

  @Override
  public boolean isDynamic() {
    return true;
  }

  @Override
  public void moveNotify(Attachment moved) {
    pieces = null; // under the reservation: mapped again at the next use
  }

  /** Fills the buffer once whoever uses it now is done; the fence says when. */
  public Fence fill(byte value) {
    Reservation reservation = attachment.reservation();
    reservation.lock();
    try {
      ScatterList target = pieces == null ? attachment.map(Access.WRITE) : pieces;
      pieces = target;
      reservation.reserve(1);
      Fence before = reservation.merged(FenceUsage.READ); // a writer waits for all but BOOKKEEP
      Fence done = queue.newFence();
      Fence.Callback submit = ready -> device.execute(() -> fill(target, value, done));
      reservation.add(done, FenceUsage.WRITE); // visible: from here on it only runs and signals
      if (!before.addCallback(submit)) {
        submit.signaled(before);
      }
      return done; // the buffer doesn't move before that: a pending fence makes it busy
    } finally {
      reservation.unlock();
    }
  }

  private void fill(ScatterList target, byte value, Fence done) {
    for (MemorySegment piece : target.segments()) {
      piece.fill(value);
    }
    queue.signal(done);
  }

  @Override
  public void close() {
    attachment.reservation().awaitUninterruptibly(FenceUsage.WRITE); // the device is done with it
    attachment.close();
    queue.close();
  }
}
// @end

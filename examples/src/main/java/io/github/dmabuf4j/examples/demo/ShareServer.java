package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapUnavailableException;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.device.sharing.BufferConnection;
import io.github.dmabuf4j.device.sharing.BufferListener;
import io.github.dmabuf4j.device.sharing.PeerAddress;
import io.github.dmabuf4j.device.sharing.PeerException;
import io.github.dmabuf4j.examples.BadInputException;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Serves a video to other processes: each that connects gets all of it, in memory that it shares
 * with this process. One that dies or lies ends its own session only, and so does one for which
 * memory or descriptors are short; where there is none to accept it with, it waits for another
 * session's end.
 *
 * <p><b>Threads.</b> {@link #stop} for any thread, all else for one; each client has a thread.
 */
public final class ShareServer implements AutoCloseable {
  private static final Duration A_DAY = Duration.ofDays(1);

  /** No descriptor is left. */
  private static final Set<Errno> FULL = EnumSet.of(Errno.EMFILE, Errno.ENFILE);

  private final ShareOptions options;
  private final PrintStream messages;
  private final Heap heap;
  private final BufferListener listener;
  private final AtomicReference<@Nullable Exception> failure = new AtomicReference<>();

  // Guarded by this.
  private final List<ShareSession> sessions = new ArrayList<>();
  private boolean isStopped;
  private int clients;
  private int gone;
  private long frames;
  private long copiedBytes;

  private ShareServer(
      ShareOptions options, Heap heap, BufferListener listener, PrintStream messages) {
    this.options = options;
    this.heap = heap;
    this.listener = listener;
    this.messages = messages;
    Ffmpeg.silence();
  }

  /**
   * Listens for clients.
   *
   * @param address where
   * @param messages where remarks go
   * @throws BadInputException if the video, the heap or the address can't be used
   */
  public static ShareServer open(ShareOptions options, PeerAddress address, PrintStream messages)
      throws BadInputException {
    Demuxer.open(options.video()).close(); // what can't be read is said before anybody waits
    Heap heap = openHeap(options);
    boolean isGood = false;
    try {
      ShareServer server = new ShareServer(options, heap, BufferListener.open(address), messages);
      isGood = true;
      return server;
    } catch (RuntimeException e) {
      throw new BadInputException(String.valueOf(e.getMessage()));
    } finally {
      if (!isGood) {
        heap.close();
      }
    }
  }

  private static Heap openHeap(ShareOptions options) throws BadInputException {
    String separator = options.heap().contains("?") ? "&" : "?";
    try {
      return Heaps.open(options.heap() + separator + "limit=" + options.budgetBytes());
    } catch (IllegalArgumentException | HeapUnavailableException e) {
      throw new BadInputException("--heap: " + e.getMessage());
    }
  }

  /**
   * Serves clients, several at once, until there were as many as wanted.
   *
   * @param wanted how many, 0 for no end
   * @throws BadInputException if the video or the budget can't be used
   */
  public void serve(int wanted) throws Exception {
    CountDownLatch open = new CountDownLatch(Math.max(1, wanted));
    for (int i = 0; wanted == 0 || i < wanted; i++) {
      BufferConnection client = accept();
      if (client == null) {
        break;
      }
      ShareSession session = begin();
      Thread.ofPlatform()
          .name("client " + client.peer().pid())
          .daemon()
          .start(() -> serve(client, session, open));
    }
    if (wanted > 0 && !isStopped()) {
      open.await();
    }
    Exception failed = failure.get();
    if (failed != null) {
      throw failed;
    }
  }

  private @Nullable BufferConnection accept() throws InterruptedException {
    while (true) {
      int before = sessions();
      try {
        return listener.accept(A_DAY);
      } catch (PeerException e) {
        // Nobody came for a day, which is fine.
      } catch (IllegalStateException e) {
        return null; // it was stopped
      } catch (DmaBufException e) {
        if (before == 0 || e.errno().filter(FULL::contains).isEmpty()) {
          throw e;
        }
        messages.println("a client can't be accepted yet: " + e.getMessage());
        awaitFewerThan(before);
      }
    }
  }

  private void serve(BufferConnection client, ShareSession session, CountDownLatch open) {
    try {
      count(session.serve(client));
    } catch (DmaBufException e) {
      messages.println(client.peer() + ": " + e.getMessage());
    } catch (Exception e) {
      boolean _ = failure.compareAndSet(null, e);
      stop();
    } finally {
      end(session);
      open.countDown();
    }
  }

  // ---- sessions ----

  private synchronized ShareSession begin() {
    ShareSession session = new ShareSession(options, heap, messages);
    sessions.add(session);
    if (isStopped) {
      session.stop();
    }
    return session;
  }

  private synchronized void end(ShareSession session) {
    sessions.remove(session);
    notifyAll();
  }

  private synchronized int sessions() {
    return sessions.size();
  }

  private synchronized void awaitFewerThan(int count) throws InterruptedException {
    while (sessions.size() >= count) {
      wait();
    }
  }

  private synchronized boolean isStopped() {
    return isStopped;
  }

  private synchronized void count(ShareSession.Result result) {
    clients++;
    frames += result.frames();
    copiedBytes += result.copiedBytes();
    gone += result.isGone() ? 1 : 0;
  }

  /** Ends all streams early. */
  public synchronized void stop() {
    isStopped = true;
    listener.close();
    sessions.forEach(ShareSession::stop);
  }

  /** What was served, as words of a summary. */
  public synchronized String figures() {
    return "clients=%d gone=%d sent=%d copied_bytes=%d budget_bytes=%d peak_bytes=%d leaked=%d"
        .formatted(
            clients,
            gone,
            frames,
            copiedBytes,
            options.budgetBytes(),
            heap.statistics().peakCommittedBytes(),
            heap.info().buffers().size());
  }

  /** Waits for the buffers of all clients, and says which ones don't come back. */
  @Override
  public void close() {
    listener.close();
    try {
      if (!heap.drain(ShareSession.PATIENCE)) {
        messages.println("leaked: " + heap.info());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}

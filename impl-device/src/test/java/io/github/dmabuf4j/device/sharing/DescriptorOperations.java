package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.BufferConsumer;
import io.github.dmabuf4j.BufferProducer;
import io.github.dmabuf4j.BufferSlot;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.device.DeviceBuffers;
import io.github.dmabuf4j.device.EventFences;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.EventCounter;
import io.github.dmabuf4j.device.linux.EventTimer;
import io.github.dmabuf4j.device.linux.EventValue;
import io.github.dmabuf4j.device.linux.FreshPoller;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * All that takes descriptors, by name. What is done by two has both ends in this process.
 *
 * <p><b>Threads.</b> One; consumers of queues are on threads of their own.
 */
final class DescriptorOperations {
  static final Duration PATIENCE = Duration.ofSeconds(20);

  /** One try: prepared while there are enough, and ended when there are enough again. */
  @FunctionalInterface
  interface Try extends AutoCloseable {
    void make() throws Exception;

    @Override
    default void close() throws Exception {}
  }

  @FunctionalInterface
  interface Operation {
    Try prepare() throws Exception;
  }

  final Map<String, Operation> operations = new LinkedHashMap<>();
  final Heap heap = Heaps.open("memfd:system?limit=64MiB&retained=0&mappings=0");
  private final Path folder = Files.createTempDirectory("short");
  private final ExecutorService otherSide =
      Executors.newCachedThreadPool(Thread.ofPlatform().daemon().factory());

  DescriptorOperations() throws IOException {
    addHeaps();
    addFiles();
    addFences();
    addConnections();
    addExchanges();
  }

  private void addHeaps() {
    for (String name : List.of("memfd:system", "dma-heap:system", "udmabuf:system")) {
      String description = name + "?limit=64MiB&retained=0&mappings=0";
      if (isThere(name)) {
        operations.put("open " + name, () -> () -> Heaps.open(description).close());
        operations.put("use " + name, () -> using(Heaps.open(description)));
      }
    }
  }

  private static boolean isThere(String name) {
    return Heaps.available().stream()
        .anyMatch(heap -> heap.name().equals(name) && heap.isAvailable());
  }

  private static Try using(Heap own) {
    return new Try() {
      @Override
      public void make() throws Exception {
        try (DmaBuf buffer = own.allocate(TestBuffers.BYTES)) {
          buffer.write(bytes -> bytes.fill((byte) 1));
          byte _ = buffer.read(bytes -> bytes.get(java.lang.foreign.ValueLayout.JAVA_BYTE, 0));
        }
      }

      @Override
      public void close() {
        own.close();
      }
    };
  }

  private void addFiles() {
    operations.put(
        "exportFd",
        () ->
            with(
                buffer -> {
                  try (OwnedFd fd = buffer.exportFd()) {
                    try (Descriptor _ = ((Descriptor) fd).duplicate("a test")) {}
                  }
                }));
    operations.put(
        "importFd",
        () -> {
          OwnedFd foreign = foreignFile();
          return new Try() {
            @Override
            public void make() throws Exception {
              try (DmaBuf imported = DeviceBuffers.importFd(foreign.fd())) {
                imported.write(bytes -> bytes.fill((byte) 2));
              }
            }

            @Override
            public void close() {
              foreign.close();
            }
          };
        });
  }

  @FunctionalInterface
  private interface Use {
    void of(DmaBuf buffer) throws Exception;
  }

  private Try with(Use use) {
    DmaBuf buffer = heap.allocate(TestBuffers.BYTES);
    return new Try() {
      @Override
      public void make() throws Exception {
        use.of(buffer);
      }

      @Override
      public void close() {
        buffer.close();
      }
    };
  }

  /** A memory file that isn't of our heaps. */
  private static OwnedFd foreignFile() {
    int flags = linux_h.MFD_CLOEXEC() | linux_h.MFD_ALLOW_SEALING();
    int fd = SyscallFailure.check("memfd_create", "x", Syscalls.memfdCreate("foreign", flags));
    SyscallFailure.check("ftruncate", "x", Syscalls.ftruncate(fd, TestBuffers.BYTES));
    int seals = linux_h.F_SEAL_SHRINK();
    SyscallFailure.check("seal", "x", Syscalls.fcntl(fd, linux_h.F_ADD_SEALS(), seals));
    return DescriptorBudget.OF_THIS_PROCESS.adopt(Descriptor.Kind.BUFFER, "a test", fd);
  }

  private void addFences() {
    operations.put(
        "exportFence",
        () ->
            () -> {
              try (EventFences fences = new EventFences("test");
                  FenceContext context = FenceContext.create("test")) {
                Fence fence = context.newFence();
                try (OwnedFd out = fences.exportFence(fence)) {
                  context.signal(fence);
                }
              }
            });
    operations.put(
        "importFence",
        () -> {
          Descriptor counter = EventCounter.create(Descriptor.Kind.FENCE, "a test");
          return new Try() {
            @Override
            public void make() throws Exception {
              try (EventFences fences = new EventFences("test")) {
                Fence _ = fences.importFence(counter.duplicate("a test").detach());
              }
            }

            @Override
            public void close() {
              counter.close();
            }
          };
        });
    operations.put("signal", DescriptorOperations::signaling);
    operations.put("look at events", DescriptorOperations::looking);
    operations.put(
        "poller",
        () -> {
          Descriptor counter = EventCounter.create(Descriptor.Kind.FENCE, "a test");
          return new Try() {
            @Override
            public void make() throws Exception {
              FreshPoller.begin(counter);
            }

            @Override
            public void close() {
              counter.close();
            }
          };
        });
  }

  /** A timer's value takes no descriptor, and what is no event isn't asked for one (DV5). */
  private static Try looking() {
    Descriptor timer = EventTimer.create(Descriptor.Kind.FENCE, "a test");
    Descriptor poller =
        DescriptorBudget.OF_THIS_PROCESS.make(
            Descriptor.Kind.DEVICE,
            "a test",
            "epoll_create1",
            () -> Syscalls.epollCreate(linux_h.EPOLL_CLOEXEC()));
    return new Try() {
      @Override
      public void make() {
        try {
          check(EventValue.of(timer).orElseThrow() == 0 && EventValue.of(poller).isEmpty(), timer);
        } catch (DmaBufException e) {
          throw new AssertionError("looking took a descriptor: " + e.getMessage());
        }
      }

      @Override
      public void close() {
        timer.close();
        poller.close();
      }
    };
  }

  /** A fence that signals when it can't be looked at yet: who waits is told when it can. */
  private static Try signaling() {
    Descriptor theirs = EventCounter.create(Descriptor.Kind.FENCE, "a test");
    EventFences fences = new EventFences("test");
    Fence fence = fences.importFence(theirs.duplicate("a test").detach());
    return new Try() {
      @Override
      public void make() {
        EventCounter.add(theirs, 1);
      }

      @Override
      public void close() throws Exception {
        try (fences;
            theirs) {
          check(fence.await(PATIENCE) && fence.error().isEmpty(), fence);
        }
      }
    };
  }

  private void addConnections() {
    PeerAddress address = PeerAddress.of(folder.resolve("socket"));
    operations.put("listen", () -> () -> BufferListener.open(address).close());
    operations.put(
        "connect and accept",
        () -> {
          BufferListener listener = BufferListener.open(address);
          return new Try() {
            @Override
            public void make() throws Exception {
              try (BufferConnection ours = BufferConnection.connect(address, PATIENCE);
                  BufferConnection theirs = listener.accept(PATIENCE)) {
                ours.send(new byte[1]);
                Received _ = theirs.receive(PATIENCE);
              }
            }

            @Override
            public void close() {
              listener.close();
            }
          };
        });
  }

  // ---- what is done by two ----

  @FunctionalInterface
  private interface Exchange {
    void between(BufferConnection one, BufferConnection other) throws Exception;
  }

  private static Try exchanging(Exchange exchange) {
    List<BufferConnection> ends = BufferConnection.pair();
    return new Try() {
      @Override
      public void make() throws Exception {
        exchange.between(ends.get(0), ends.get(1));
      }

      @Override
      public void close() {
        ends.forEach(BufferConnection::close);
      }
    };
  }

  private void addExchanges() {
    for (Access access : List.of(Access.READ, Access.READ_WRITE)) {
      operations.put("send a buffer to " + access, () -> exchanging((a, b) -> send(a, b, access)));
      operations.put("queue to " + access, () -> exchanging((a, b) -> queue(a, b, access)));
    }
    operations.put(
        "send a fence",
        () ->
            exchanging(
                (one, other) -> {
                  try (FenceContext context = FenceContext.create("test")) {
                    Fence fence = context.newFence();
                    one.send(fence);
                    if (other.receive(PATIENCE) instanceof Received.Signal(Fence received)) {
                      context.signal(fence);
                      check(received.await(PATIENCE) && received.error().isEmpty(), received);
                    }
                  }
                }));
  }

  private static void check(boolean holds, Object what) {
    if (!holds) {
      throw new AssertionError(what.toString());
    }
  }

  private void send(BufferConnection one, BufferConnection other, Access access) throws Exception {
    try (DmaBuf buffer = heap.allocate(TestBuffers.BYTES)) {
      one.send(buffer, access);
      if (other.receive(PATIENCE) instanceof Received.Buffer(DmaBuf received)) {
        received.close();
      }
    }
  }

  /** The consumer is on a thread of its own; who fails first ends the other. */
  private void queue(BufferConnection one, BufferConnection other, Access access) throws Exception {
    Future<?> consumer = otherSide.submit(() -> consume(other));
    Exception failure = null;
    List<DmaBuf> buffers = new ArrayList<>();
    try {
      buffers.add(heap.allocate(TestBuffers.BYTES));
      buffers.add(heap.allocate(TestBuffers.BYTES));
      produce(one, buffers, access);
    } catch (RuntimeException e) {
      failure = e;
    } finally {
      buffers.forEach(DmaBuf::close);
      one.close();
    }
    try {
      consumer.get();
    } catch (ExecutionException e) {
      failure = failure == null || isGone(failure) ? e : failure;
    }
    if (failure != null) {
      throw failure;
    }
  }

  private static boolean isGone(Exception failure) {
    return failure instanceof PeerException e && e.problem() == PeerException.Problem.GONE;
  }

  private static void produce(BufferConnection connection, List<DmaBuf> buffers, Access access)
      throws InterruptedException {
    try (BufferProducer queue = connection.offerQueue("q", buffers, access, PATIENCE);
        FenceContext context = FenceContext.create("test")) {
      Fence fence = context.newFence();
      BufferSlot slot = queue.dequeue(PATIENCE);
      try {
        queue.queue(slot, fence);
      } catch (DmaBufException e) {
        queue.cancel(slot); // it is still ours
        throw e;
      }
      context.signal(fence);
      queue.queue(queue.dequeue(PATIENCE));
      queue.end();
    }
  }

  private static Object consume(BufferConnection connection) throws InterruptedException {
    try (BufferConsumer queue = connection.awaitQueue(PATIENCE)) {
      var next = queue.acquire(PATIENCE);
      while (next.isPresent()) {
        boolean hasSignaled = next.get().fence().await(PATIENCE);
        queue.release(next.get());
        check(hasSignaled, "the frame's fence");
        next = queue.acquire(PATIENCE);
      }
    }
    return "";
  }
}

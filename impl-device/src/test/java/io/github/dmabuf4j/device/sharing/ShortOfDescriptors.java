package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.BufferConsumer;
import io.github.dmabuf4j.BufferProducer;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapUnavailableException;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.OwnedFd;
import io.github.dmabuf4j.device.ChildProcess;
import io.github.dmabuf4j.device.DeviceBuffers;
import io.github.dmabuf4j.device.EventFences;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.EventCounter;
import io.github.dmabuf4j.device.linux.FreshPoller;
import io.github.dmabuf4j.device.linux.ProcessLimit;
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
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;

/**
 * A process that does everything while it has no descriptor left, then one, then two, until it has
 * enough: each time it succeeds, or is told once and clearly, and nothing stays open. What goes
 * wrong is printed; the exit status says whether something did.
 *
 * <p>Arguments: how many descriptors are open besides, of which {@link DescriptorBudget} allows a
 * part, and up to how many are left. With many it is the kernel that refuses, with none the budget.
 */
final class ShortOfDescriptors {
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  /** One try: prepared while there are enough, and ended when there are enough again. */
  @FunctionalInterface
  private interface Try extends AutoCloseable {
    void make() throws Exception;

    @Override
    default void close() throws Exception {}
  }

  @FunctionalInterface
  private interface Operation {
    Try prepare() throws Exception;
  }

  private final Map<String, Operation> operations = new LinkedHashMap<>();
  private final ExecutorService otherSide =
      Executors.newCachedThreadPool(Thread.ofPlatform().daemon().factory());
  private final Path folder = Files.createTempDirectory("short");
  private final Heap heap = Heaps.open("memfd:system?limit=64MiB&retained=0&mappings=0");
  private final List<String> faults = new ArrayList<>();

  /** The least number of descriptors with which each operation succeeded. */
  private final Map<String, Integer> needed = new LinkedHashMap<>();

  private int refused;
  private int succeeded;

  private ShortOfDescriptors() throws IOException {
    addHeaps();
    addFiles();
    addFences();
    addConnections();
    addExchanges();
  }

  public static void main(String[] arguments) throws Exception {
    int besides = Integer.parseInt(arguments[0]);
    int most = Integer.parseInt(arguments[1]);
    ChildProcess.loadAllClasses();
    ShortOfDescriptors process = new ShortOfDescriptors();
    process.warmUp();
    List<Integer> more = open(besides);
    for (int left = 0; left <= most; left++) {
      for (String name : process.operations.keySet()) {
        process.attempt(name, left, true);
      }
    }
    more.forEach(Syscalls::close);
    if (besides > most) {
      process.checkAllSucceeded();
    }
    process.end(most);
  }

  private static List<Integer> open(int count) {
    List<Integer> opened = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      opened.add(
          SyscallFailure.check("eventfd", "a test", Syscalls.eventfd(0, linux_h.EFD_CLOEXEC())));
    }
    return opened;
  }

  /** Every way, and every way to fail, is gone once. */
  private void warmUp() throws Exception {
    for (int left : new int[] {1 << 10, 0, 1, 2, 3, 5, 8, 1 << 10}) {
      for (String name : operations.keySet()) {
        attempt(name, left, false);
      }
    }
    System.getLogger("test").log(System.Logger.Level.INFO, "warm: {0}", faults.size());
    faults.clear();
    needed.clear();
    refused = 0;
    succeeded = 0;
  }

  private void checkAllSucceeded() {
    operations.keySet().stream()
        .filter(name -> !needed.containsKey(name))
        .forEach(name -> faults.add(name + " never succeeded"));
  }

  private void end(int most) throws Exception {
    for (String name : operations.keySet()) {
      try (Try one = operations.get(name).prepare()) {
        one.make();
      }
    }
    if (!heap.drain(PATIENCE)) {
      faults.add("the heap has buffers: " + heap.info());
    }
    faults.stream().distinct().forEach(fault -> System.out.println("FAULT " + fault));
    System.out.println("succeeded from so many left on: " + needed);
    System.out.printf(
        "%d operations with 0 to %d descriptors left: %d refused, %d succeeded, %d faults%n",
        operations.size(), most, refused, succeeded, faults.size());
    System.exit(faults.isEmpty() ? 0 : 1);
  }

  private void attempt(String name, int left, boolean checked) throws Exception {
    OpenFiles before = OpenFiles.now();
    String what = name + " with " + left + " left";
    try (Try one = operations.get(name).prepare()) {
      if (tryWith(one, left, what)) {
        succeeded++;
        needed.putIfAbsent(name, left);
      } else {
        refused++;
      }
    } catch (Throwable e) {
      faults.add(what + " can't be ended: " + trace(e));
    }
    if (checked) {
      try {
        before.assertSameSoon();
      } catch (AssertionError e) {
        faults.add(what + " left something open: " + e.getMessage());
      }
    }
  }

  private boolean tryWith(Try one, int left, String what) throws IOException {
    Throwable failure = null;
    try (ProcessLimit _ = lower(left)) {
      one.make();
    } catch (Throwable e) {
      failure = e;
    }
    if (failure != null) {
      judge(what, failure);
    }
    return failure == null;
  }

  /** What is said has to name the reason and what to do; an allocation names it as its cause. */
  private void judge(String what, Throwable failure) {
    Throwable e = failure;
    while (e != null && !(e instanceof DmaBufException known && names(known))) {
      e = e.getCause();
    }
    if (e == null) {
      faults.add(what + " was refused by " + trace(failure));
    }
  }

  /** Reading the class path is Java's, which says it in words only. */
  private static boolean names(DmaBufException refusal) {
    boolean isFull =
        refusal.errno().equals(Optional.of(Errno.EMFILE))
            || (refusal instanceof HeapUnavailableException
                && refusal.getMessage().contains("Too many open files"));
    return isFull && refusal.getMessage().contains("descriptor");
  }

  private static String trace(Throwable failure) {
    StringBuilder text = new StringBuilder();
    for (Throwable e = failure; e != null; e = e.getCause()) {
      text.append("\n  ").append(e);
      for (StackTraceElement frame : Stream.of(e.getStackTrace()).limit(8).toList()) {
        text.append("\n    ").append(frame);
      }
    }
    return text.toString();
  }

  /** Lowers the limit so that so many numbers below it are free. */
  private static ProcessLimit lower(int left) throws IOException {
    TreeSet<Integer> used = new TreeSet<>();
    try (Stream<Path> links = Files.list(Path.of("/proc/self/fd"))) {
      links.map(link -> Integer.parseInt(link.getFileName().toString())).forEach(used::add);
    }
    used.removeIf(fd -> Syscalls.fcntl(fd, linux_h.F_GETFD(), 0) < 0); // that of the listing
    int limit = 0;
    int free = 0;
    while (free <= left) {
      free += used.contains(limit) ? 0 : 1;
      limit++;
    }
    return ProcessLimit.lower(ProcessLimit.Resource.DESCRIPTORS, limit - 1);
  }

  // ---- what is done ----

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
    operations.put("signal", ShortOfDescriptors::signaling);
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
      queue.queue(queue.dequeue(PATIENCE), fence);
      context.signal(fence);
      queue.queue(queue.dequeue(PATIENCE));
      queue.end();
    }
  }

  private static Object consume(BufferConnection connection) throws InterruptedException {
    try (BufferConsumer queue = connection.awaitQueue(PATIENCE)) {
      var next = queue.acquire(PATIENCE);
      while (next.isPresent()) {
        check(next.get().fence().await(PATIENCE), "the frame's fence");
        queue.release(next.get());
        next = queue.acquire(PATIENCE);
      }
    }
    return "";
  }
}

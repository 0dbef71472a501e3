package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.HeapUnavailableException;
import io.github.dmabuf4j.device.ChildProcess;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.ProcessLimit;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import io.github.dmabuf4j.device.linux.Syscalls;
import io.github.dmabuf4j.device.linux.bindings.linux_h;
import io.github.dmabuf4j.device.sharing.DescriptorOperations.Operation;
import io.github.dmabuf4j.device.sharing.DescriptorOperations.Try;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
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
  /** Others have to be told, and look, whatever there is. */
  private static final Set<String> NEED_NONE = Set.of("signal", "look at events");

  private final DescriptorOperations all = new DescriptorOperations();
  private final Map<String, Operation> operations = all.operations;
  private final List<String> faults = new ArrayList<>();

  /** The least number of descriptors with which each operation succeeded. */
  private final Map<String, Integer> needed = new LinkedHashMap<>();

  private int refused;
  private int succeeded;

  private ShortOfDescriptors() throws IOException {}

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
    // Logging reads files at first, and never works again where it can't.
    System.getLogger("test").log(System.Logger.Level.INFO, "warming up: {0}", operations.size());
    for (int left : new int[] {1 << 10, 0, 1, 2, 3, 5, 8, 1 << 10}) {
      for (String name : operations.keySet()) {
        attempt(name, left, false);
      }
    }
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
    if (!all.heap.drain(DescriptorOperations.PATIENCE)) {
      faults.add("the heap has buffers: " + all.heap.info());
    }
    if (refused == 0) {
      faults.add("nothing was refused: there were descriptors all the time");
    }
    Set<String> withNone = new TreeSet<>(needed.keySet());
    withNone.removeIf(name -> needed.getOrDefault(name, 1) > 0);
    if (!withNone.equals(NEED_NONE)) {
      faults.add(
          "wanted %s to succeed without a descriptor, did %s".formatted(NEED_NONE, withNone));
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
}

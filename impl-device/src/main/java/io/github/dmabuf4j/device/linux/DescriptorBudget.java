package io.github.dmabuf4j.device.linux;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntSupplier;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * How many descriptors this library may have, of each kind, and who holds those it has (design rule
 * DV4): what would take a process's last descriptors is refused while there are still some for
 * everybody else, with a list of the holders.
 *
 * <p><b>The budget</b> of a kind is a part of {@code RLIMIT_NOFILE} as it is then: one half for
 * buffers, a quarter for fences, a sixteenth each for sockets and devices.
 *
 * <p><b>Invariant.</b> {@code counts} of a kind is the number of its descriptors that are open, and
 * of those that are being made. It is raised before one is made, only to within the budget, and
 * lowered after it was closed. {@code entries} has those that are open, and never one whose number
 * may be somebody else's by now.
 *
 * <p><b>Threads.</b> Any.
 */
public final class DescriptorBudget {
  /** That of this process. */
  public static final DescriptorBudget OF_THIS_PROCESS =
      new DescriptorBudget(DescriptorBudget::descriptorLimit);

  private static final System.Logger LOG = System.getLogger(DescriptorBudget.class.getName());
  private static final int LINES = 10;
  private static final int RLIMIT_NOFILE = 7;

  /** What a kernel without a limit is taken to allow. */
  private static final long MOST = 1 << 20;

  /**
   * A descriptor that is open.
   *
   * @param kind what for
   * @param holder who has it, as a report names it
   * @param fd its number
   */
  record Entry(Descriptor.Kind kind, String holder, int fd) {
    @Override
    public String toString() {
      return "descriptor %d of %s".formatted(fd, holder);
    }
  }

  private final LongSupplier limit;
  private final Map<Descriptor.Kind, AtomicInteger> counts = new EnumMap<>(Descriptor.Kind.class);
  private final Set<Entry> entries = ConcurrentHashMap.newKeySet();

  DescriptorBudget(LongSupplier limit) {
    this.limit = limit;
    for (Descriptor.Kind kind : Descriptor.Kind.values()) {
      counts.put(kind, new AtomicInteger());
    }
  }

  /** The soft limit, in descriptors. */
  private static long descriptorLimit() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment limits = arena.allocate(ValueLayout.JAVA_LONG, 2); // soft, hard
      int result = Syscalls.getrlimit(RLIMIT_NOFILE, limits);
      long soft = result < 0 ? 0 : limits.get(ValueLayout.JAVA_LONG, 0);
      return soft <= 0 ? MOST : Math.min(soft, MOST); // RLIM_INFINITY is all ones
    }
  }

  /**
   * Makes a descriptor, and makes the call again if a signal interrupted it.
   *
   * @param kind what for
   * @param holder who will have it, as a report names it
   * @param call the call's name
   * @param make the call: returns a new descriptor, close-on-exec, or a negative error number. It
   *     is made once there is room in the budget. What it returns is not its own any more: it is
   *     closed if there is no Java heap for an owner
   * @return the descriptor
   * @throws DmaBufException if the budget is used up (EMFILE): names the holders; or if the call
   *     failed, with the advice that fits any call
   */
  public Descriptor make(Descriptor.Kind kind, String holder, String call, IntSupplier make) {
    return make(kind, holder, new SyscallFailure.Subject(call, holder), make);
  }

  /**
   * Makes a descriptor, as above, by a call that has advice of its own.
   *
   * @param kind what for
   * @param holder who will have it, as a report names it
   * @param about the call, what it is about, and what to do where it fails
   * @param make the call: returns a new descriptor, close-on-exec, or a negative error number
   * @return the descriptor
   * @throws DmaBufException if the budget is used up (EMFILE): names the holders; or if the call
   *     failed
   */
  public Descriptor make(
      Descriptor.Kind kind, String holder, SyscallFailure.Subject about, IntSupplier make) {
    reserve(kind, holder);
    int fd = -1;
    try {
      fd = (int) about.check(Restarted.call(make));
      return own(kind, holder, fd, null);
    } finally {
      if (fd < 0) {
        count(kind).decrementAndGet();
      }
    }
  }

  /**
   * Takes a descriptor over that a peer sent, if there is room in the budget.
   *
   * @param kind what for
   * @param holder who has it from now on, as a report names it
   * @param file what came: the result's from now on, unless there is no room
   * @param closing who closes it
   * @return the descriptor
   * @throws DmaBufException if the budget is used up (EMFILE): names the holders
   */
  public Descriptor take(
      Descriptor.Kind kind, String holder, LooseFile file, ClosingThread closing) {
    reserve(kind, holder);
    int fd = -1;
    try {
      fd = file.take();
      return own(kind, holder, fd, closing);
    } finally {
      if (fd < 0) {
        count(kind).decrementAndGet();
      }
    }
  }

  /**
   * Takes a descriptor over that somebody else has made: it is counted, even beyond the budget.
   *
   * @param kind what for
   * @param holder who has it from now on, as a report names it
   * @param fd a descriptor
   * @return the same, owned
   */
  public Descriptor adopt(Descriptor.Kind kind, String holder, int fd) {
    count(kind).incrementAndGet();
    return own(kind, holder, fd, null);
  }

  /** The owner of a descriptor that is counted; closed if there is no Java heap for one. */
  private Descriptor own(
      Descriptor.Kind kind, String holder, int fd, @Nullable ClosingThread closing) {
    Descriptor owner = null;
    boolean done = false;
    try {
      Entry entry = new Entry(kind, holder, fd);
      owner = new Descriptor(this, entry, closing);
      entries.add(entry);
      done = true;
      return owner;
    } finally {
      if (!done && owner != null) {
        owner.close();
      } else if (!done) {
        closeOwnerless(fd, closing);
        count(kind).decrementAndGet();
      }
    }
  }

  private static void closeOwnerless(int fd, @Nullable ClosingThread closing) {
    if (closing == null || !closing.tryClose(fd)) {
      int _ = Syscalls.close(fd);
    }
  }

  private void reserve(Descriptor.Kind kind, String holder) {
    while (true) {
      int now = count(kind).get();
      long most = budget(kind);
      if (now >= most) {
        throw new DmaBufException(
            "open",
            Errno.EMFILE,
            "wanted a descriptor for %s, %d of at most %d for this purpose are open; %s"
                .formatted(holder, now, most, advice()),
            null);
      }
      if (count(kind).compareAndSet(now, now + 1)) {
        return;
      }
    }
  }

  private AtomicInteger count(Descriptor.Kind kind) {
    return Objects.requireNonNull(counts.get(kind));
  }

  /** Closes a descriptor that is about to be nobody's. */
  void close(Entry entry) {
    entries.remove(entry); // before the number can be anybody else's
    try {
      if (Syscalls.close(entry.fd()) < 0) {
        // It is closed all the same, and what failed was written by somebody else.
        LOG.log(Level.DEBUG, "close of {0} reported an error", entry);
      }
    } finally {
      count(entry.kind()).decrementAndGet();
    }
  }

  /** Somebody else closes it. */
  void letGo(Entry entry) {
    entries.remove(entry);
    count(entry.kind()).decrementAndGet();
  }

  /**
   * How many descriptors of a kind there may be now.
   *
   * @param kind what for
   * @return a part of the process's limit
   */
  public long budget(Descriptor.Kind kind) {
    long all = limit.getAsLong();
    return switch (kind) {
      case BUFFER -> all / 2;
      case FENCE -> all / 4;
      case SOCKET, DEVICE -> all / 16;
    };
  }

  /**
   * How many descriptors of a kind are open, or being made.
   *
   * @param kind what for
   * @return a count
   */
  public int open(Descriptor.Kind kind) {
    return count(kind).get();
  }

  /** Who holds how many, and what to do. */
  String advice() {
    return "%s%nClose some sooner, or raise the limit of %d descriptors: ulimit -n, LimitNOFILE= of systemd, --ulimit nofile= of docker"
        .formatted(holders(), limit.getAsLong());
  }

  /**
   * Who holds how many.
   *
   * @return the largest holders, a line each
   */
  public String holders() {
    Map<String, Long> byHolder =
        entries.stream().collect(Collectors.groupingBy(Entry::holder, Collectors.counting()));
    if (byHolder.isEmpty()) {
      return "this library holds none";
    }
    String largest =
        byHolder.entrySet().stream()
            .sorted(Map.Entry.comparingByValue(Comparator.reverseOrder()))
            .limit(LINES)
            .map(entry -> "%n  %d × %s".formatted(entry.getValue(), entry.getKey()))
            .collect(Collectors.joining());
    int more = byHolder.size() - LINES;
    return "held by" + largest + (more > 0 ? "%n  and %d more".formatted(more) : "");
  }
}

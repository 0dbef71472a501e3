package io.github.dmabuf4j.offheap;

import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The anonymous mappings of all heaps of a process.
 *
 * <p>Linux keeps a process from having more than vm.max_map_count mappings, and the JVM, which
 * needs some for its own heap, code and stacks, dies when it is refused one. So the heaps use at
 * most half.
 *
 * <p><b>The kernel can refuse to unmap</b>, where that would cut a mapping in two and there are too
 * many: it joins neighbours, of whoever. What it refuses to unmap has its memory taken back, stays
 * in the account, and is tried again whenever something is mapped or unmapped.
 *
 * <p><b>Invariant.</b> {@code count} is the number of mappings that were handed out or are in
 * {@code refused}, each a range that {@link #unmap} was not yet done with; it is raised before a
 * mapping is made, and at most what the limit was then. The kernel, which joins neighbours of one
 * kind, counts no more.
 *
 * <table>
 * <caption>Access modes</caption>
 * <tr><th>field</th><th>read</th><th>written</th></tr>
 * <tr><td>count</td><td>volatile</td><td>CAS, atomic add</td></tr>
 * <tr><td>most</td><td>volatile</td><td>volatile; two writers write what they have read of one file</td></tr>
 * <tr><td>refused</td><td colspan="2">concurrent queue; who polls a range owns it</td></tr>
 * </table>
 */
final class Mappings {
  /** Says how many mappings a process may have. */
  interface KernelLimit {
    /** The value of vm.max_map_count now. */
    int maxMapCount();
  }

  private static final System.Logger LOG = System.getLogger(Mappings.class.getName());

  private final MappingCalls calls;
  private final KernelLimit kernelLimit;
  private final AtomicInteger count = new AtomicInteger();
  private final Queue<MemorySegment> refused = new ConcurrentLinkedQueue<>();
  private volatile int most;

  Mappings(MappingCalls calls, KernelLimit kernelLimit) {
    this.calls = calls;
    this.kernelLimit = kernelLimit;
  }

  /** How many there are, those included that the kernel refused to unmap. */
  int count() {
    return count.get();
  }

  /**
   * Makes a mapping, zero and without memory.
   *
   * @param bytes how much, a multiple of the machine's page
   * @throws SlabMemoryException if the kernel refuses, or there are too many
   */
  MemorySegment map(long bytes) throws SlabMemoryException {
    unmapRefused();
    enter();
    long address;
    try {
      address = calls.mmap(bytes);
    } catch (Throwable e) {
      count.decrementAndGet();
      throw e;
    }
    if (address < 0 && address > -4096) {
      count.decrementAndGet();
      throw new SlabMemoryException(
          "mmap of %d B failed with errno %d%s".formatted(bytes, -address, hint(-address)), null);
    }
    return MemorySegment.ofAddress(address).reinterpret(bytes);
  }

  private void enter() throws SlabMemoryException {
    int now = count.get();
    while (true) {
      if (now >= most) {
        int limit = kernelLimit.maxMapCount(); // it may have been raised
        most = limit / 2;
        if (now >= most) {
          throw tooMany(now, limit);
        }
      }
      int seen = count.compareAndExchange(now, now + 1);
      if (seen == now) {
        return;
      }
      now = seen;
    }
  }

  private static SlabMemoryException tooMany(int now, int limit) {
    return new SlabMemoryException(
        ("this process's heaps have %d memory mappings, one for each large buffer and for each 32"
             + " MiB of smaller ones; %d are allowed, half of vm.max_map_count, so that the JVM"
             + " keeps the rest: raise it with \"sysctl -w vm.max_map_count=%d\", or close buffers"
             + " sooner")
            .formatted(now, limit, 4L * limit),
        null);
  }

  private static String hint(long errno) {
    return errno == 12 ? " (ENOMEM: see ulimit -v, vm.max_map_count and vm.overcommit_memory)" : "";
  }

  /** Unmaps the first or last pages of a mapping; false if the kernel refuses: all is as it was. */
  boolean trim(MemorySegment pages) {
    return calls.munmap(pages) == 0;
  }

  /** Ends a mapping, now or later; its memory goes back now. */
  void unmap(MemorySegment mapping) {
    int error = -calls.munmap(mapping);
    if (error == 0) {
      count.decrementAndGet();
      unmapRefused();
    } else {
      int kept = -calls.madvise(mapping, Libc.MADV_DONTNEED);
      LOG.log(
          Level.WARNING,
          "munmap of {0} failed with errno {1}: its address space goes back later, its memory {2}",
          mapping,
          error,
          kept == 0 ? "went back" : "too, for madvise failed with errno " + kept);
      refused.add(mapping);
    }
  }

  private void unmapRefused() {
    for (int i = refused.size(); i > 0; i--) {
      MemorySegment mapping = refused.poll();
      if (mapping == null) {
        return;
      }
      if (calls.munmap(mapping) == 0) {
        count.decrementAndGet();
      } else {
        refused.add(mapping);
      }
    }
  }
}

package io.github.dmabuf4j.device.linux;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.StructLayout;

/**
 * The {@code struct epoll_event} of {@code sys/epoll.h}. It is written by hand because it differs
 * between architectures: on x86-64 it is packed, 12 bytes with the data at 4; elsewhere it is 16
 * bytes with the data at 8 ({@code EPOLL_PACKED} in the kernel's {@code linux/eventpoll.h}).
 *
 * <p>Its data, a union in C, is the 64-bit number here: whatever the caller knows the file by.
 *
 * <p>All methods may be called by any thread and take no lock. Who shares a segment between threads
 * orders their accesses.
 */
public final class EpollEvent {
  private static final StructLayout LAYOUT = layout(System.getProperty("os.arch"));
  private static final long EVENTS = LAYOUT.byteOffset(groupElement("events"));
  private static final long DATA = LAYOUT.byteOffset(groupElement("data"));

  private EpollEvent() {}

  /** The layout on this machine. */
  public static StructLayout layout() {
    return LAYOUT;
  }

  /**
   * The layout on an architecture.
   *
   * @param architecture as in the system property {@code os.arch}
   */
  static StructLayout layout(String architecture) {
    boolean packed = architecture.equals("amd64") || architecture.equals("x86_64");
    return packed
        ? MemoryLayout.structLayout(
                JAVA_INT_UNALIGNED.withName("events"), JAVA_LONG_UNALIGNED.withName("data"))
            .withName("epoll_event")
        : MemoryLayout.structLayout(
                JAVA_INT.withName("events"),
                MemoryLayout.paddingLayout(4),
                JAVA_LONG.withName("data"))
            .withName("epoll_event");
  }

  /**
   * Memory for some events, zeroed if the allocator's memory is, as an arena's.
   *
   * @param count how many, at least 0
   * @param allocator where from
   * @throws IllegalArgumentException if {@code count} is negative
   */
  public static MemorySegment allocateArray(long count, SegmentAllocator allocator) {
    return allocator.allocate(LAYOUT, count);
  }

  /**
   * One event of an array.
   *
   * @param array what {@link #allocateArray} returned
   * @param index from 0
   * @throws IndexOutOfBoundsException if the array has no such event
   */
  public static MemorySegment at(MemorySegment array, long index) {
    return array.asSlice(index * LAYOUT.byteSize(), LAYOUT);
  }

  /** What happened, or what to wait for: {@code EPOLLIN} and its like, or-ed. */
  public static int events(MemorySegment event) {
    return event.get(JAVA_INT_UNALIGNED, EVENTS);
  }

  /** Sets {@link #events(MemorySegment)}. */
  public static void events(MemorySegment event, int events) {
    event.set(JAVA_INT_UNALIGNED, EVENTS, events);
  }

  /** The caller's number for the file. */
  public static long data(MemorySegment event) {
    return event.get(JAVA_LONG_UNALIGNED, DATA);
  }

  /** Sets {@link #data(MemorySegment)}. */
  public static void data(MemorySegment event, long data) {
    event.set(JAVA_LONG_UNALIGNED, DATA, data);
  }
}

package io.github.dmabuf4j;

import java.lang.foreign.MemorySegment;

/**
 * Buffers over memory that somebody else allocated ({@code userptr}): those of a heap, which counts
 * and reports them, and refuses to close while they live. Had from {@link Heap#userMemory}.
 *
 * <table>
 * <caption>Three ways, and how they differ</caption>
 * <tr><th></th><th>steal an address</th><th>steal a segment</th><th>back</th></tr>
 * <tr><td>whose the memory is</td><td>the buffer's</td><td>the caller's; the buffer has a copy</td><td>the caller's</td></tr>
 * <tr><td>counts against</td><td>{@link #limitBytes}</td><td>the heap's own limit</td><td>{@link #limitBytes}</td></tr>
 * <tr><td>must be aligned to</td><td>8 bytes</td><td>nothing</td><td>pages, the size too</td></tr>
 * <tr><td>{@link #originOf}</td><td>{@link Origin#STOLEN}</td><td>{@link Origin#HEAP}</td><td>{@link Origin#BACKED}</td></tr>
 * </table>
 *
 * <p><b>The account.</b> Bytes that are stolen or backed count exactly, as given, from the return
 * of the call until the memory is the caller's again. The heap commits nothing for them: they
 * aren't in {@link HeapStatistics#committedBytes}. They never move and nobody reclaims them, so
 * pins of such buffers don't count against {@link HeapStatistics#pinnedLimitBytes}.
 *
 * <p><b>What can't be checked.</b> An address that isn't memory of this process, or isn't for as
 * long as it was said to be, crashes the JVM: stealing is as unsafe as {@link
 * MemorySegment#reinterpret(long)}. Nor is anybody protected who was given a native address and
 * uses it after the end of the memory.
 *
 * <p><b>Threads.</b> Any. What copies takes the reservation of the fresh buffer, and allocates with
 * the policy NORMAL: the caller holds no other reservation and is in no {@link Signalling} section.
 *
 * <p>Source: drm_gem_userptr, get_user_pages; design rules UM1 to UM3.
 */
public interface UserMemory {
  /** Where the bytes of a buffer are. */
  enum Origin {
    /** In memory of a heap or a device: if a caller gave some, it was copied. */
    HEAP,
    /** In memory that was taken over: {@link UserMemory#steal(long, long, Runnable)}. */
    STOLEN,
    /** In memory that its owner goes on using: {@link UserMemory#back(MemorySegment)}. */
    BACKED
  }

  /**
   * Takes memory over: from now on it belongs to the buffer, and is released with it (design rule
   * UM1). A segment can't be taken from its Arena, so the caller gives an address whose life it
   * ends itself. Where this fails, the memory stays the caller's and the action doesn't run.
   *
   * @param address the first byte, a multiple of 8 such as {@code malloc} returns; for importers
   *     that need whole pages, that of a page
   * @param byteSize how many bytes
   * @param release gives the memory back: run once, after the last reference and the last fence, on
   *     whichever thread ends them. It must be quick and must neither take a reservation nor wait
   *     for a fence. What it throws is logged, and nothing else is lost
   * @return the first handle
   * @throws IllegalArgumentException if the address is 0, negative or not a multiple of 8, the size
   *     isn't positive or goes beyond the last address, or some of the bytes are stolen already
   * @throws OutOfBuffersException if the limit on user memory is reached: names who has it
   * @throws IllegalStateException if the heap is closed
   */
  DmaBuf steal(long address, long byteSize, Runnable release);

  /**
   * Copies a segment, for it can't be taken from its Arena (design rule UM1): the buffer is one of
   * the heap's own, of {@link Origin#HEAP}, and counts against the heap's limit. The segment stays
   * the caller's, and what happens to it later doesn't touch the buffer.
   *
   * @param memory any segment that this thread may read, also of the Java heap
   * @return the first handle
   * @throws IllegalArgumentException if the segment is empty
   * @throws OutOfBuffersException if the heap's limit is reached
   * @throws IllegalStateException if the heap or the segment's arena is closed
   * @throws WrongThreadException if the segment is confined to another thread
   */
  DmaBuf steal(MemorySegment memory);

  /**
   * Takes a buffer over from somebody: the handle that was given is closed, the one that is
   * returned refers to the same buffer, which stays where it is and counts where it did (design
   * rule UM1). Others that refer to the buffer go on doing so.
   *
   * @param buffer a buffer of any heap or device
   * @return a new handle of the same buffer; read-only if the given one is
   * @throws IllegalStateException if the handle is closed
   */
  default DmaBuf steal(DmaBuf buffer) {
    DmaBuf taken = buffer.dup();
    buffer.close();
    return taken;
  }

  /**
   * Makes a buffer over memory that stays in the caller's use: what either writes the other sees,
   * so it is never copied (design rule UM2). Memory of an {@link java.lang.foreign.Arena} has to be
   * given with that arena open until the buffer's end.
   *
   * <p><b>If the arena is closed before,</b> nothing crashes: segments of the buffer throw {@link
   * IllegalStateException}, and whoever maps the buffer or begins an access gets {@link
   * BufferRevokedException}. For that, segments of the buffer have the life of the caller's arena
   * instead of their {@link ArenaKind}: they outlive their hold, and any thread may use them. Only
   * of memory that never dies, {@link java.lang.foreign.Arena#global()}, do they end with the hold.
   *
   * @param memory native memory that any thread may use, that begins at a page and has whole pages:
   *     whoever maps a page sees all of it
   * @return the first handle; read-only if the segment is
   * @throws IllegalArgumentException if the memory is empty, of the Java heap, not aligned to
   *     pages, confined to a thread, some of it stolen, or mapped from a file, which whoever
   *     shortens it takes away
   * @throws OutOfBuffersException if the limit on user memory is reached: names who has it
   * @throws IllegalStateException if the heap or the memory's arena is closed
   */
  DmaBuf back(MemorySegment memory);

  /**
   * Makes a buffer as {@link #back(MemorySegment)} does. If it is for reading only, and smaller
   * than {@link #copiesBelow}, the memory is copied instead, as {@link #steal(MemorySegment)} does,
   * for that is cheaper (design rule UM3); the caller then must not count on either outcome, so it
   * leaves the content as it is until the buffer's end. {@link #originOf} tells what was done.
   *
   * @param memory as for {@link #back(MemorySegment)}; any segment where it is copied
   * @param access what the buffer is for: with {@link Access#READ} its handle is read-only
   * @return the first handle
   * @throws IllegalArgumentException as {@link #back(MemorySegment)}; or if the segment is
   *     read-only and the access writes
   * @throws OutOfBuffersException if the limit on user memory, or, for a copy, the heap's limit, is
   *     reached
   * @throws IllegalStateException as {@link #back(MemorySegment)}
   * @throws WrongThreadException if it is copied and confined to another thread
   */
  DmaBuf back(MemorySegment memory, Access access);

  /**
   * Below which size {@link #back(MemorySegment, Access)} copies what is read only.
   *
   * @return bytes, measured for this implementation; constant
   */
  long copiesBelow();

  /**
   * The most bytes that are stolen or backed at once.
   *
   * @return bytes
   */
  long limitBytes();

  /**
   * How many bytes are stolen or backed now, those in quarantine included.
   *
   * @return bytes, never above the limit
   */
  long usedBytes();

  /**
   * Where the bytes of a buffer are: whether memory that was given is shared, or was copied.
   *
   * @param buffer any buffer
   * @return what is known here: {@link Origin#HEAP} for every buffer of others
   * @throws IllegalStateException if the handle is closed
   */
  Origin originOf(DmaBuf buffer);
}

package io.github.dmabuf4j;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * How many refer to a buffer, and which buffer it is of all that have had this memory: one word,
 * changed by CAS while anybody refers to it, and by stores of its only owner while nobody does.
 *
 * <pre>
 *   bits     meaning
 *   63..32   generation: raised by each export, so that a handle of an earlier one can't touch this one
 *   31       out: set by the export, cleared when the memory goes back to the exporter
 *   30       first: the handle that the export made is open
 *   29..0    references: handles, holds, vmaps, pins, attachments, jobs
 * </pre>
 *
 * <p><b>Invariants.</b>
 *
 * <ul>
 *   <li>References &gt; 0: out; the memory belongs to the users of this generation. Nobody can
 *       raise them from 0 but an export.
 *   <li>References = 0 and out: on the way back to the exporter, in quarantine if need be. {@link
 *       #unreferenced} was called, once, by whoever dropped the last one, and ends with {@link
 *       #giveBack}.
 *   <li>First: one of the references is that handle's. So closing it, which is all that happens to
 *       most buffers, takes one CAS, and who closes it a second time finds the bit gone.
 *   <li>Not out: the memory is the exporter's, who alone may begin the next generation.
 * </ul>
 *
 * <p><b>Threads.</b> Any, without a lock.
 *
 * <p>Source: rules CB4, CB5.
 */
abstract sealed class BufferReferences permits BufferMapping {
  private static final VarHandle STATE;

  static {
    try {
      STATE = MethodHandles.lookup().findVarHandle(BufferReferences.class, "state", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final long REFERENCES = 0x3fff_ffffL;
  private static final long FIRST = 0x4000_0000L;
  private static final long OUT = 0x8000_0000L;
  private static final int GENERATION_SHIFT = 32;

  private volatile long state;

  /** The last reference was dropped; nobody else can take one. */
  abstract void unreferenced();

  /**
   * Begins the next generation, with one reference. By whoever has the idle memory, after all that
   * its users may read was written. A store is enough: while nobody refers to it nobody else
   * changes the word.
   *
   * @param generation what {@link #nextGeneration} returned
   * @throws IllegalStateException if somebody else was seen to have begun it meanwhile
   */
  final void begin(int generation) {
    if (state != Integer.toUnsignedLong(generation - 1) << GENERATION_SHIFT) {
      throw new IllegalStateException(this + " was exported by two threads at once");
    }
    long next = Integer.toUnsignedLong(generation) << GENERATION_SHIFT | OUT | FIRST | 1;
    STATE.setRelease(this, next);
  }

  /**
   * The generation that can begin now.
   *
   * @throws IllegalStateException if the memory isn't the exporter's
   */
  final int nextGeneration() {
    long seen = state;
    if ((seen & OUT) != 0) {
      throw new IllegalStateException(
          this + " is in use or in quarantine: it can be exported again after its release");
    }
    return generation(seen) + 1;
  }

  /**
   * Takes one more reference for a handle of the given generation.
   *
   * @param first whether it is the handle that the export made
   * @return false if the generation has ended, or that handle is closed
   */
  final boolean retain(int generation, boolean first) {
    while (true) {
      long seen = state;
      if (!isOpen(seen, generation, first)) {
        return false;
      }
      if (references(seen) == REFERENCES) {
        throw new IllegalStateException(
            this + " has 2^30 - 1 references: some of its users forget to close theirs");
      }
      if (STATE.compareAndSet(this, seen, seen + 1)) {
        return true;
      }
    }
  }

  /** Takes one more reference to whichever generation there is; false if nobody has one. */
  final boolean retain() {
    return retain(generation(), false);
  }

  /** Whether the handle that the export of a generation made is open. */
  final boolean isFirstOpen(int generation) {
    return isOpen(state, generation, true);
  }

  private static boolean isOpen(long state, int generation, boolean first) {
    return generation(state) == generation
        && (first ? (state & FIRST) != 0 : references(state) != 0);
  }

  /** Drops the reference of the handle that the export made, if that handle is open. */
  final void putFirst(int generation) {
    long seen = state;
    while (isOpen(seen, generation, true)) {
      long left = seen - FIRST - 1;
      if (STATE.compareAndSet(this, seen, left)) {
        if (references(left) == 0) {
          unreferenced();
        }
        return;
      }
      seen = state;
    }
  }

  /** Drops a reference that the caller owns. */
  final void put() {
    long left = (long) STATE.getAndAdd(this, -1L) - 1;
    if (references(left) == 0) {
      unreferenced();
    }
  }

  /** The memory is the exporter's from now on. By whoever was told {@link #unreferenced}. */
  final void giveBack() {
    STATE.setRelease(this, state & ~OUT); // nobody refers to it: nobody else changes it
  }

  /** Whether the memory is with users, or on its way back from them. */
  final boolean isOut() {
    return (state & OUT) != 0;
  }

  /** How many refer to the buffer. */
  final long references() {
    return references(state);
  }

  /** The generation that was exported last. */
  final int generation() {
    return generation(state);
  }

  private static int generation(long state) {
    return (int) (state >>> GENERATION_SHIFT);
  }

  private static long references(long state) {
    return state & REFERENCES;
  }
}

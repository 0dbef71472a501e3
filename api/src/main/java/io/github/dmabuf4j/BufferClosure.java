package io.github.dmabuf4j;

import org.jspecify.annotations.Nullable;

/**
 * Runs closures on the bytes of one buffer: a {@link CpuAccess} whose fence is published for as
 * long as the closure runs (design rule CA2).
 *
 * <p>Everything that belongs to one run is reachable from its frames alone, so that the compiler
 * can keep it off the Java heap: all but the fence, which others see.
 */
final class BufferClosure {
  /** What a thread is inside of. */
  private static final class Nesting {
    @Nullable BufferObject inside;
  }

  private static final ThreadLocal<Nesting> NESTING = ThreadLocal.withInitial(Nesting::new);

  private BufferClosure() {}

  static <R extends @Nullable Object, X extends Exception> R read(
      DmaBuf handle, DmaBuf.Reader<R, X> reader, Waiting waiting) throws X, InterruptedException {
    Nesting nesting = enter("read");
    Fence fence = Fence.single(FenceOrigin.CPU_ACCESS);
    BufferObject object = handle.retain("read");
    try (CpuAccess access = CpuAccess.begin(object, Access.READ, fence, waiting);
        var _ = Signalling.begin(fence)) {
      nesting.inside = object;
      int mark = Lockdep.mark();
      R result = reader.read(access.segment());
      Lockdep.checkNothingLeft(mark, "a reader of", object);
      return result;
    } catch (InternalError e) {
      throw RunAll.unchecked(BufferRevokedException.of("read", object, e));
    } finally {
      nesting.inside = null;
    }
  }

  static <X extends Exception> void write(DmaBuf handle, DmaBuf.Writer<X> writer, Waiting waiting)
      throws X, InterruptedException {
    Nesting nesting = enter("write");
    handle.checkWritable("write", Access.READ_WRITE);
    Fence fence = Fence.single(FenceOrigin.CPU_ACCESS);
    BufferObject object = handle.retain("write");
    try (CpuAccess access = CpuAccess.begin(object, Access.READ_WRITE, fence, waiting);
        var _ = Signalling.begin(fence)) {
      nesting.inside = object;
      int mark = Lockdep.mark();
      writer.write(access.segment());
      Lockdep.checkNothingLeft(mark, "a writer of", object);
    } catch (InternalError e) {
      throw RunAll.unchecked(BufferRevokedException.of("write", object, e));
    } finally {
      nesting.inside = null;
    }
  }

  /** Each of two nested closures would hold what the other's thread waits for. */
  static void checkNotNested(String operation) {
    Nesting _ = enter(operation);
  }

  private static Nesting enter(String operation) {
    Nesting nesting = NESTING.get();
    if (nesting.inside != null) {
      throw new IllegalStateException(
          "%s inside a closure on %s could deadlock, for each holds what the other may wait for: use a Job for several buffers"
              .formatted(operation, nesting.inside));
    }
    return nesting;
  }

  /** What an uninterruptible form never throws. */
  static AssertionError interrupted(InterruptedException e) {
    return new AssertionError("an uninterruptible wait was interrupted", e);
  }
}

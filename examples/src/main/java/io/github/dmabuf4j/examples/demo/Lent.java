package io.github.dmabuf4j.examples.demo;

import static io.github.dmabuf4j.examples.demo.CLinker.INT;
import static io.github.dmabuf4j.examples.demo.CLinker.POINTER;
import static io.github.dmabuf4j.examples.demo.CLinker.SIZE;

import java.lang.foreign.FunctionDescriptor;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Memory of ours that FFmpeg uses under an {@code AVBufferRef}. FFmpeg counts its own references to
 * it, and gives it back once, with the last, on whatever thread that happens.
 */
abstract class Lent {
  /** What went wrong when memory was given back: nobody up the stack could be told. */
  private static final AtomicReference<@Nullable Throwable> FAILURE = new AtomicReference<>();

  /** {@code av_buffer_create(data, size, free, opaque, flags)}. */
  private static final MethodHandle BUFFER_CREATE =
      CLinker.function(
          "av_buffer_create", FunctionDescriptor.of(POINTER, POINTER, SIZE, POINTER, POINTER, INT));

  /** The free callback of every buffer. */
  private static final long FREE =
      CLinker.callback(MethodHandles.lookup(), "free", FunctionDescriptor.ofVoid(POINTER, POINTER));

  /** FFmpeg is done with the memory. Called once per {@link #lend}, on any thread. */
  abstract void returned();

  /**
   * Wraps memory for FFmpeg.
   *
   * @param address the first byte
   * @param size bytes
   * @param flags 0, or {@code AV_BUFFER_FLAG_READONLY}
   * @return the address of an {@code AVBufferRef} that FFmpeg owns from now on
   */
  final long lend(long address, long size, int flags) {
    long handle = NativeHandles.register(this);
    long reference = createBuffer(address, size, handle, flags);
    if (reference == 0) {
      NativeHandles.release(handle);
      throw new FfmpegException("av_buffer_create", Ffmpeg.ENOMEM);
    }
    return reference;
  }

  private static long createBuffer(long address, long size, long handle, int flags) {
    try {
      return (long) BUFFER_CREATE.invokeExact(address, size, FREE, handle, flags);
    } catch (Throwable e) {
      throw new AssertionError("C throws nothing", e);
    }
  }

  /** The first failure of a {@link #returned} since the last call, or null. */
  static @Nullable Throwable takeFailure() {
    return FAILURE.getAndSet(null);
  }

  /** {@code void (*free)(void *opaque, uint8_t *data)}. */
  @SuppressWarnings("unused") // by FREE
  private static void free(long handle, long data) {
    try {
      ((Lent) NativeHandles.release(handle)).returned();
    } catch (Throwable e) {
      FAILURE.compareAndSet(null, e);
    }
  }
}

package io.github.dmabuf4j.examples.demo;

import java.util.concurrent.atomic.AtomicReference;
import org.bytedeco.ffmpeg.avutil.AVBufferRef;
import org.bytedeco.ffmpeg.avutil.Free_Pointer_BytePointer;
import org.bytedeco.ffmpeg.global.avutil;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.jspecify.annotations.Nullable;

/**
 * Memory of ours that FFmpeg uses under an {@code AVBufferRef}. FFmpeg counts its own references to
 * it, and gives it back once, with the last, on whatever thread that happens.
 */
abstract class Lent {
  /** What went wrong when memory was given back: nobody up the stack could be told. */
  private static final AtomicReference<@Nullable Throwable> FAILURE = new AtomicReference<>();

  private static final Return RETURN = new Return();
  private static final Address MEMORY = new Address();
  private static final Address OPAQUE = new Address();

  /** FFmpeg is done with the memory. Called once per {@link #lend}, on any thread. */
  abstract void returned();

  /**
   * Wraps memory for FFmpeg.
   *
   * @param address the first byte
   * @param size bytes
   * @param flags 0, or {@code AV_BUFFER_FLAG_READONLY}
   * @return a reference that FFmpeg owns from now on
   */
  final AVBufferRef lend(long address, long size, int flags) {
    long handle = NativeHandles.register(this);
    AVBufferRef reference;
    synchronized (RETURN) { // pointers are objects: two for all, not two each time
      reference =
          avutil.av_buffer_create(MEMORY.at(address), size, RETURN, OPAQUE.at(handle), flags);
    }
    if (reference == null) {
      NativeHandles.release(handle);
      throw new FfmpegException("av_buffer_create", Ffmpeg.ENOMEM);
    }
    return reference;
  }

  /** The first failure of a {@link #returned} since the last call, or null. */
  static @Nullable Throwable takeFailure() {
    return FAILURE.getAndSet(null);
  }

  /**
   * The free callback of every buffer. There is one for the whole process, for JavaCPP has room for
   * ten of a kind. No exception may escape: the frame above is C.
   */
  private static final class Return extends Free_Pointer_BytePointer {
    @Override
    public void call(Pointer opaque, BytePointer data) {
      try {
        ((Lent) NativeHandles.release(opaque.address())).returned();
      } catch (Throwable e) {
        FAILURE.compareAndSet(null, e);
      }
    }
  }
}

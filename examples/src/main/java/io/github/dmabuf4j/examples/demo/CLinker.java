package io.github.dmabuf4j.examples.demo;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import org.bytedeco.ffmpeg.global.avcodec;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;

/**
 * Links the C functions and callbacks that every picture goes through. JavaCPP, by which all others
 * are called, makes an object of each pointer that comes from C; here a pointer is a number.
 */
final class CLinker {
  static {
    Loader.load(avcodec.class); // or the functions and the offsets below aren't there
  }

  /** {@code void *}, as a number. JavaCPP has FFmpeg for machines with 64 bits only. */
  static final ValueLayout.OfLong POINTER = ValueLayout.JAVA_LONG;

  /** {@code size_t} on those machines. */
  static final ValueLayout.OfLong SIZE = ValueLayout.JAVA_LONG;

  /** {@code int}. */
  static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;

  private CLinker() {}

  /** A function of FFmpeg's. */
  static MethodHandle function(String name, FunctionDescriptor type) {
    MemorySegment code = SymbolLookup.loaderLookup().findOrThrow(name);
    return Linker.nativeLinker().downcallHandle(code, type);
  }

  /**
   * Makes a static method callable from C, for as long as the process lives.
   *
   * @param caller may find the method, in its own class
   * @param name of the method, which must not throw: the frame above is C
   * @return the address for C to call
   */
  static long callback(MethodHandles.Lookup caller, String name, FunctionDescriptor type) {
    try {
      MethodHandle method = caller.findStatic(caller.lookupClass(), name, type.toMethodType());
      return Linker.nativeLinker().upcallStub(method, type, Arena.global()).address();
    } catch (ReflectiveOperationException e) {
      throw new LinkageError("no method " + name + " as C calls it", e);
    }
  }

  /** How many bytes a struct takes. */
  static long sizeOf(Class<? extends Pointer> struct) {
    return Pointer.sizeof(struct);
  }

  /** Where a field is in a struct, in bytes from its start. */
  static long offsetOf(Class<? extends Pointer> struct, String field) {
    return Pointer.offsetof(struct, field);
  }

  /** Bytes that C owns. */
  static MemorySegment bytes(long address, long size) {
    return MemorySegment.ofAddress(address).reinterpret(size);
  }
}

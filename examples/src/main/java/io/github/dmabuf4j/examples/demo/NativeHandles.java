package io.github.dmabuf4j.examples.demo;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Numbers for objects, to pass through C as {@code void *opaque}. A number is the index of a slot
 * plus one, so that none is a null pointer, and is used again after {@link #release}.
 */
final class NativeHandles {
  private static @Nullable Object[] objects = new Object[16];
  private static int[] free = new int[16];
  private static int freeCount;
  private static int used;

  private NativeHandles() {}

  static synchronized long register(Object object) {
    int slot = freeCount > 0 ? free[--freeCount] : used++;
    if (slot == objects.length) {
      objects = Arrays.copyOf(objects, slot * 2);
      free = Arrays.copyOf(free, slot * 2);
    }
    objects[slot] = object;
    return slot + 1L;
  }

  static synchronized Object get(long handle) {
    Object object = objects[Math.toIntExact(handle - 1)];
    if (object == null) {
      throw new IllegalStateException("handle " + handle + " was given back already");
    }
    return object;
  }

  static synchronized Object release(long handle) {
    int slot = Math.toIntExact(handle - 1);
    Object object = get(handle);
    objects[slot] = null;
    free[freeCount++] = slot;
    return object;
  }

  /** How many objects FFmpeg has. */
  static synchronized int live() {
    return used - freeCount;
  }
}

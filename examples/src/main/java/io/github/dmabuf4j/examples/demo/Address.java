package io.github.dmabuf4j.examples.demo;

import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;

/** A pointer that can be moved, so that FFmpeg can be told an address without a new object each. */
final class Address extends BytePointer {
  Address() {
    super((Pointer) null);
  }

  /** Points to an address, and returns this. */
  Address at(long newAddress) {
    address = newAddress;
    return this;
  }
}

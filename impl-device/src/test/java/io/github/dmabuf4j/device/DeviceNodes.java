package io.github.dmabuf4j.device;

import java.nio.file.Files;
import java.nio.file.Path;

/** Which devices there are where the tests run. */
final class DeviceNodes {
  private DeviceNodes() {}

  static boolean hasUdmabuf() {
    return canBeOpened(UdmabufFiles.NODE);
  }

  static boolean hasSystemHeap() {
    return canBeOpened(DmaHeapFiles.node("system"));
  }

  private static boolean canBeOpened(Path node) {
    return Files.isReadable(node) && Files.isWritable(node);
  }
}

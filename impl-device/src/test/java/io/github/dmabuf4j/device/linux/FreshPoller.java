package io.github.dmabuf4j.device.linux;

/** A poller that has not begun yet: what it waits with is made at the first wait. */
public final class FreshPoller {
  private FreshPoller() {}

  /** Begins one, waits for nothing, and ends it. */
  public static void begin(Descriptor descriptor) {
    try (Poller poller = new Poller("fresh-poller")) {
      boolean _ = poller.register(descriptor, Poller.IN, events -> {}).cancel();
    }
  }
}

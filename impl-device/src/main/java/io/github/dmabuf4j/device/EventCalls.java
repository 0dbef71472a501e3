package io.github.dmabuf4j.device;

import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.EventTimer;
import io.github.dmabuf4j.device.linux.EventValue;
import java.util.OptionalLong;

/** What {@link EventFences} do to events of the kernel: a test can let it fail. */
interface EventCalls {
  /** Those of the kernel. */
  EventCalls OF_THE_KERNEL =
      new EventCalls() {
        @Override
        public void set(Descriptor event, long value) {
          EventTimer.set(event, value);
        }

        @Override
        public OptionalLong value(Descriptor event) {
          return EventValue.of(event);
        }
      };

  /** As {@link EventTimer#set}. */
  void set(Descriptor event, long value);

  /**
   * As {@link EventValue#of}.
   *
   * @return the value; empty if it is no event
   */
  OptionalLong value(Descriptor event);
}

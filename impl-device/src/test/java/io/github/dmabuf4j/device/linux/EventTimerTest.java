package io.github.dmabuf4j.device.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.device.linux.bindings.itimerspec;
import io.github.dmabuf4j.device.linux.bindings.timespec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Numbers that are set without waiting. What peers do with them is in EventFencesTest. */
@EnabledOnOs(OS.LINUX)
@Timeout(120)
final class EventTimerTest {
  private static final long LONG = Duration.ofSeconds(60).toNanos();

  private static Descriptor timer() {
    return EventTimer.create(Descriptor.Kind.FENCE, "EventTimerTest");
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 33, 4096})
  void number_isWhatWasSet_andStays(long value) throws Exception {
    try (Descriptor timer = timer()) {
      assertThat(Poller.look(timer, Poller.IN)).isZero();
      assertThat(EventValue.of(timer)).hasValue(0);
      EventTimer.set(timer, value);
      assertThat(Poller.ofThisProcess().await(timer, Poller.IN, LONG)).isTrue();
      assertThat(EventValue.of(timer)).hasValue(value);
      assertThat(EventValue.of(timer)).hasValue(value);
    }
  }

  @Test
  void intervalThatWasNotSetHere_isANumberThatMeansNothing() throws Exception {
    try (Descriptor timer = timer();
        Arena arena = Arena.ofConfined()) {
      MemorySegment when = itimerspec.allocate(arena);
      timespec.tv_nsec(itimerspec.it_value(when), 1);
      timespec.tv_sec(itimerspec.it_interval(when), EventTimer.SECONDS_OF_ONE + 1);
      assertThat(timer.use(fd -> Syscalls.timerfdSettime(fd, when))).isZero();
      assertThat(Poller.ofThisProcess().await(timer, Poller.IN, LONG)).isTrue();
      assertThat(EventValue.of(timer)).hasValue(-1);
    }
  }

  @Test
  void counter_hasANumberToo_andOtherFilesHaveNone() {
    try (Descriptor counter = EventCounter.create(Descriptor.Kind.FENCE, "EventTimerTest")) {
      assertThat(EventValue.of(counter)).hasValue(0);
      assertThat(EventCounter.add(counter, 17)).isTrue();
      assertThat(EventValue.of(counter)).hasValue(17);
      assertThatExceptionOfType(DmaBufException.class).isThrownBy(() -> EventTimer.set(counter, 1));
    }
    try (Descriptor socket = UnixSocket.create("EventTimerTest")) {
      assertThat(EventValue.of(socket)).isEmpty();
    }
  }
}

package io.github.dmabuf4j.offheap.pressure;

import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** Returns what a test says, and notes what was asked for. */
final class FakeTriggerCalls implements TriggerCalls {
  static final int DESCRIPTOR = 17;

  final List<String> log = new ArrayList<>();

  /** What poll returns, one after the other; 0 after that. */
  final Deque<Integer> polls = new ArrayDeque<>();

  int opened = DESCRIPTOR;
  int written = 20;

  @Override
  public int open(Path file) {
    log.add("open " + file.getFileName());
    return opened;
  }

  @Override
  public int write(int descriptor, String text) {
    log.add("write %d %s".formatted(descriptor, text));
    return written;
  }

  @Override
  public int poll(int descriptor, int millis) {
    Integer next = polls.poll();
    log.add("poll " + descriptor);
    return next == null ? 0 : next;
  }

  @Override
  public int close(int descriptor) {
    log.add("close " + descriptor);
    return 0;
  }
}

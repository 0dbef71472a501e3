package io.github.dmabuf4j.device.sharing;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.device.PointFences;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.DescriptorBudget;
import io.github.dmabuf4j.device.linux.EventCounter;
import io.github.dmabuf4j.device.linux.Poller;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * What this process has open, as the kernel and as the budget count it. Files of classes and of the
 * JVM are left out: they come and go.
 */
record OpenFiles(List<String> files, Map<Descriptor.Kind, Integer> counted) {
  private static final long PATIENCE = TimeUnit.SECONDS.toNanos(20);

  /**
   * What the poller needs is open from the first wait on, and a render node from the first queue
   * on, so these are first.
   */
  static OpenFiles now() {
    boolean _ = PointFences.areAvailable();
    try (Descriptor counter = EventCounter.create(Descriptor.Kind.FENCE, "test")) {
      boolean _ = Poller.ofThisProcess().register(counter, Poller.IN, events -> {}).cancel();
    }
    return look();
  }

  static OpenFiles look() {
    Map<Descriptor.Kind, Integer> counted = new EnumMap<>(Descriptor.Kind.class);
    for (Descriptor.Kind kind : Descriptor.Kind.values()) {
      counted.put(kind, DescriptorBudget.OF_THIS_PROCESS.open(kind));
    }
    return new OpenFiles(list(), counted);
  }

  private static List<String> list() {
    List<String> found = new ArrayList<>();
    try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
      for (Path descriptor : descriptors.toList()) {
        String target = target(descriptor);
        if (!target.endsWith(".jar")
            && !target.endsWith("/modules")
            && !target.startsWith("/proc")) {
          found.add(target.replaceAll(":\\[\\d+]", ""));
        }
      }
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    found.sort(null);
    return found;
  }

  private static String target(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).toString();
    } catch (IOException e) {
      return "/proc"; // it is closed by now: the one that listed the folder
    }
  }

  /**
   * Nothing is open that wasn't, and nothing was closed that was somebody else's. What the poller
   * still has in its hands may take a moment.
   */
  void assertSameSoon() {
    long start = System.nanoTime();
    while (!look().equals(this) && System.nanoTime() - start < PATIENCE) {
      Thread.yield();
    }
    assertThat(look()).isEqualTo(this);
  }

  /** Nothing is open that wasn't; what other tests left may have been closed meanwhile. */
  void assertNoMoreSoon() {
    long start = System.nanoTime();
    while (!look().isWithin(this) && System.nanoTime() - start < PATIENCE) {
      Thread.yield();
    }
    OpenFiles now = look();
    assertThat(now.isWithin(this)).as("%s, before: %s", now, this).isTrue();
  }

  private boolean isWithin(OpenFiles other) {
    List<String> rest = new ArrayList<>(other.files);
    return files.stream().allMatch(rest::remove)
        && counted.entrySet().stream()
            .allMatch(kind -> kind.getValue() <= other.counted.getOrDefault(kind.getKey(), 0));
  }
}

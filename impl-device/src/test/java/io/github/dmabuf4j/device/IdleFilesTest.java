package io.github.dmabuf4j.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.github.dmabuf4j.HeapUri;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** The order of idle files, against queues in a map. */
@EnabledOnOs(OS.LINUX)
final class IdleFilesTest {
  private static final long PAGE = 4096;

  private final MemoryFiles source = new MemoryFiles();
  private final FilePool pool =
      new FilePool(
          source, DeviceOptions.of(HeapUri.parse("memfd:system?limit=64MiB"), source.pageSize()));
  private final List<DeviceBuffer> made = new ArrayList<>();
  private final IdleFiles idle = new IdleFiles();

  @AfterEach
  void close() {
    made.forEach(DeviceBuffer::close);
  }

  private DeviceBuffer file(long pages) {
    DeviceBuffer file = new DeviceBuffer(pool, source.create(pages * PAGE), pages * PAGE);
    made.add(file);
    return file;
  }

  private DeviceBuffer added(long pages) {
    DeviceBuffer file = file(pages);
    assertThat(idle.tryAdd(file)).isTrue();
    return file;
  }

  @Test
  void newest_goesFirst_andTheOldestIsClosedFirst() {
    DeviceBuffer one = added(1);
    DeviceBuffer two = added(2);
    DeviceBuffer other = added(1);
    assertThat(idle.bytes()).isEqualTo(4 * PAGE);
    assertThat(idle.takeOldest(PAGE)).as("of another size").isSameAs(two);
    assertThat(idle.take(PAGE)).isSameAs(other);
    assertThat(idle.takeOldest(PAGE)).as("there is no other").isSameAs(one);
    assertThat(idle.takeOldest(0)).isNull();
    assertThat(idle.bytes()).isZero();
  }

  @Test
  void al9_file_staysForOneWholeTick() {
    FileList old = new FileList();
    DeviceBuffer one = added(1);
    idle.tick(old);
    DeviceBuffer two = added(1);
    assertThat(old.isEmpty()).isTrue();
    idle.tick(old);
    assertThat(old.takeFirst()).isSameAs(one);
    assertThat(old.isEmpty()).isTrue();
    assertThat(idle.take(PAGE)).isSameAs(two);
    assertThat(idle.tryAdd(two)).as("used between two ticks").isTrue();
    idle.tick(old);
    assertThat(old.isEmpty()).isTrue();
    idle.tick(old);
    assertThat(old.takeFirst()).isSameAs(two);
    assertThat(idle.bytes()).isZero();
  }

  @Test
  void fileOnAList_isRefusedByAnother() {
    DeviceBuffer file = file(1);
    FileList list = new FileList();
    FileList other = new FileList();
    list.addFirst(file);
    assertThatExceptionOfType(IllegalStateException.class).isThrownBy(() -> other.addLast(file));
    assertThatExceptionOfType(IllegalStateException.class).isThrownBy(() -> other.remove(file));
    assertThat(list.count()).isEqualTo(1);
    assertThat(other.isEmpty()).isTrue();
    assertThat(list.takeLast()).isSameAs(file);
    assertThat(list.takeLast()).isNull();
    assertThat(list.bytes()).isZero();
  }

  @Test
  void manySizes_comingAndGoing_areFoundAsInAMap() {
    Random random = new Random(1);
    NavigableMap<Long, Deque<DeviceBuffer>> model = new TreeMap<>();
    Deque<DeviceBuffer> owned = new ArrayDeque<>();
    for (int i = 0; i < 100; i++) {
      owned.add(file(1 + random.nextInt(60)));
    }
    for (int i = 0; i < 20_000; i++) {
      if (random.nextInt(10) < (i / 1000 % 2 == 0 ? 6 : 4) && !owned.isEmpty()) {
        DeviceBuffer file = owned.removeFirst();
        assertThat(idle.tryAdd(file)).isTrue();
        model.computeIfAbsent(file.bytes, size -> new ArrayDeque<>()).addFirst(file);
      } else {
        long wanted = (1 + random.nextInt(60)) * PAGE;
        assertThat(idle.count(wanted)).isEqualTo(fits(model, wanted).size());
        assertThat(idle.bytes(wanted))
            .isEqualTo(fits(model, wanted).stream().mapToLong(file -> file.bytes).sum());
        DeviceBuffer taken = idle.take(wanted);
        assertThat(taken).isSameAs(take(model, wanted));
        if (taken != null) {
          owned.addLast(taken);
        }
      }
    }
  }

  private static List<DeviceBuffer> fits(
      NavigableMap<Long, Deque<DeviceBuffer>> model, long wanted) {
    return model.subMap(wanted, true, wanted + wanted / 8, true).values().stream()
        .flatMap(Deque::stream)
        .toList();
  }

  private static @Nullable DeviceBuffer take(
      NavigableMap<Long, Deque<DeviceBuffer>> model, long wanted) {
    List<DeviceBuffer> fits = fits(model, wanted);
    if (fits.isEmpty()) {
      return null;
    }
    DeviceBuffer first = fits.getFirst();
    model.get(first.bytes).remove(first);
    return first;
  }
}

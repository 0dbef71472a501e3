package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import io.github.dmabuf4j.Access;
import io.github.dmabuf4j.Advice;
import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FrameLayout;
import io.github.dmabuf4j.Importer;
import io.github.dmabuf4j.Job;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.PixelFormat;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Every public method of a closed handle, found by reflection, so that a new one can't be
 * forgotten.
 */
@Timeout(60)
final class ClosedHandleTest {
  /** Those that end the handle, or say that it has ended. */
  private static final Set<String> HARMLESS = Set.of("close", "isClosed", "toString");

  @RegisterExtension final HeapGuard heaps = new HeapGuard();

  private final Map<Class<?>, Object> arguments = new HashMap<>();

  private Object argument(Class<?> type, DmaBuf other) {
    arguments.put(String.class, "name");
    arguments.put(Access.class, Access.READ);
    arguments.put(Fence.class, Fence.stub());
    arguments.put(ArenaKind.class, ArenaKind.SHARED);
    arguments.put(Advice.class, Advice.WILL_NEED);
    arguments.put(Pin.Term.class, Pin.Term.SHORT);
    arguments.put(Importer.class, (Importer) () -> "importer");
    arguments.put(
        DmaBuf.Reader.class, (DmaBuf.Reader<Object, RuntimeException>) segment -> segment);
    arguments.put(
        DmaBuf.Writer.class, (DmaBuf.Writer<RuntimeException>) segment -> segment.fill((byte) 1));
    arguments.put(FrameLayout.class, FrameLayout.builder(PixelFormat.NV12, 16, 16).build());
    arguments.put(DmaBuf.class, other);
    Object argument = arguments.get(type);
    assertThat(argument).as("this test needs an example of %s", type).isNotNull();
    return argument;
  }

  private static List<Method> methods() {
    return Arrays.stream(DmaBuf.class.getMethods())
        .filter(
            method ->
                method.getDeclaringClass() == DmaBuf.class
                    && !Modifier.isStatic(method.getModifiers()))
        .filter(method -> !HARMLESS.contains(method.getName()))
        .toList();
  }

  @ParameterizedTest
  @EnumSource
  void anyMethod_closedHandle_illegalStateNamingTheBuffer(TestMemory memory) throws Exception {
    PooledHeap heap = heaps.open(memory, MIB);
    DmaBuf closed = heap.allocate(4096);
    try (DmaBuf other = closed.dup()) {
      closed.close();
      check(closed, other, "the buffer lives on");
    }
    check(closed, closed, "the buffer is idle");
    try (DmaBuf next = heap.allocate(4096)) {
      check(closed, next, "the memory has another owner");
    }
    heap.trim();
    check(closed, closed, "the memory is gone");
    heap.close();
    check(closed, closed, "the heap is closed");
  }

  private void check(DmaBuf closed, DmaBuf other, String when) throws IllegalAccessException {
    assertThat(methods()).hasSizeGreaterThan(15);
    for (Method method : methods()) {
      Object[] actual =
          Arrays.stream(method.getParameterTypes()).map(type -> argument(type, other)).toArray();
      try {
        Object result = method.invoke(closed, actual);
        assertThat(result).as("%s while %s returned instead of throwing", method, when).isNull();
        assertThat(method).as("%s while %s did nothing", method, when).isNull();
      } catch (InvocationTargetException e) {
        assertThat(e.getCause())
            .as("%s while %s", method, when)
            .isExactlyInstanceOf(IllegalStateException.class)
            .hasMessageContaining("closed handle of offheap:test#");
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void close_again_isHarmlessWhateverBecameOfTheMemory(TestMemory memory) {
    PooledHeap heap = heaps.open(memory, MIB);
    DmaBuf first = heap.allocate(4096);
    first.close();
    try (DmaBuf next = heap.allocate(4096)) {
      first.close();
      assertThat(first.isClosed()).isTrue();
      assertThat(next.info().references()).isEqualTo(2); // itself, and the one that asks
      assertThat(heap.statistics().liveBuffers()).isEqualTo(1);
    }
    heap.close();
    assertThatCode(first::close).doesNotThrowAnyException();
    assertThat(first.toString()).contains("closed");
  }

  @ParameterizedTest
  @EnumSource
  void job_closedHandle_isRefusedAndNothingLeaks(TestMemory memory) {
    PooledHeap heap = heaps.open(memory, MIB);
    try (DmaBuf open = heap.allocate(4096)) {
      DmaBuf closed = heap.allocate(4096);
      closed.close();
      assertThatCode(() -> Job.named("test").reads(open).writes(closed).publish())
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("closed");
      assertThat(open.info().holds()).isZero();
    }
  }
}

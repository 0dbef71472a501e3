package io.github.dmabuf4j;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.github.dmabuf4j.TestExporter.Call;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** An unlock that is refused, because native code is inside what would end with the lock (VM4). */
final class VmapInNativeCodeTest {
  private final Reservation shared = new Reservation();
  private final TestExporter first = new TestExporter(shared);
  private final TestExporter second = new TestExporter(shared);
  private final DmaBuf one = first.export();
  private final DmaBuf two = second.export();

  /** A comparator of native code, which runs something once. */
  private static final class Inside {
    private final Threads.Body body;
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private boolean ran;

    Inside(Threads.Body body) {
      this.body = body;
    }

    @SuppressWarnings("unused") // by native code
    int compare(MemorySegment a, MemorySegment b) {
      if (!ran) {
        ran = true;
        try {
          body.run();
        } catch (Throwable e) { // one that left native code would end the JVM
          failure.set(e);
        }
      }
      return 0;
    }
  }

  /** Runs a body while native code is inside a segment. */
  private static void whileInside(MemorySegment segment, Threads.Body body) {
    Linker linker = Linker.nativeLinker();
    Inside inside = new Inside(body);
    try (Arena arena = Arena.ofConfined()) {
      MethodHandle compare =
          MethodHandles.lookup()
              .bind(
                  inside,
                  "compare",
                  java.lang.invoke.MethodType.methodType(
                      int.class, MemorySegment.class, MemorySegment.class));
      MemorySegment upcall =
          linker.upcallStub(compare, FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS), arena);
      MethodHandle sort =
          linker.downcallHandle(
              linker.defaultLookup().findOrThrow("qsort"),
              FunctionDescriptor.ofVoid(ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS));
      sort.invokeExact(segment, 2L, 1L, upcall);
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
    assertThat(inside.ran).isTrue();
    assertThat(inside.failure.get()).isNull();
  }

  @AfterEach
  void nothingIsLeft() {
    assertThat(shared.isLocked()).isFalse();
    assertThat(one.info().holds()).isZero();
    assertThat(two.info().holds()).isZero();
    one.close();
    two.close();
    assertThat(first.count(Call.RELEASE)).isEqualTo(1);
    assertThat(second.count(Call.RELEASE)).isEqualTo(1);
    assertThat(second.count(Call.VMAP)).isEqualTo(second.count(Call.VUNMAP));
  }

  private void refusedThenDone(Runnable unlock) {
    Vmap held = one.vmapLocked();
    Vmap newest = two.vmapLocked();
    whileInside(
        held.segment(),
        () -> {
          assertThatIllegalStateException().isThrownBy(unlock::run);
          assertThat(shared.isHeldByCurrentThread()).isTrue();
        });
    newest.close();
    unlock.run();
    assertThat(newest.segment().scope().isAlive()).isFalse();
    assertThat(held.segment().scope().isAlive()).isFalse();
  }

  @Test
  void unlock_refused_losesNothing() {
    shared.lock();
    refusedThenDone(shared::unlock);
  }

  @Test
  void unlock_ofAContext_refused_staysHeldByIt() throws Exception {
    try (AcquireContext context = AcquireContext.begin()) {
      context.lock(shared);
      refusedThenDone(() -> context.unlock(shared));
      assertThat(context.held()).isEmpty();
    }
  }

  @Test
  void close_ofAContext_refused_leavesItOpenWithAllItHolds() throws Exception {
    Reservation other = new Reservation();
    AcquireContext context = AcquireContext.lockAll(shared, other);
    Vmap held = one.vmapLocked();
    whileInside(
        held.segment(),
        () -> {
          assertThatIllegalStateException().isThrownBy(context::close);
          assertThat(context.held()).containsExactly(shared, other);
        });
    context.close();
    assertThat(other.isLocked()).isFalse();
  }
}

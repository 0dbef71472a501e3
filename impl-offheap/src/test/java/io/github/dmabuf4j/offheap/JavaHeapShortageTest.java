package io.github.dmabuf4j.offheap;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.DmaBuf;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What becomes of idle blocks when the Java heap is full: no garbage collection finds any. */
@Timeout(180)
class JavaHeapShortageTest {
  @Test
  void trim_fullJavaHeap_losesNoBlock() throws Exception {
    String output =
        ChildJvm.run(
            Trims.class, "-Xmx10m", "-XX:+UseSerialGC", "--enable-native-access=ALL-UNNAMED");

    assertThat(output).contains("lost 0 B").doesNotContain("ran out 0 times");
  }

  /** Gives back with less and less Java heap, and then with enough. */
  static final class Trims {
    private static final int ROUNDS = 24;
    private static final long MIB = 1L << 20;

    private Trims() {}

    /** Runs in a JVM of its own. */
    public static void main(String[] args) throws InterruptedException {
      int ranOut = 0;
      long lost = 0;
      try (PooledHeap heap = TestMemory.MAPPED.open(1024 * MIB)) {
        for (int round = 0; round < ROUNDS; round++) {
          makeIdle(heap);
          Ballast ballast = new Ballast(round * 480);
          try {
            heap.trim();
          } catch (OutOfMemoryError e) {
            ranOut++;
          }
          ballast.drop();
          heap.trim();
          lost += heap.statistics().committedBytes();
        }
      }
      System.out.printf("ran out %d times, lost %d B%n", ranOut, lost);
    }

    private static void makeIdle(PooledHeap heap) throws InterruptedException {
      List<DmaBuf> buffers = new ArrayList<>();
      for (int i = 0; i < 200; i++) {
        buffers.add(heap.allocate(4096L << (i % 4)));
      }
      for (int i = 0; i < 10; i++) {
        buffers.add(heap.allocate(6 * MIB)); // has a slab of its own
      }
      buffers.add(heap.allocate(100 * MIB)); // has no class
      buffers.add(heap.allocate(101 * MIB));
      buffers.forEach(DmaBuf::close);
    }
  }

  /** Objects that fill the Java heap. */
  static final class Ballast {
    private @Nullable Object[] top = {null};

    /**
     * Fills all but some bytes of it.
     *
     * @param left about how many
     */
    Ballast(int left) {
      @Nullable Object[] spare = new @Nullable Object[left / 4 + 1];
      for (int length = 1 << 18; length > 0; ) {
        try {
          @Nullable Object[] next = new @Nullable Object[length];
          next[0] = top;
          top = next;
        } catch (OutOfMemoryError e) {
          length /= 2;
        }
      }
      spare[0] = null;
    }

    /** Lets go of it. */
    void drop() {
      top = new @Nullable Object[] {null};
    }
  }
}

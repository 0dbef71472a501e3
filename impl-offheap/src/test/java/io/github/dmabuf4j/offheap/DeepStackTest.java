package io.github.dmabuf4j.offheap;

import static io.github.dmabuf4j.offheap.TestMemory.MIB;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Callers that have hardly any stack left. */
@Timeout(120)
final class DeepStackTest {
  @Test
  void popAndPush_stackOverflowsAtEveryDepth_noFlagStaysSetAndNoBlockIsLostOrDoubled()
      throws Exception {
    // Interpreted: every call needs a frame, so the stack ends in every place there is.
    String output =
        ChildJvm.run(
            Child.class, "-Xint", "--enable-native-access=ALL-UNNAMED", "-XX:-UsePerfData");
    assertThat(output)
        .containsPattern("overflows [1-9]\\d+")
        .contains("flags left set 0")
        .contains("blocks 40 of 40, different 40");
  }

  /** Pops and pushes at each depth on the way up from an overflow. */
  static final class Child {
    private static final int BLOCKS = 40;

    private final Magazines magazines = new Magazines(4);
    private final Stripe[] stripes = magazines.magazine(0).stripes;
    private final @Nullable Block[] held = new @Nullable Block[BLOCKS];
    private int count;
    private int overflows;

    /** Runs in a JVM of its own. */
    public static void main(String[] args) throws InterruptedException {
      Child child = new Child();
      child.fill();
      child.attempt(); // links everything while there is stack
      for (int padding = 0; padding < 16; padding++) {
        int frames = padding;
        Thread thread = new Thread(null, () -> child.pad(frames, 0, 0, 0), "deep", 256 << 10);
        thread.start();
        thread.join(20_000);
        if (thread.isAlive()) {
          System.out.println("it spins at " + List.of(thread.getStackTrace()));
          System.exit(1);
        }
      }
      child.report();
    }

    private void fill() {
      Pool pool = new Pool("test", MIB, MIB, new ArenaMemory(), 4);
      for (int i = 1; i <= BLOCKS; i++) {
        SlabMemory.Region none =
            new SlabMemory.Region(MemorySegment.ofAddress(4096L * i), Arena.global());
        magazines.push(new Block(new Slab(pool, none, null), 4096L * i, SizeClasses.PAGE, 0, true));
      }
    }

    /** Shifts the places where the stack ends. */
    private void pad(int frames, long a, long b, long c) {
      if (frames > 0) {
        pad(frames - 1, a, b, c);
      } else {
        descend();
      }
    }

    @SuppressWarnings("InfiniteRecursion")
    private void descend() {
      try {
        descend();
      } catch (StackOverflowError e) {
        // The deepest frame that there is room for.
      }
      attempt();
    }

    private void attempt() {
      try {
        Block block = magazines.pop(0, 0);
        if (block != null) {
          held[count] = block;
          count++;
        }
        block = magazines.popPatiently(0, 0);
        if (block != null) {
          held[count] = block;
          count++;
        }
      } catch (StackOverflowError e) {
        overflows++;
      }
      while (count > 0) {
        try {
          Block block = held[count - 1];
          if (block != null) {
            push(block, count % 2 == 0);
          }
          held[count - 1] = null;
          count--;
        } catch (StackOverflowError e) {
          overflows++;
          return;
        }
      }
    }

    /** Puts a block back, half of them while every stripe is busy. */
    private void push(Block block, boolean busy) {
      try {
        for (int i = 0; busy && i < stripes.length; i++) {
          stripes[i].flag = 1;
        }
        magazines.push(block);
      } finally {
        for (int i = 0; busy && i < stripes.length; i++) {
          stripes[i].flag = Stripe.FREE;
        }
      }
    }

    private void report() {
      int set = 0;
      for (Stripe stripe : magazines.magazine(0).stripes) {
        set += stripe.tryLock() ? 0 : 1;
        stripe.unlock();
      }
      List<Block> found = new ArrayList<>(magazines.take(Long.MAX_VALUE, true));
      for (int i = 0; i < count; i++) {
        found.add(held[i]);
      }
      System.out.printf(
          "overflows %d, flags left set %d, blocks %d of %d, different %d%n",
          overflows, set, found.size(), BLOCKS, new HashSet<>(found).size());
    }
  }
}

package io.github.dmabuf4j.offheap;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.jspecify.annotations.Nullable;

/** Magazines against a bag of blocks per class. */
class MagazinesProperties {
  private static final int[] CLASSES = {0, 1, 10, SizeClasses.COUNT - 1, SizeClasses.UNPOOLED};
  private static final Pool POOL =
      new Pool("properties", SizeClasses.PAGE, SizeClasses.PAGE, new ArenaMemory(), 1);

  /** The magazines, the model, and who has what. */
  private static final class Checked {
    final Random random;
    final Magazines magazines;
    final Set<Block> idle = new LinkedHashSet<>();
    final List<Block> outside = new ArrayList<>();
    long made;

    Checked(long seed) {
      random = new Random(seed);
      magazines = new Magazines(1 << random.nextInt(3));
    }

    Block make() {
      int sizeClass = CLASSES[random.nextInt(CLASSES.length)];
      MemorySegment none = MemorySegment.ofAddress(++made << SizeClasses.PAGE_SHIFT);
      Slab slab = new Slab(POOL, new SlabMemory.Region(none, Arena.global()), null);
      return new Block(slab, none.address(), SizeClasses.PAGE, sizeClass, true);
    }

    void put() {
      Block block =
          outside.isEmpty() || random.nextBoolean()
              ? make()
              : outside.remove(random.nextInt(outside.size()));
      idle.add(block);
      if (!block.isPooled()) {
        magazines.retire(block);
      } else if (random.nextInt(4) == 0) {
        magazines.undo(block);
      } else if (random.nextInt(4) == 0) {
        putWhileBusy(block);
      } else if (random.nextInt(4) == 0) {
        putByAnother(block);
      } else {
        magazines.push(block);
      }
    }

    /** By another thread: into another stripe, from where later ones move. */
    void putByAnother(Block block) {
      try {
        Await.joined(Thread.ofPlatform().start(() -> magazines.push(block)));
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }

    void putWhileBusy(Block block) {
      List<Stripe> stripes = List.of(magazines.magazine(block.sizeClass).stripes);
      stripes.forEach(Stripe::lock);
      magazines.push(block);
      stripes.forEach(Stripe::unlock);
    }

    void took(List<Block> blocks) {
      for (Block block : blocks) {
        assertThat(idle.remove(block)).as("it was idle, and nobody else's").isTrue();
        outside.add(block);
      }
    }

    boolean hasIdle(int sizeClass, long mask) {
      return idle.stream()
          .anyMatch(block -> block.sizeClass == sizeClass && (block.address & mask) == 0);
    }

    void popOne() {
      int sizeClass = CLASSES[random.nextInt(CLASSES.length - 1)];
      long mask = Wanted.addressMask(SizeClasses.PAGE << random.nextInt(4));
      boolean patiently = random.nextInt(3) > 0;
      boolean there = hasIdle(sizeClass, mask);
      @Nullable Block block =
          patiently ? magazines.popPatiently(sizeClass, mask) : magazines.pop(sizeClass, mask);
      if (block == null) {
        assertThat(patiently && there).as("a patient look missed one").isFalse();
        return;
      }
      assertThat((int) block.sizeClass).isEqualTo(sizeClass);
      assertThat(block.address & mask).isZero();
      took(List.of(block));
    }

    void popSeveral() {
      int sizeClass = CLASSES[random.nextInt(CLASSES.length - 1)];
      int count = 1 + random.nextInt(8);
      List<Block> several = new ArrayList<>();
      magazines.pop(sizeClass, count, several);
      assertThat(several).hasSizeLessThanOrEqualTo(count);
      assertThat(several).allMatch(block -> block.sizeClass == sizeClass);
      took(several);
    }

    void take() {
      long bytes = 1 + random.nextLong(SizeClasses.bytes(CLASSES[random.nextInt(4)]));
      long before = idleBytes();
      List<Block> taken = magazines.take(bytes, true);
      took(taken);
      long got = before - idleBytes();
      assertThat(got).as("enough, or all").isGreaterThanOrEqualTo(Math.min(bytes, before));
    }

    long idleBytes() {
      return idle.stream().mapToLong(Block::bytes).sum();
    }
  }

  @Property(tries = 300)
  void randomUse_isThatOfABagPerClass(@ForAll long seed) {
    Checked checked = new Checked(seed);
    for (int i = 0; i < 300; i++) {
      switch (checked.random.nextInt(12)) {
        case 0, 1, 2, 3, 4 -> checked.put();
        case 5, 6, 7 -> checked.popOne();
        case 8 -> checked.popSeveral();
        case 9 -> checked.take();
        case 10 -> checked.took(checked.magazines.takeSurplus());
        default -> checked.took(checked.magazines.takeRetired());
      }
      if (i % 10 == 0) {
        assertThat(checked.magazines.idleBytes()).isEqualTo(checked.idleBytes());
      }
    }
    checked.took(checked.magazines.take(Long.MAX_VALUE, true));
    assertThat(checked.idle).isEmpty();
    assertThat(checked.magazines.idleBytes()).isZero();
  }
}

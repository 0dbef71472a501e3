package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.BufInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The blocks of a pool that are outside their slabs, and how many ever left one. A block is a link
 * of the list itself, so adding and removing one takes neither memory nor a search.
 *
 * <p><b>Invariant.</b> A block is in the list once or not at all; {@code before} and {@code after}
 * of one that isn't are null.
 *
 * <p><b>Guard.</b> The lock of the {@link Slabs}, for everything.
 */
final class BlockList {
  private final long[] commits = new long[SizeClasses.COUNT];
  private long unpooledCommits;
  private @Nullable Block first;

  /** Adds a block that has left its slab. */
  void add(Block block) {
    link(block);
    if (block.isPooled()) {
      commits[block.sizeClass]++;
    } else {
      unpooledCommits++;
    }
  }

  /** Adds a block that didn't leave a slab for it. */
  void link(Block block) {
    Block head = first;
    block.after = head;
    if (head != null) {
      head.before = block;
    }
    first = block;
  }

  /** Takes a block out. */
  void remove(Block block) {
    Block before = block.before;
    Block after = block.after;
    if (before == null) {
      first = after;
    } else {
      before.after = after;
    }
    if (after != null) {
      after.before = before;
    }
    block.before = null;
    block.after = null;
  }

  /**
   * Checks that a block is outside.
   *
   * @throws AssertionError if it isn't: it was given back twice
   */
  void require(Block block) {
    if (block.before == null && block != first) {
      throw new AssertionError("a block of %d bytes was given back twice".formatted(block.bytes()));
    }
  }

  /** Takes it back that a block of a class left its slab. */
  void uncount(Block block) {
    if (block.isPooled()) {
      commits[block.sizeClass]--;
    }
  }

  /** How many blocks of each class left a slab so far. */
  long[] commits() {
    return commits.clone();
  }

  /** How many blocks of no class left a slab so far. */
  long unpooledCommits() {
    return unpooledCommits;
  }

  /** What the buffers over some of the blocks are. */
  List<BufInfo.Buffer> infos(Predicate<Block> wanted) {
    List<BufInfo.Buffer> infos = new ArrayList<>();
    for (Block block = first; block != null; block = block.after) {
      if (wanted.test(block)) {
        infos.add(block.object.info());
      }
    }
    return infos;
  }
}

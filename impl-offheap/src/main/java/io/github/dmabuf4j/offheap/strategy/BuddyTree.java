package io.github.dmabuf4j.offheap.strategy;

import java.util.Arrays;

/**
 * Which blocks of one chunk are free, as a complete binary tree: the root is the chunk, the two
 * children of a node are its halves, each the other's buddy, and a leaf is a page. A node of order
 * <i>k</i> has 2<sup>k</sup> pages.
 *
 * <p><b>Invariant.</b> A block is out if its node was taken and not given back; no node below or
 * above a node that is out is out as well. For each node, {@code largest} is one more than the
 * order of the largest free block in it, 0 if there is none: hence
 *
 * <ul>
 *   <li>a node that is out has 0;
 *   <li>a node with nothing out in it or above has its own order + 1, so has each node below it;
 *   <li>any other node has the larger of its children's values: if both halves are free as a whole,
 *       so is the node, which is how buddies merge.
 * </ul>
 *
 * <p>Below a node that is out, values stay as they were; nobody looks there, and they are right
 * again when it is given back.
 *
 * <p><b>Guard.</b> The lock of the {@link Buddy}.
 */
final class BuddyTree {
  /** No node has this number. */
  static final int NONE = 0;

  private static final int ROOT = 1;

  private final int rootOrder;

  /** By node; the children of node n are 2n and 2n + 1. */
  private final byte[] largest;

  /**
   * Makes one with nothing out.
   *
   * @param rootOrder of the chunk as a whole
   */
  BuddyTree(int rootOrder) {
    this.rootOrder = rootOrder;
    this.largest = new byte[2 << rootOrder];
    for (int order = rootOrder; order >= 0; order--) {
      Arrays.fill(largest, firstOf(order), 2 * firstOf(order), (byte) (order + 1));
    }
  }

  /** The first node of an order, that of the lowest pages; the others follow it. */
  private int firstOf(int order) {
    return 1 << (rootOrder - order);
  }

  /**
   * Takes a block out, the first from the left that was halved before, as far down as there is one.
   *
   * @param order of the block, at most that of the root
   * @return its node, or {@link #NONE}
   */
  int take(int order) {
    if (largest[ROOT] <= order) {
      return NONE;
    }
    int node = ROOT;
    for (int level = rootOrder; level > order; level--) {
      int left = 2 * node;
      int right = left + 1;
      boolean leftFits = largest[left] > order;
      boolean rightIsTighter = largest[right] > order && largest[right] < largest[left];
      node = leftFits && !rightIsTighter ? left : right;
    }
    largest[node] = 0;
    update(node, order);
    return node;
  }

  /**
   * Puts a block back, and merges it with its buddy as far up as that is free as a whole.
   *
   * @param node what {@link #take} returned
   * @param order what take was asked for
   */
  void give(int node, int order) {
    if (largest[node] != 0) {
      throw new IllegalStateException("node %d of order %d is free".formatted(node, order));
    }
    largest[node] = (byte) (order + 1);
    update(node, order);
  }

  /** Brings the nodes above one up to date. */
  private void update(int changed, int order) {
    int node = changed / 2;
    for (int half = order; node >= ROOT; half++, node /= 2) {
      byte left = largest[2 * node];
      byte right = largest[2 * node + 1];
      boolean bothWhole = left == half + 1 && right == half + 1;
      largest[node] = bothWhole ? (byte) (half + 2) : (byte) Math.max(left, right);
    }
  }

  /** The first page of a node. */
  long page(int node, int order) {
    return (long) (node - firstOf(order)) << order;
  }

  /** The order of the largest free block; -1 if there is none. */
  int largestFree() {
    return largest[ROOT] - 1;
  }

  /** Whether nothing is out. */
  boolean isWhole() {
    return largestFree() == rootOrder;
  }
}

package io.github.dmabuf4j.offheap;

import io.github.dmabuf4j.FragmentationMap;

/**
 * A buffer that somebody asked of the region itself: it stays where it is, whoever wants its place,
 * and may be pinned there for any term.
 *
 * <p><b>Threads.</b> As {@link PlacedBuffer}; its place never changes.
 */
final class ContiguousBuffer extends PlacedBuffer {
  ContiguousBuffer(ReservedRegion region, Block place) {
    super(region, place);
  }

  @Override
  FragmentationMap.Use use() {
    return isLongPinned() ? FragmentationMap.Use.LONG_PINNED : FragmentationMap.Use.CONTIGUOUS;
  }
}

package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.PixelFormat;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The edge filter on several threads: tiles of some rows each. */
final class FilterCrew implements AutoCloseable {
  private static final int TILE_ROWS = 32;

  private final TileCrew crew;
  private EdgeFilter @Nullable [] filters;
  private int width;
  private int height;
  private @Nullable PixelFormat format;

  FilterCrew(int threads) {
    crew = new TileCrew("dmabuf4j-filter", threads);
  }

  /** Runs work on all threads; each calls {@link #work} with segments of its own. */
  void run(Picture picture, TileCrew.Work work) throws Exception {
    prepare(picture);
    crew.run(Math.ceilDiv(picture.height, TILE_ROWS), work);
  }

  /**
   * Works off tiles on the calling thread.
   *
   * @param decoded the decoded picture, all of its buffer
   * @param edges where the result goes
   */
  void work(
      int member,
      TileCrew.Tiles tiles,
      Picture picture,
      MemorySegment decoded,
      MemorySegment edges) {
    if (member == 0) {
      for (int plane = 0; plane < picture.format.planes().size(); plane++) {
        picture.trail.atFilterInput[plane] = decoded.address() + picture.offsets[plane];
      }
      picture.trail.atFilterOutput = edges.address();
      picture.trail.decodedStart = decoded.address();
      picture.trail.decodedEnd = decoded.address() + decoded.byteSize();
      picture.trail.edgesStart = edges.address();
      picture.trail.edgesEnd = edges.address() + edges.byteSize();
    }
    EdgeFilter filter = Objects.requireNonNull(filters, "prepared")[member];
    for (int tile = tiles.next(); tile >= 0; tile = tiles.next()) {
      int from = tile * TILE_ROWS;
      filter.rows(
          decoded,
          picture.offsets[0],
          picture.strides[0],
          edges,
          picture.edgesStride,
          from,
          Math.min(from + TILE_ROWS, picture.height));
    }
  }

  private void prepare(Picture picture) {
    if (picture.width == width && picture.height == height && picture.format == format) {
      return;
    }
    width = picture.width;
    height = picture.height;
    format = picture.format;
    int sampleBytes = format.plane(0).blockBytes();
    filters = new EdgeFilter[crew.members()];
    for (int i = 0; i < filters.length; i++) {
      filters[i] = new EdgeFilter(width, height, sampleBytes, PixelFormats.lumaShift(format));
    }
  }

  @Override
  public void close() {
    crew.close();
  }
}

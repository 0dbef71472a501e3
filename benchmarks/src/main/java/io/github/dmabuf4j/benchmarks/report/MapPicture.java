package io.github.dmabuf4j.benchmarks.report;

import io.github.dmabuf4j.ByteSize;
import io.github.dmabuf4j.FragmentationMap;
import io.github.dmabuf4j.FragmentationMap.Run;
import io.github.dmabuf4j.FragmentationMap.Use;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * A map as the page draws it: {@value #ROWS} rows of equal length, from the first address to the
 * last, in which each run is a rectangle. The unit of length is a page of memory across and {@value
 * #STEP} for a row down.
 *
 * @param title what it shows
 * @param columns how many units a row has
 * @param height of all rows
 * @param pieces the rectangles; what is free is left out
 * @param legend the uses that there are
 * @param figures what is free and in how large a piece, in words
 * @param text the map as text
 */
record MapPicture(
    String title,
    long columns,
    int height,
    List<Piece> pieces,
    List<Entry> legend,
    String figures,
    String text) {
  private static final long PAGE = 4096;
  private static final int ROWS = 16;
  private static final int STEP = 24;
  private static final int THICKNESS = 20;

  /** Part of a run that lies in one row. */
  record Piece(long x, int y, long width, int thickness, String kind) {}

  /** A use, by the name that its colour goes by, and in words. */
  record Entry(String kind, String words) {}

  static MapPicture of(String title, FragmentationMap map) {
    long columns = Math.max(1, Math.ceilDiv(Math.ceilDiv(map.byteSize(), PAGE), ROWS));
    List<Piece> pieces = new ArrayList<>();
    for (Run run : joined(map)) {
      if (run.use() != Use.FREE) {
        addPieces(pieces, run, columns * PAGE);
      }
    }
    return new MapPicture(
        title,
        columns,
        ROWS * STEP,
        pieces,
        Stream.of(Use.values())
            .filter(use -> map.bytes(use) > 0)
            .map(use -> new Entry(kind(use), use.legend()))
            .toList(),
        "%s of %s free, %s of it in one piece"
            .formatted(
                ByteSize.format(map.bytes(Use.FREE)),
                ByteSize.format(map.byteSize()),
                ByteSize.format(map.largestFree())),
        map.toString());
  }

  /** The runs, neighbours of one use as one. */
  private static List<Run> joined(FragmentationMap map) {
    List<Run> joined = new ArrayList<>();
    for (Run run : map.runs()) {
      if (!joined.isEmpty() && joined.getLast().use() == run.use()) {
        Run before = joined.removeLast();
        joined.add(new Run(before.byteOffset(), before.byteSize() + run.byteSize(), run.use()));
      } else {
        joined.add(run);
      }
    }
    return joined;
  }

  private static void addPieces(List<Piece> pieces, Run run, long rowBytes) {
    long end = run.byteOffset() + run.byteSize();
    for (long from = run.byteOffset(); from < end; ) {
      long row = from / rowBytes;
      long to = Math.min(end, (row + 1) * rowBytes);
      long x = (from - row * rowBytes) / PAGE;
      long width = Math.max(1, (to - from) / PAGE);
      pieces.add(new Piece(x, (int) row * STEP, width, THICKNESS, kind(run.use())));
      from = to;
    }
  }

  private static String kind(Use use) {
    return use.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}

package io.github.dmabuf4j.examples.demo;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.dmabuf4j.BufInfo;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.Job;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A heap's report says which stage has which picture. */
@Timeout(60)
final class StageTest {
  private static final long FRAMES = 6;

  @TempDir private Path folder;

  /**
   * Asks the heap who has what while the first picture is with each stage. The filter can't begin
   * with it before the encode thread, to which it was handed on already, has asked.
   */
  private static final class Asking extends DelegatingHandover {
    private final Heap heap;
    private final AtomicReference<@Nullable Job> holdsFilterBack = new AtomicReference<>();
    final List<String> decoded = new ArrayList<>();
    final List<String> filtered = new ArrayList<>();
    final List<String> encoded = new ArrayList<>();

    Asking(Handover real, Heap heap) {
      super(real);
      this.heap = heap;
    }

    /** The buffers that a stage has attached to: whether it is the filter's result. */
    private List<String> buffersOf(Stage stage) {
      return heap.info().buffers().stream()
          .filter(
              buffer ->
                  buffer.attachments().stream()
                      .map(BufInfo.Attached::importer)
                      .anyMatch(stage.name()::equals))
          .map(buffer -> buffer.name().equals("edges") ? "edges" : "picture")
          .sorted()
          .toList();
    }

    @Override
    public void accept(NativeFrame frame, Picture picture) throws Exception {
      super.accept(frame, picture);
      decoded.addAll(buffersOf(Stage.DECODER));
    }

    @Override
    public void filter(Picture picture, FilterCrew crew) throws Exception {
      if (picture.index == 0) {
        holdsFilterBack.set(Job.named("hold back").writes(picture.edges()).publish());
      }
      super.filter(picture, crew);
    }

    @Override
    public void present(Picture picture, NativeFrame frame) throws Exception {
      boolean first = picture.index == 0;
      if (first) {
        filtered.addAll(buffersOf(Stage.FILTER));
        Objects.requireNonNull(holdsFilterBack.get()).signal();
      }
      super.present(picture, frame);
      if (first) {
        encoded.addAll(buffersOf(Stage.ENCODER));
      }
    }
  }

  @Test
  void info_whileAPictureIsWithAStage_namesTheStageAsAttached() throws Exception {
    try (Clip clip = Clip.unpack();
        Heap heap = Heaps.open("offheap:system?limit=64MiB");
        PrintStream nowhere = new PrintStream(OutputStream.nullOutputStream())) {
      Traffic traffic = new Traffic();
      DemoOptions options = new DemoOptions(clip.file(), folder, 64 << 20, FRAMES, 1, 2);
      Asking asking = new Asking(new SharedFrames(heap, traffic), heap);
      new Pipeline(options, asking, traffic, "stages", nowhere).run();
      assertThat(asking.decoded).isNotEmpty().containsOnly("picture");
      assertThat(asking.filtered).containsExactly("edges", "picture");
      assertThat(asking.encoded).containsExactly("edges", "picture");
      assertThat(heap.drain(Duration.ZERO)).as("%s", heap.info()).isTrue();
    }
  }
}

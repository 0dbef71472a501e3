package io.github.dmabuf4j.examples.demo;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.FrameLayout;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.HeapUnavailableException;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.Job;
import io.github.dmabuf4j.JobAccess;
import io.github.dmabuf4j.OutOfBuffersException;
import io.github.dmabuf4j.PixelFormat;
import io.github.dmabuf4j.PlaneLayout;
import io.github.dmabuf4j.device.CapturedFrame;
import io.github.dmabuf4j.device.VideoCapture;
import io.github.dmabuf4j.examples.BadInputException;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CancellationException;

/**
 * A camera writes into dma-bufs of a heap, and the edge filter reads them there: nothing is copied
 * in between. Some of what was captured, and what became of it, goes into contact sheets.
 *
 * <p><b>Threads.</b> {@link #stop} for any thread, all else for one.
 */
public final class CameraDemo {
  /** One is being filled, one is next, one is filtered, and one for when that takes long. */
  private static final int BUFFERS = 4;

  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /** Every so many pictures one goes into the contact sheets. */
  private static final int SHEET_EVERY = 10;

  private final CameraOptions options;
  private final PrintStream messages;
  private volatile boolean stopped;

  // Of the run.
  private final Picture picture = new Picture();
  private long frames;
  private long lastSequence = -1;
  private long lost;
  private long copied;

  /**
   * Prepares a run.
   *
   * @param options what is to be done
   * @param messages where progress and remarks go
   */
  public CameraDemo(CameraOptions options, PrintStream messages) {
    this.options = options;
    this.messages = messages;
  }

  /** Ends a run early. */
  public void stop() {
    stopped = true;
  }

  /**
   * Runs it.
   *
   * @throws BadInputException if the camera, the size or the budget can't be used
   * @throws CancellationException if it was stopped before the first picture
   */
  public CameraSummary run() throws Exception {
    try (Heap heap = Heaps.open("any:system?require=DMABUF&limit=" + options.budgetBytes())) {
      long begin = System.nanoTime();
      long damaged = capture(heap);
      double seconds = (System.nanoTime() - begin) / 1e9;
      if (frames == 0) {
        throw new CancellationException("stopped before the first picture");
      }
      return new CameraSummary(
          frames,
          seconds,
          lost,
          damaged,
          copied,
          heap.name(),
          heap.statistics().peakCommittedBytes(),
          options.budgetBytes(),
          heap.statistics().liveBuffers());
    } catch (HeapUnavailableException e) {
      throw new BadInputException("--camera needs dma-bufs: " + e.getMessage());
    } catch (OutOfBuffersException e) {
      throw new BadInputException(
          "a budget of %d bytes is too small for %d pictures of the camera and one of edges, which need %d each"
              .formatted(options.budgetBytes(), BUFFERS, e.requestedBytes()));
    }
  }

  /** Captures and filters; returns how many pictures the camera called damaged. */
  private long capture(Heap heap) throws Exception {
    try (VideoCapture camera = open(heap);
        FilterCrew crew = new FilterCrew(Runtime.getRuntime().availableProcessors());
        Progress progress = new Progress(messages, options.camera().toString(), options.frames())) {
      AllocationRequest edgesRequest = prepare(camera.layout());
      ContactSheet captured = new ContactSheet(options.folder(), "camera-sheet");
      ContactSheet filtered = new ContactSheet(options.folder(), "camera-edges-sheet");
      while (frames < options.frames() && !stopped) {
        try (CapturedFrame frame = next(camera);
            DmaBuf edges = heap.allocate(edgesRequest)) {
          filter(frame.buffer(), edges, crew);
          if (frames % SHEET_EVERY == 0) {
            show(frame.buffer(), edges, captured, filtered);
          }
          count(frame);
        }
        progress.step();
      }
      captured.finish();
      filtered.finish();
      return camera.damagedFrames();
    }
  }

  private VideoCapture open(Heap heap) throws Exception {
    try {
      return VideoCapture.open(
          options.camera(), PixelFormat.I420, options.width(), options.height(), heap, BUFFERS);
    } catch (OutOfBuffersException e) {
      throw e;
    } catch (DmaBufException e) {
      throw new BadInputException("--camera: " + e.getMessage());
    }
  }

  private CapturedFrame next(VideoCapture camera) throws Exception {
    return camera
        .next(PATIENCE)
        .orElseThrow(
            () ->
                new BadInputException(
                    "--camera: %s delivered no picture for %d s"
                        .formatted(options.camera(), PATIENCE.toSeconds())));
  }

  /** Fills in what is the same for all pictures, and says what their edges need. */
  private AllocationRequest prepare(FrameLayout layout) {
    picture.width = options.width();
    picture.height = options.height();
    picture.format = PixelFormat.I420;
    List<PlaneLayout> planes = layout.planes();
    for (int plane = 0; plane < planes.size(); plane++) {
      picture.offsets[plane] = planes.get(plane).offset();
      picture.strides[plane] = planes.get(plane).stride();
    }
    FrameLayout edges = FrameLayout.of(PixelFormat.GRAY8, picture.width, picture.height);
    picture.edgesStride = edges.planes().getFirst().stride();
    return AllocationRequest.of(edges).uninitialized().name("edges").build();
  }

  private void filter(DmaBuf captured, DmaBuf edges, FilterCrew crew) throws Exception {
    Job job = Job.named("edges").reads(captured).writes(edges).publish();
    job.run(
        access ->
            crew.run(
                picture,
                (member, tiles) -> {
                  if (member == 0) {
                    filterOn(access, member, tiles, crew, captured, edges);
                  } else {
                    try (JobAccess mine = job.open()) {
                      filterOn(mine, member, tiles, crew, captured, edges);
                    }
                  }
                }));
  }

  private void filterOn(
      JobAccess access,
      int member,
      TileCrew.Tiles tiles,
      FilterCrew crew,
      DmaBuf captured,
      DmaBuf edges) {
    crew.work(member, tiles, picture, access.segment(captured), access.segment(edges));
  }

  private void count(CapturedFrame frame) {
    frames++;
    lost += frame.sequence() - lastSequence - 1;
    lastSequence = frame.sequence();
    Picture.Trail trail = picture.trail;
    long luma = (long) picture.strides[0] * picture.height;
    boolean inPlace =
        trail.atFilterInput[0] >= trail.decodedStart
            && trail.atFilterInput[0] + luma <= trail.decodedEnd;
    copied += inPlace ? 0 : luma;
  }

  // ---- contact sheets ----

  /** One sheet has the picture as it was captured, the other its edges in its colours. */
  private void show(DmaBuf captured, DmaBuf edges, ContactSheet first, ContactSheet second)
      throws Exception {
    Job job = Job.named("sheets").reads(captured).reads(edges).publish();
    job.run(
        access -> {
          MemorySegment bytes = access.segment(captured);
          add(first, plane(bytes, 0), bytes);
          add(second, new ContactSheet.Plane(access.segment(edges), picture.edgesStride), bytes);
        });
  }

  private void add(ContactSheet sheet, ContactSheet.Plane luma, MemorySegment colours)
      throws IOException {
    sheet.add(luma, plane(colours, 1), plane(colours, 2), picture.width, picture.height);
  }

  private ContactSheet.Plane plane(MemorySegment buffer, int index) {
    return new ContactSheet.Plane(buffer.asSlice(picture.offsets[index]), picture.strides[index]);
  }
}

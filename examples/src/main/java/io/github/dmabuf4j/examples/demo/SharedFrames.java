package io.github.dmabuf4j.examples.demo;

import static org.bytedeco.ffmpeg.global.avutil.AV_BUFFER_FLAG_READONLY;

import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.Fence;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FrameLayout;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Job;
import io.github.dmabuf4j.JobAccess;
import io.github.dmabuf4j.PixelFormat;
import io.github.dmabuf4j.PlaneLayout;
import java.util.ArrayDeque;
import java.util.Objects;
import org.bytedeco.ffmpeg.avcodec.AVCodecContext;
import org.jspecify.annotations.Nullable;

/**
 * Hands buffers of one heap on from stage to stage. The decoder writes into them, the filter reads
 * one and writes another, the encoder reads the luma of the second and the chroma of the first.
 * Each is an importer of what it uses; between them the buffers go through queues with fences.
 */
final class SharedFrames implements Handover {
  /** What stands for no colour. */
  private static final byte NEUTRAL = (byte) 128;

  /** Bytes that the encoder's vector code may read past the end. */
  private static final int TAIL_BYTES = 128;

  private final Heap heap;
  private final Traffic traffic;
  private final DecodedPictures decodedPictures;
  private final SharedQueue toFilter =
      new SharedQueue("decoder", "filter", SharedQueue.Cargo.DECODED, QUEUE_CAPACITY);
  private final SharedQueue toEncoder =
      new SharedQueue("filter", "encoder", SharedQueue.Cargo.EDGES, QUEUE_CAPACITY);
  private final FenceContext filterOrder = FenceContext.create("edges");

  // Of the decode thread.
  private @Nullable AllocationRequest edgesRequest;
  private int edgesStride;

  private @Nullable DmaBuf neutral;

  // Of the encode thread.
  private long fenceWaits;

  /** Guarded by itself: FFmpeg gives pictures back on any thread. */
  private final ArrayDeque<Encoding> idle = new ArrayDeque<>();

  SharedFrames(Heap heap, Traffic traffic) {
    this.heap = heap;
    this.traffic = traffic;
    this.decodedPictures = new DecodedPictures(request -> traffic.allocate(heap, request), true);
  }

  @Override
  public boolean isInHeap() {
    return true;
  }

  @Override
  public PictureQueue toFilter() {
    return toFilter;
  }

  @Override
  public PictureQueue toEncoder() {
    return toEncoder;
  }

  @Override
  public void installInto(AVCodecContext codec, boolean canUseOurMemory) {
    decodedPictures.installInto(codec, canUseOurMemory);
  }

  @Override
  public @Nullable Throwable failure() {
    return decodedPictures.failure();
  }

  @Override
  public long fenceWaits() {
    return fenceWaits;
  }

  // ---- decode ----

  @Override
  public void accept(NativeFrame frame, Picture picture) throws Exception {
    decodedPictures.accept(frame, picture);
    if (edgesRequest == null) {
      edgesRequest = edgesRequest(picture);
    }
    if (neutral == null && !Provenance.handsChromaOn(picture.format)) {
      neutral = neutral(picture.height);
    }
    picture.edgesStride = edgesStride;
    picture.edges = traffic.allocate(heap, edgesRequest);
  }

  /** A chroma plane without colour, for pictures whose own doesn't fit the encoder. Made once. */
  private DmaBuf neutral(int height) throws Exception {
    long size = (long) edgesStride / 2 * Math.ceilDiv(height, 2) + TAIL_BYTES;
    DmaBuf plane =
        traffic.allocate(
            heap, AllocationRequest.of(size).uninitialized().name("no colour").build());
    plane.write(segment -> segment.fill(NEUTRAL));
    return plane;
  }

  private AllocationRequest edgesRequest(Picture picture) {
    edgesStride =
        FrameGeometry.paddedWidth(decodedPictures.decoder(), PixelFormat.I420, picture.width);
    long size = (long) edgesStride * picture.height + TAIL_BYTES;
    FrameLayout layout =
        FrameLayout.builder(PixelFormat.GRAY8, picture.width, picture.height)
            .plane(new PlaneLayout(0, 0, edgesStride, size))
            .build();
    return AllocationRequest.of(layout).uninitialized().name("edges").build();
  }

  // ---- filter ----

  @Override
  public void filter(Picture picture, FilterCrew crew) throws Exception {
    DmaBuf decoded = picture.decoded();
    DmaBuf edges = picture.edges();
    Job job = null;
    try (var _ = Stage.FILTER.use(decoded);
        var _ = Stage.FILTER.use(edges)) {
      job = handOn(picture, decoded, edges);
      if (job != null) {
        run(job, picture, crew, decoded, edges);
      }
    } finally {
      if (job == null) {
        picture.release();
      }
    }
  }

  /**
   * Hands a picture on before it is filtered: the encoder waits for the fence.
   *
   * @return what is to be done now, or null if nobody would take the picture
   */
  private @Nullable Job handOn(Picture picture, DmaBuf decoded, DmaBuf edges)
      throws InterruptedException {
    if (!toEncoder.awaitRoom(picture)) {
      return null;
    }
    Job job;
    try {
      job = Job.named("edges").reads(decoded).writes(edges).inOrderOf(filterOrder).publish();
    } catch (Throwable e) {
      toEncoder.giveRoomBack(picture);
      throw e;
    }
    toEncoder.add(picture, job.fence());
    return job;
  }

  private static void run(Job job, Picture picture, FilterCrew crew, DmaBuf decoded, DmaBuf edges)
      throws Exception {
    job.run(
        access ->
            crew.run(
                picture,
                (member, tiles) -> {
                  if (member == 0) {
                    filterOn(access, member, tiles, picture, crew, decoded, edges);
                  } else {
                    try (JobAccess mine = job.open()) {
                      filterOn(mine, member, tiles, picture, crew, decoded, edges);
                    }
                  }
                }));
  }

  private static void filterOn(
      JobAccess access,
      int member,
      TileCrew.Tiles tiles,
      Picture picture,
      FilterCrew crew,
      DmaBuf decoded,
      DmaBuf edges) {
    crew.work(member, tiles, picture, access.segment(decoded), access.segment(edges));
  }

  // ---- encode ----

  /**
   * A picture while the encoder has it; used again for a later one. FFmpeg gives pictures back in
   * whatever order it likes, so each has an order of its own, with one job at a time.
   */
  private final class Encoding extends Lent {
    private final FenceContext order = FenceContext.create("encode");
    private @Nullable Job job;
    private @Nullable Attachment luma;
    private @Nullable Attachment chroma;

    Job publish(DmaBuf edges, DmaBuf colours) throws InterruptedException {
      luma = Stage.ENCODER.use(edges);
      chroma = Stage.ENCODER.use(colours);
      Job next = Job.named("encode").reads(edges).reads(colours).inOrderOf(order).publish();
      job = next;
      return next;
    }

    @Override
    void returned() {
      Objects.requireNonNull(job, "published").signal();
      detach();
      synchronized (idle) {
        idle.add(this);
      }
    }

    private void detach() {
      try (Attachment first = luma;
          Attachment second = chroma) {
        luma = null;
        chroma = null;
      }
    }

    void giveUp(Throwable reason) {
      if (job != null) {
        job.fail(reason);
      }
      detach();
      order.close();
    }
  }

  private Encoding nextEncoding() {
    synchronized (idle) {
      Encoding used = idle.poll();
      return used == null ? new Encoding() : used;
    }
  }

  @Override
  public void present(Picture picture, NativeFrame frame) throws Exception {
    boolean chroma = Provenance.handsChromaOn(picture.format);
    DmaBuf edges = picture.edges();
    DmaBuf colours = chroma ? picture.decoded() : Objects.requireNonNull(neutral);
    Encoding encoding = nextEncoding();
    try {
      Job job = encoding.publish(edges, colours);
      await(job);
      try (var _ = job.open()) { // begins the CPU access, which lasts until the encoder is done
        long luma = job.address(edges);
        long address = job.address(colours);
        // One reference stands for both: FFmpeg counts references to a frame, not to its planes.
        frame.setBuffer(encoding.lend(luma, edges.size(), AV_BUFFER_FLAG_READONLY));
        fill(picture, frame, luma, address);
      }
    } catch (Throwable e) {
      frame.clear(); // ends the job, if FFmpeg had the picture already
      encoding.giveUp(e); // and else this does
      throw e;
    }
    picture.release();
  }

  private void await(Job job) throws InterruptedException {
    if (job.dependencies().isEmpty()) {
      return;
    }
    fenceWaits += job.dependencies().size();
    job.awaitDependencies();
    for (Fence dependency : job.dependencies()) {
      if (dependency.error().isPresent()) {
        throw new IllegalStateException(
            "a stage before the encoder failed", dependency.error().get());
      }
    }
  }

  /** The addresses stay good after the access: the job's holds last until the encoder is done. */
  private static void fill(Picture picture, NativeFrame frame, long luma, long chroma) {
    frame.setPlane(0, luma, picture.edgesStride);
    for (int plane = 1; plane <= 2; plane++) {
      if (Provenance.handsChromaOn(picture.format)) {
        frame.setPlane(plane, chroma + picture.offsets[plane], picture.strides[plane]);
      } else {
        frame.setPlane(plane, chroma, picture.edgesStride / 2);
      }
    }
  }

  // ---- end ----

  @Override
  public void release(Picture picture) {
    picture.release();
  }

  @Override
  public void close() {
    if (neutral != null) {
      neutral.close();
    }
    decodedPictures.close();
    filterOrder.close();
    synchronized (idle) {
      idle.forEach(encoding -> encoding.order.close());
    }
  }
}

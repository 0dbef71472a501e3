package io.github.dmabuf4j.benchmarks;

import io.github.dmabuf4j.AllocPolicy;
import io.github.dmabuf4j.AllocationRequest;
import io.github.dmabuf4j.Attachment;
import io.github.dmabuf4j.BufferQueue;
import io.github.dmabuf4j.BufferSlot;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.FenceContext;
import io.github.dmabuf4j.FrameLayout;
import io.github.dmabuf4j.Heap;
import io.github.dmabuf4j.Heaps;
import io.github.dmabuf4j.Hold;
import io.github.dmabuf4j.Importer;
import io.github.dmabuf4j.Job;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Buffers of one heap go from stage to stage through queues with fences, as in the demo. Each stage
 * is an importer of what it uses. The decoder's buffer goes to the filter; the filter's to the
 * encoder, before it is filled, and with it the other, for its colours.
 *
 * <p><b>Invariant.</b> A handle belongs to the stage that has the picture, but for the buffer that
 * goes through a queue, whose handle is the queue's meanwhile. The filter's job may still use both
 * handles then: the encoder closes them only after that job has signaled. An element of the arrays
 * beside a queue belongs to whoever has the slot of that number; the queue orders the two.
 */
final class SharingPipeline extends VideoPipeline {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final int BUDGET_BYTES = 64 << 20;

  /** A part of the pipeline, which attaches to what it uses for as long as it does. */
  private record Stage(String name) implements Importer {}

  private static final Stage DECODER = new Stage("decoder");
  private static final Stage FILTER = new Stage("filter");
  private static final Stage ENCODER = new Stage("encoder");

  /** What of a picture doesn't go through the queue, and where the decoder wrote its colours. */
  private record Colours(@Nullable DmaBuf decoded, long address) {}

  private final Heap heap = Heaps.open("offheap:system?limit=" + BUDGET_BYTES);
  private final BufferQueue toFilter = queue("decoder", "filter");
  private final BufferQueue toEncoder = queue("filter", "encoder");
  private final Colours[] besideDecoded = new Colours[ROOM];
  private final Colours[] besideEdges = new Colours[ROOM];
  private final FenceContext filterOrder = FenceContext.create("edges");
  private final FenceContext encoderOrder = FenceContext.create("encode");
  private final AllocationRequest decodedRequest = request(decoding.decoded, "decoded");
  private final AllocationRequest edgesRequest = request(decoding.edges, "edges");

  // Of the encoder.
  private long copied;
  private long checksum;

  SharingPipeline(int width, int height) {
    super(width, height);
  }

  private static BufferQueue queue(String producer, String consumer) {
    return BufferQueue.named(producer + " to " + consumer)
        .producer(producer)
        .consumer(consumer)
        .slots(ROOM);
  }

  private static AllocationRequest request(FrameLayout layout, String name) {
    return AllocationRequest.of(layout)
        .uninitialized()
        .policy(AllocPolicy.NO_FAIL)
        .name(name)
        .build();
  }

  @Override
  void decodeAll() throws Exception {
    for (long number = 0; !stopping; number++) {
      DmaBuf picture = heap.allocate(decodedRequest);
      long address = decode(number, picture);
      BufferSlot slot = toFilter.attach(picture, PATIENCE);
      besideDecoded[slot.index()] = new Colours(null, address);
      toFilter.queue(slot);
    }
    toFilter.end();
  }

  private long decode(long number, DmaBuf picture) {
    try (Attachment _ = picture.attach(DECODER);
        Hold hold = picture.hold()) { // nobody else knows it yet
      decoding.decode(number, hold.segment());
      return hold.address() + decoding.chroma();
    }
  }

  @Override
  void filterAll() throws Exception {
    Optional<BufferSlot> next = toFilter.acquire(PATIENCE);
    while (next.isPresent()) {
      Colours colours = besideDecoded[next.get().index()];
      DmaBuf decoded = toFilter.detach(next.get());
      DmaBuf edges = heap.allocate(edgesRequest);
      try (Attachment _ = decoded.attach(FILTER);
          Attachment _ = edges.attach(FILTER)) {
        BufferSlot slot = toEncoder.attach(edges, PATIENCE);
        Job job = Job.named("edges").reads(decoded).writes(edges).inOrderOf(filterOrder).publish();
        besideEdges[slot.index()] = new Colours(decoded, colours.address);
        toEncoder.queue(slot, job.fence());
        job.run(access -> filtering.filter(access.segment(decoded), access.segment(edges)));
      }
      next = toFilter.acquire(PATIENCE);
    }
    toEncoder.end();
  }

  @Override
  long encodeNext() throws Exception {
    Optional<BufferSlot> next = toEncoder.acquire(PATIENCE);
    if (next.isEmpty()) {
      return -1;
    }
    Colours colours = besideEdges[next.get().index()];
    try (DmaBuf edges = toEncoder.detach(next.get());
        DmaBuf decoded = Objects.requireNonNull(colours.decoded);
        Attachment _ = edges.attach(ENCODER);
        Attachment _ = decoded.attach(ENCODER);
        Job job =
            Job.named("encode").reads(edges).reads(decoded).inOrderOf(encoderOrder).publish()) {
      job.run(access -> encode(access.segment(edges), access.segment(decoded), colours.address));
    }
    return checksum;
  }

  private void encode(MemorySegment edges, MemorySegment picture, long written) {
    if (picture.address() + encoding.chroma() != written) {
      copied += picture.byteSize(); // somebody has moved or copied it
    }
    checksum = encoding.encode(edges, picture);
  }

  @Override
  void abort() {
    toFilter.close();
    toEncoder.close();
  }

  @Override
  void free() {
    abort();
    filterOrder.close();
    encoderOrder.close();
    heap.close();
  }

  @Override
  long copiedBytes() {
    return copied;
  }

  @Override
  long peakBytes() {
    return heap.statistics().peakCommittedBytes();
  }
}

package io.github.dmabuf4j.offheap;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.time.Duration;

/** The kinds of memory that every test of a heap runs with. */
enum TestMemory {
  MAPPED {
    @Override
    SlabMemory create() {
      assumeTrue(
          System.getProperty("os.name").equals("Linux"), "mapped memory is there on Linux only");
      return new LinuxMemory(false);
    }
  },
  ARENA {
    @Override
    SlabMemory create() {
      return new ArenaMemory();
    }
  };

  static final long KIB = 1L << 10;
  static final long MIB = 1L << 20;

  abstract SlabMemory create();

  /** A heap that nothing decays in while a test runs. The caller closes it. */
  PooledHeap open(long limit) {
    return open(limit, Duration.ofHours(1));
  }

  PooledHeap open(long limit, Duration decay) {
    return open(new HeapOptions(limit, limit, decay));
  }

  /** A heap with a limit on pinned bytes. The caller closes it. */
  PooledHeap openPinnable(long limit, long pinned) {
    return open(new HeapOptions(limit, pinned, Duration.ofHours(1)));
  }

  /** A heap with a contiguous region, a part of the limit. The caller closes it. */
  PooledHeap openContiguous(long limit, long contiguous) {
    return open(new HeapOptions(limit, limit, contiguous, Duration.ofHours(1)));
  }

  private PooledHeap open(HeapOptions options) {
    return PooledHeap.open("offheap:test", options, create());
  }
}

package io.github.dmabuf4j.device;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import java.util.concurrent.atomic.AtomicInteger;

/** Memory files, of which there are as many as a test says. */
final class FaultyFiles implements BufferFiles {
  final AtomicInteger created = new AtomicInteger();
  final AtomicInteger closed = new AtomicInteger();

  /** How many more are made before one is refused. */
  final AtomicInteger left = new AtomicInteger(Integer.MAX_VALUE);

  volatile Largest largest = new Largest(1L << 30, "turn the knob");
  private final MemoryFiles real = new MemoryFiles();

  @Override
  public String heapName() {
    return "faulty:system";
  }

  @Override
  public long pageSize() {
    return real.pageSize();
  }

  @Override
  public boolean areDmaBufs() {
    return false;
  }

  @Override
  public Largest largest() {
    return largest;
  }

  @Override
  public Descriptor create(long bytes) {
    if (left.getAndDecrement() <= 0) {
      throw refusal();
    }
    created.incrementAndGet();
    return real.create(bytes);
  }

  private static DmaBufException refusal() {
    return new SyscallFailure("memfd_create", "a test", 12).exception("advice for " + Errno.ENOMEM);
  }

  @Override
  public void close() {
    closed.incrementAndGet();
  }
}

package io.github.dmabuf4j.device;

import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.device.linux.Descriptor;
import io.github.dmabuf4j.device.linux.SyscallFailure;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/** Memory files, of which there are as many as a test says, and which fail where a test says. */
final class FaultyFiles implements BufferFiles {
  final AtomicInteger created = new AtomicInteger();
  final AtomicInteger closed = new AtomicInteger();

  /** How many more are made before one is refused. */
  final AtomicInteger left = new AtomicInteger(Integer.MAX_VALUE);

  /** What is thrown, where anything is. */
  volatile Supplier<? extends Throwable> fault = IllegalStateException::new;

  /** At which call from now on it is thrown, the next one being 1; none if 0 or less. */
  final AtomicInteger faultyCall = new AtomicInteger();

  volatile Largest largest = new Largest(1L << 30, "turn the knob");
  private final MemoryFiles real = new MemoryFiles();

  /** A place where something may fail. */
  void step() {
    if (faultyCall.get() > 0 && faultyCall.decrementAndGet() == 0) {
      throw FaultyFiles.<RuntimeException>unchecked(fault.get());
    }
  }

  @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"})
  private static <X extends Throwable> X unchecked(Throwable thrown) throws X {
    throw (X) thrown;
  }

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
    step();
    return false;
  }

  @Override
  public Largest largest() {
    step();
    return largest;
  }

  @Override
  public Descriptor create(long bytes) {
    step();
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
    step();
  }
}

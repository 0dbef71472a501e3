package io.github.dmabuf4j;

import java.util.List;

/** How to wait: each call that may wait has both forms (design rule FN5). */
enum Waiting {
  INTERRUPTIBLY {
    @Override
    void lock(Reservation reservation) throws InterruptedException {
      reservation.lockInterruptibly();
    }

    @Override
    AcquireContext lockAll(Reservation[] set) throws InterruptedException {
      return AcquireLoop.lock(set, AcquireContext.Duplicates.IGNORE, 0);
    }

    @Override
    void await(Deadline deadline, List<Fence> fences) throws InterruptedException {
      deadline.awaitAll(fences);
    }
  },
  UNINTERRUPTIBLY {
    @Override
    void lock(Reservation reservation) {
      reservation.lock();
    }

    @Override
    AcquireContext lockAll(Reservation[] set) {
      return AcquireLoop.lockUninterruptibly(set);
    }

    @Override
    void await(Deadline deadline, List<Fence> fences) {
      deadline.awaitAllUninterruptibly(fences);
    }
  };

  abstract void lock(Reservation reservation) throws InterruptedException;

  /** Takes each once, however often it is in the set. */
  abstract AcquireContext lockAll(Reservation[] set) throws InterruptedException;

  abstract void await(Deadline deadline, List<Fence> fences) throws InterruptedException;
}

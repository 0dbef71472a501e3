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
    void await(Deadline deadline, List<Fence> fences) {
      deadline.awaitAllUninterruptibly(fences);
    }
  };

  abstract void lock(Reservation reservation) throws InterruptedException;

  abstract void await(Deadline deadline, List<Fence> fences) throws InterruptedException;
}

package io.github.dmabuf4j;

import org.jetbrains.lincheck.datastructures.BooleanGen;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;

/**
 * What several threads may do with two reservations, for Lincheck, which makes up threads that do
 * it and looks for a result that couldn't be had by doing one thing after the other. Run by {@link
 * LincheckTest}.
 */
@Param(name = "usage", gen = IntGen.class, conf = "0:3")
@Param(name = "backwards", gen = BooleanGen.class)
@Param(name = "fence", gen = IntGen.class, conf = "0:2")
public class ReservationLincheck {
  private final Reservation a = new Reservation();
  private final Reservation b = new Reservation();
  private final Fence[] fences = {lone(), lone(), lone()};
  private int plain;

  private static Fence lone() {
    return new Fence(FenceOrigin.CPU_ACCESS, FenceOrigin.nextSingle());
  }

  /** Under one lock. */
  @Operation
  public int add(@Param(name = "fence") int fence, @Param(name = "usage") int usage) {
    a.lock();
    try {
      a.reserve(1);
      a.add(fences[fence], FenceUsage.ofWeakness(usage));
      return ++plain;
    } finally {
      a.unlock();
    }
  }

  /** Under both locks, in an order that the others don't have. */
  @Operation
  public int copy(@Param(name = "backwards") boolean backwards) throws InterruptedException {
    try (AcquireContext context =
        backwards ? AcquireContext.lockAll(b, a) : AcquireContext.lockAll(a, b)) {
      b.copyFrom(a);
      return ++plain + context.held().size();
    }
  }

  /** Without a lock. */
  @Operation
  public boolean isSignaled(@Param(name = "usage") int usage) {
    return a.isSignaled(FenceUsage.ofWeakness(usage));
  }

  /** Without a lock, from a copy. */
  @Operation
  public int pending(@Param(name = "usage") int usage) {
    return b.fences(FenceUsage.ofWeakness(usage)).size();
  }

  /** Waits for nothing. */
  @Operation
  public boolean signal(@Param(name = "fence") int fence) {
    return fences[fence].signal(null);
  }
}

package io.github.dmabuf4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The rows of drivers/dma-buf/st-dma-resv.c, and what else there is to say about iteration. */
final class ReservationRowsTest {
  private final Reservation reservation = new Reservation();
  private final FenceContext context = FenceContext.create("test");

  private void add(Fence fence, FenceUsage usage) {
    reservation.lock();
    try {
      reservation.reserve(1);
      reservation.add(fence, usage);
    } finally {
      reservation.unlock();
    }
  }

  /** A fence that is the only one of its context. */
  private static Fence lone() {
    return new Fence(FenceOrigin.CPU_ACCESS, FenceOrigin.nextSingle());
  }

  private record Pair(Fence fence, FenceUsage usage) {}

  private List<Pair> pairs() {
    List<Pair> pairs = new ArrayList<>();
    reservation.forEach(
        FenceUsage.BOOKKEEP,
        new Reservation.FenceVisitor() {
          @Override
          public void restarted() {
            pairs.clear();
          }

          @Override
          public void fence(Fence fence, FenceUsage usage) {
            pairs.add(new Pair(fence, usage));
          }
        });
    return pairs;
  }

  @Test
  void r1_lockAndUnlock_withoutContext() {
    assertThat(reservation.isLocked()).isFalse();
    reservation.lock();
    assertThat(reservation.isLocked()).isTrue();
    assertThat(reservation.isHeldByCurrentThread()).isTrue();
    reservation.unlock();
    assertThat(reservation.isLocked()).isFalse();
    assertThat(reservation.isHeldByCurrentThread()).isFalse();
  }

  @ParameterizedTest
  @EnumSource(FenceUsage.class)
  void r2_signaling_isSeenInTheReservation(FenceUsage usage) {
    Fence fence = context.newFence();
    reservation.lock();
    reservation.reserve(1);
    reservation.add(fence, usage);
    assertThat(reservation.isSignaled(usage)).isFalse();
    context.signal(fence);
    assertThat(reservation.isSignaled(usage)).isTrue();
    reservation.unlock();
  }

  @ParameterizedTest
  @EnumSource(FenceUsage.class)
  void r3_forEachLocked_showsFenceAndUsage_signaledOrNot(FenceUsage usage) {
    Fence fence = context.newFence();
    reservation.lock();
    reservation.reserve(1);
    reservation.add(fence, usage);
    assertThat(lockedPairs(usage)).containsExactly(new Pair(fence, usage));
    assertThat(pairs()).containsExactly(new Pair(fence, usage));
    context.signal(fence);
    assertThat(lockedPairs(usage)).containsExactly(new Pair(fence, usage));
    assertThat(pairs()).isEmpty();
    reservation.unlock();
  }

  private List<Pair> lockedPairs(FenceUsage query) {
    List<Pair> pairs = new ArrayList<>();
    reservation.forEachLocked(query, (fence, usage) -> pairs.add(new Pair(fence, usage)));
    return pairs;
  }

  /** Writes down what it is told, and does something when it is shown the first fence. */
  private static final class Recorder implements Reservation.FenceVisitor {
    final List<Object> seen = new ArrayList<>();
    private final Runnable atFence;
    private int disturbances;

    Recorder(int disturbances, Runnable atFence) {
      this.disturbances = disturbances;
      this.atFence = atFence;
    }

    @Override
    public void restarted() {
      seen.add("restarted");
    }

    @Override
    public void fence(Fence fence, FenceUsage usage) {
      seen.add(new Pair(fence, usage));
      if (disturbances > 0) {
        disturbances--;
        atFence.run();
      }
    }
  }

  /** Changes the list, as the kernel's test damages the cursor, but not what is in it. */
  private void growTheList() {
    reservation.lock();
    reservation.reserve(2 * (int) Math.pow(2, grown++) + 4);
    reservation.unlock();
  }

  private int grown;

  @ParameterizedTest
  @EnumSource(FenceUsage.class)
  void r4_forEachUnlocked_tellsOfRestarts(FenceUsage usage) {
    Fence fence = context.newFence();
    add(fence, usage);
    Pair pair = new Pair(fence, usage);
    Recorder undisturbed = new Recorder(0, () -> {});
    reservation.forEach(usage, undisturbed);
    assertThat(undisturbed.seen).containsExactly("restarted", pair);
    Recorder disturbed = new Recorder(1, this::growTheList);
    reservation.forEach(usage, disturbed);
    assertThat(disturbed.seen).containsExactly("restarted", pair, "restarted", pair);
  }

  @Test
  void forEach_thatIsOutrunAgainAndAgain_comesToAnEnd() {
    add(lone(), FenceUsage.WRITE);
    Recorder disturbed = new Recorder(Integer.MAX_VALUE, () -> add(lone(), FenceUsage.READ));
    reservation.forEach(FenceUsage.READ, disturbed);
    int last = disturbed.seen.lastIndexOf("restarted");
    assertThat(disturbed.seen.stream().filter("restarted"::equals).count()).isGreaterThan(2);
    assertThat(disturbed.seen.subList(last + 1, disturbed.seen.size()))
        .as("the last round shows one state")
        .hasSize(1 + disturbed.seen.stream().filter("restarted"::equals).toList().size() - 1);
  }

  @Test
  void forEachLocked_refusesAVisitorThatChangesTheFences() {
    assertThatIllegalStateException()
        .isThrownBy(() -> reservation.forEachLocked(FenceUsage.READ, (fence, usage) -> {}));
    add(lone(), FenceUsage.READ);
    reservation.lock();
    reservation.reserve(1);
    assertThatExceptionOfType(java.util.ConcurrentModificationException.class)
        .isThrownBy(
            () ->
                reservation.forEachLocked(
                    FenceUsage.READ, (fence, usage) -> reservation.add(lone(), FenceUsage.READ)));
    reservation.unlock();
    assertThat(reservation.fences(FenceUsage.READ)).hasSize(2);
  }

  @ParameterizedTest
  @EnumSource(FenceUsage.class)
  void r5_fences_returnsTheOne(FenceUsage usage) {
    Fence fence = context.newFence();
    add(fence, usage);
    assertThat(reservation.fences(usage)).containsExactly(fence);
    assertThat(reservation.merged(usage)).isSameAs(fence);
    context.signal(fence);
    assertThat(reservation.fences(usage)).isEmpty();
    assertThat(reservation.merged(usage)).isSameAs(Fence.stub());
  }
}

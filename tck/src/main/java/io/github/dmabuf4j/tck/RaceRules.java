package io.github.dmabuf4j.tck;

import static io.github.dmabuf4j.tck.Bench.locked;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.dmabuf4j.ArenaKind;
import io.github.dmabuf4j.DmaBuf;
import io.github.dmabuf4j.DmaBufException;
import io.github.dmabuf4j.Errno;
import io.github.dmabuf4j.FenceUsage;
import io.github.dmabuf4j.Job;
import io.github.dmabuf4j.Pin;
import io.github.dmabuf4j.Vmap;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Everything at once: several threads use a few buffers, by closures, jobs, holds, vmaps, pins and
 * importers that follow moves, while the exporter moves them and gives their mappings up. Whoever
 * looks finds a pattern that somebody wrote, whole; and afterwards nobody is in the way of a move
 * any more. Design rules PN2, VM1, CA1, CA2 and JB1.
 */
public abstract class RaceRules extends Rules {
  private static final int BUFFERS = 3;
  private static final int THREADS = 3;
  private static final int ROUNDS = 150;

  /** For subclasses. */
  protected RaceRules() {}

  /** One thread, which does what its dice say. */
  private static final class Actor implements Worker.Body {
    private final Bench bench;
    private final List<DmaBuf> buffers;
    private final List<Device> devices = new ArrayList<>();
    private final Random dice;

    Actor(Bench bench, List<DmaBuf> buffers, int number) {
      this.bench = bench;
      this.buffers = buffers;
      this.dice = new Random(number);
    }

    @Override
    public void run() throws Exception {
      buffers.forEach(buffer -> devices.add(Device.following(buffer)));
      try {
        for (int round = 0; round < ROUNDS; round++) {
          act(dice.nextInt(BUFFERS), dice.nextInt(12), dice.nextInt(256));
        }
      } finally {
        devices.forEach(Device::close);
      }
    }

    private void act(int which, int action, int seed) throws Exception {
      DmaBuf buffer = buffers.get(which);
      switch (action) {
        case 0, 1 -> Pattern.write(buffer, seed);
        case 2, 3 -> Pattern.assertWhole(buffer);
        case 4 -> copy(buffer, buffers.get((which + 1) % BUFFERS));
        case 5 -> device(buffer, devices.get(which), seed);
        case 6 -> vmap(buffer, seed);
        case 7 -> pin(buffer, seed % 2 == 0 ? Pin.Term.SHORT : Pin.Term.LONG);
        case 8 -> buffer.hold(ArenaKind.SHARED).close();
        case 9 -> buffer.dup().close();
        case 10 -> pinnedVmap(buffer);
        default -> behindTheirBacks();
      }
    }

    private static void copy(DmaBuf from, DmaBuf to) throws InterruptedException {
      Job.named("copy")
          .reads(from)
          .writes(to)
          .publish()
          .run(
              access -> {
                Pattern.assertWhole(access.segment(from));
                access.segment(to).copyFrom(access.segment(from));
              });
    }

    /** A device that works while it has the lock, once those before it are done. */
    private void device(DmaBuf buffer, Device device, int seed) throws Exception {
      if (!bench.has(Capability.HOST_PIECES)) {
        return;
      }
      locked(
          buffer,
          () -> {
            buffer.reservation().awaitUninterruptibly(FenceUsage.READ);
            Pattern.put(device.mapLocked(), Bench.SIZE, seed);
            device.assertStillSees(Bench.SIZE, seed);
            device.unmapLocked();
          });
    }

    private void vmap(DmaBuf buffer, int seed) throws Exception {
      if (bench.has(Capability.SEPARATE_COPIES)) {
        return; // without a bracket the bytes are anybody's
      }
      locked(
          buffer,
          () -> {
            buffer.reservation().awaitUninterruptibly(FenceUsage.READ);
            Vmap vmap = buffer.vmapLocked();
            Pattern.assertWhole(vmap.segment());
            Pattern.put(vmap.segment(), seed);
          });
    }

    private static void pin(DmaBuf buffer, Pin.Term term) throws Exception {
      locked(
          buffer,
          () -> {
            try {
              buffer.pin(term).close();
            } catch (DmaBufException inUse) {
              assertEquals(Optional.of(Errno.EBUSY), inUse.errno());
            }
          });
    }

    private static void pinnedVmap(DmaBuf buffer) throws Exception {
      List<Vmap> vmap = new ArrayList<>();
      locked(buffer, () -> vmap.add(buffer.vmapPinned(Pin.Term.SHORT, ArenaKind.SHARED)));
      assertEquals(Bench.SIZE, vmap.getFirst().segment().byteSize());
      locked(buffer, vmap.getFirst()::close);
    }

    private void behindTheirBacks() {
      if (bench.has(Capability.MOVES)) {
        bench.under().moveAll();
      }
      if (bench.has(Capability.DROPS_MAPPINGS)) {
        bench.under().dropIdleMappings();
      }
      if (bench.has(Capability.PURGES)) {
        assertEquals(0, bench.under().purgeAll(), "nobody offered anything");
      }
      if (bench.has(Capability.EVICTS)) {
        bench.under().evictAll();
      }
    }
  }

  @Test
  @Rule({"PN2", "VM1", "CA1", "CA2", "JB1"})
  void pn2_everyUseAtOnce_keepsEveryByte(Bench bench) throws Exception {
    List<DmaBuf> buffers = new ArrayList<>();
    for (int i = 0; i < BUFFERS; i++) {
      buffers.add(bench.allocate());
      Pattern.write(buffers.get(i), i);
    }
    List<Worker> workers = new ArrayList<>();
    for (int i = 0; i < THREADS; i++) {
      workers.add(Worker.start(new Actor(bench, buffers, i)));
    }
    for (Worker worker : workers) {
      worker.join();
    }
    for (DmaBuf buffer : buffers) {
      Pattern.assertWhole(buffer);
      assertEquals(0, buffer.info().holds());
      assertEquals(0, buffer.info().pins());
      assertEquals(List.of(), buffer.info().fences());
      assertEquals(List.of(), buffer.info().attachments());
    }
    if (bench.has(Capability.MOVES)) {
      assertEquals(BUFFERS, bench.under().moveAll(), "all have let go");
      for (DmaBuf buffer : buffers) {
        Pattern.assertWhole(buffer);
      }
    }
    if (bench.has(Capability.EVICTS)) {
      assertEquals(BUFFERS, bench.under().evictAll(), "all have let go");
      for (DmaBuf buffer : buffers) {
        Pattern.assertWhole(buffer);
      }
    }
    if (bench.has(Capability.DROPS_MAPPINGS)) {
      assertEquals(BUFFERS, bench.under().dropIdleMappings(), "mapped, and used by nobody");
    }
  }
}

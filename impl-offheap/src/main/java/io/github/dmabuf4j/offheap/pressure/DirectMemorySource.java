package io.github.dmabuf4j.offheap.pressure;

import com.sun.management.HotSpotDiagnosticMXBean;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * What the JVM counts as direct memory, against the most that it allows: memory of byte buffers and
 * of arenas. Mappings that this module makes itself don't count there.
 *
 * <p><b>Threads.</b> One at a time.
 */
public final class DirectMemorySource implements PressureSource {
  private static final String NAME = "direct memory";

  private final LongSupplier used;
  private final long most;
  private final LongSupplier clock;
  private final UsageLevel level = new UsageLevel();

  DirectMemorySource(LongSupplier used, long most, LongSupplier clock) {
    this.used = used;
    this.most = most;
    this.clock = clock;
  }

  /** Of this JVM. */
  static PressureSource open(LongSupplier clock) {
    BufferPoolMXBean pool = directPool();
    if (pool == null) {
      return new RefusedSource(NAME, "this JVM doesn't count it");
    }
    return new DirectMemorySource(pool::getMemoryUsed, mostBytes(), clock);
  }

  private static @Nullable BufferPoolMXBean directPool() {
    return ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
        .filter(pool -> pool.getName().equals("direct"))
        .findFirst()
        .orElse(null);
  }

  /** As large as the Java heap, unless an option says otherwise. */
  private static long mostBytes() {
    HotSpotDiagnosticMXBean machine =
        ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class);
    long most =
        machine == null ? 0 : Long.parseLong(machine.getVMOption("MaxDirectMemorySize").getValue());
    return most > 0 ? most : Runtime.getRuntime().maxMemory();
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String where() {
    return "of the JVM";
  }

  @Override
  public boolean isPressing() {
    return level.rises(used.getAsLong(), most, clock.getAsLong());
  }
}

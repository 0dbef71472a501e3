package io.github.dmabuf4j;

import java.util.HexFormat;

/**
 * The numbers that tell in which order a plane's bytes lie: rows one after the other, tiles, or
 * something compressed. Values and rules are those of the kernel's {@code drm_fourcc.h}.
 *
 * <p>Apart from the two constants here a modifier is an opaque token: it is compared and passed on
 * to the driver that issued it, never computed with.
 *
 * <p><b>Threads.</b> Only constants and pure functions.
 */
public final class DrmModifier {
  /**
   * Rows from top to bottom, a stride apart, {@code DRM_FORMAT_MOD_LINEAR}: what a CPU can read.
   */
  public static final long LINEAR = 0L;

  /**
   * No modifier was said, {@code DRM_FORMAT_MOD_INVALID}: only the driver that allocated the memory
   * knows the order, so neither a CPU nor another device can rely on one.
   */
  public static final long INVALID = 0x00ff_ffff_ffff_ffffL;

  private static final int VENDOR_SHIFT = 56;

  private DrmModifier() {}

  /**
   * Who defined this modifier.
   *
   * @param modifier any modifier
   * @return the upper 8 bits: 0 for the generic ones, else a {@code DRM_FORMAT_MOD_VENDOR_…} number
   */
  public static int vendor(long modifier) {
    return (int) (modifier >>> VENDOR_SHIFT);
  }

  /**
   * A modifier for people: {@code linear}, {@code modifier unknown} or {@code modifier
   * 0x0100000000000002}.
   *
   * @param modifier any modifier
   * @return its text
   */
  public static String describe(long modifier) {
    if (modifier == LINEAR) {
      return "linear";
    }
    if (modifier == INVALID) {
      return "modifier unknown";
    }
    return "modifier 0x" + HexFormat.of().toHexDigits(modifier);
  }
}

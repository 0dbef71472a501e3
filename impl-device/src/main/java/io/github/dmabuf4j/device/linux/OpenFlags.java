package io.github.dmabuf4j.device.linux;

/**
 * Flags of {@code open} that differ between architectures, so that the generated constants don't
 * have them.
 *
 * <p><b>Threads.</b> Any; there is no state.
 *
 * <p>Source: asm-generic/fcntl.h and arch/arm64/include/uapi/asm/fcntl.h.
 */
public final class OpenFlags {
  /**
   * {@code O_NOFOLLOW}: a symbolic link at the end of the path is an error (ELOOP), or, with {@code
   * O_PATH}, is itself what is opened.
   */
  public static final int NO_FOLLOW = noFollow(System.getProperty("os.arch"));

  private OpenFlags() {}

  /**
   * The flag on an architecture.
   *
   * @param architecture as in the system property {@code os.arch}
   */
  static int noFollow(String architecture) {
    return architecture.equals("aarch64") ? 0x8000 : 0x20000;
  }
}

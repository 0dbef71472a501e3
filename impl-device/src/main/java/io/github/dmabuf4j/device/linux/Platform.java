package io.github.dmabuf4j.device.linux;

import java.lang.foreign.MemorySegment;

/** Whether this JVM can make the calls of {@link Syscalls}, and if not, why and what to do. */
public final class Platform {
  /**
   * What stands in the way.
   *
   * @param reason why, empty if nothing does
   * @param fix the exact line that helps, empty if there is none
   */
  public record Obstacle(String reason, String fix) {
    /** Nothing stands in the way. */
    public static final Obstacle NONE = new Obstacle("", "");

    /**
     * Whether nothing stands in the way.
     *
     * @return true if there is no reason
     */
    public boolean isNone() {
      return reason.isEmpty();
    }
  }

  private Platform() {}

  /**
   * Looks whether system calls can be made here. Where the JVM only warns of native access, it
   * warns now, once.
   *
   * @return what stands in the way, or {@link Obstacle#NONE}
   */
  public static Obstacle obstacle() {
    String system = System.getProperty("os.name", "");
    if (!system.equals("Linux")) {
      return new Obstacle("it is an interface of Linux, this is " + system, "");
    }
    if (!hasNativeAccess()) {
      Module module = Platform.class.getModule();
      return new Obstacle(
          "native access is denied to " + (module.isNamed() ? module.getName() : "the class path"),
          "java --enable-native-access=" + (module.isNamed() ? module.getName() : "ALL-UNNAMED"));
    }
    return Obstacle.NONE;
  }

  private static boolean hasNativeAccess() {
    if (Platform.class.getModule().isNativeAccessEnabled()) {
      return true;
    }
    try {
      return MemorySegment.NULL.reinterpret(0).byteSize() == 0; // where the JVM warns, it does now
    } catch (IllegalCallerException e) {
      return false;
    }
  }
}

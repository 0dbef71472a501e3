package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.device.linux.UnixSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Objects;

/**
 * Where processes of one machine find each other: a socket in the file system, whose permissions
 * say who may connect; or a name in the abstract namespace, which is gone with the socket, needs no
 * folder, and is open to everybody in the same network namespace.
 *
 * <p>Immutable.
 *
 * <p>Source: unix(7).
 *
 * @param name the path, or the name
 * @param isAbstract whether it is a name in the abstract namespace
 */
public record PeerAddress(String name, boolean isAbstract) {
  /** The most bytes of an address, in UTF-8; of an abstract one, one less. */
  public static final int MAX_BYTES = UnixSocket.MAX_ADDRESS;

  /**
   * Checks the address.
   *
   * @throws IllegalArgumentException if it is empty, too long for the kernel, or has a character 0
   */
  public PeerAddress {
    Objects.requireNonNull(name, "name");
    int length = name.getBytes(StandardCharsets.UTF_8).length;
    int most = isAbstract ? MAX_BYTES - 1 : MAX_BYTES;
    if (length == 0 || length > most) {
      throw new IllegalArgumentException(
          "wanted the address of a socket, 1 to %d bytes, got %d: %s"
              .formatted(
                  most,
                  length,
                  length == 0 ? "give a path or @name" : "take a shorter path than " + name));
    }
    if (name.indexOf(0) >= 0) {
      throw new IllegalArgumentException(
          "wanted the address of a socket, got one with a character 0");
    }
  }

  /**
   * An address as users write it.
   *
   * @param text a path, or {@code @} and a name in the abstract namespace
   * @return the address
   * @throws IllegalArgumentException if it is empty or too long
   */
  public static PeerAddress of(String text) {
    return text.startsWith("@")
        ? new PeerAddress(text.substring(1), true)
        : new PeerAddress(text, false);
  }

  /**
   * The address of a socket in the file system.
   *
   * @param path where
   * @return the address
   * @throws IllegalArgumentException if the path is too long
   */
  public static PeerAddress of(Path path) {
    return new PeerAddress(path.toString(), false);
  }

  /** As the kernel has it. */
  byte[] bytes() {
    return ((isAbstract ? "\0" : "") + name).getBytes(StandardCharsets.UTF_8);
  }

  /**
   * As {@link #of(String)} takes it.
   *
   * @return the address for people
   */
  @Override
  public String toString() {
    return isAbstract ? "@" + name : name;
  }
}

package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.device.linux.UnixSocket;

/**
 * Who is at the other end of a connection, as the kernel noted it when the connection was made: a
 * peer can't lie about it. A descriptor of the connection may be somebody else's by now.
 *
 * <p>Immutable.
 *
 * @param pid the process, in this process's namespace; 0 if it isn't visible there
 * @param uid its effective user
 * @param gid its effective group
 */
public record PeerCredentials(int pid, int uid, int gid) {
  static PeerCredentials of(UnixSocket.Credentials credentials) {
    return new PeerCredentials(credentials.pid(), credentials.uid(), credentials.gid());
  }

  /**
   * For example {@code process 4711 of user 1000}.
   *
   * @return the peer for people
   */
  @Override
  public String toString() {
    return "process %d of user %d".formatted(pid, uid);
  }
}

package io.github.dmabuf4j.device.linux;

/**
 * A descriptor that a peer sent and that is nobody's yet: taken by somebody, or closed by a {@link
 * ClosingThread}, and either once.
 *
 * <p><b>Threads.</b> One at a time.
 */
public final class LooseFile extends ClosingThread.Closing {
  private final int fd;
  private boolean isTaken;

  /**
   * Has a descriptor.
   *
   * @param fd its number
   */
  LooseFile(int fd) {
    this.fd = fd;
  }

  /**
   * Takes it.
   *
   * @return the number, the caller's
   * @throws IllegalStateException if it was taken, or closed
   */
  public int take() {
    if (isTaken) {
      throw new IllegalStateException("descriptor %d was taken or closed before".formatted(fd));
    }
    isTaken = true;
    return fd;
  }

  /**
   * Has it closed, unless it was taken. Needs no Java heap.
   *
   * @param closing by whom
   */
  public void close(ClosingThread closing) {
    if (!isTaken) {
      isTaken = true;
      closing.close(this);
    }
  }

  @Override
  void closeNow() {
    int _ = Syscalls.close(fd);
  }
}

package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.device.sharing.PeerException.Problem;

/** As what a fence travels. */
enum FenceForm {
  /** There is nothing to wait for. */
  NONE(0),
  /** An event, a timerfd or an eventfd: a fence of the other process. */
  EVENT(1),
  /** A sync_file: a fence of the kernel. */
  SYNC_FILE(2);

  /** The number in a frame. */
  final int code;

  FenceForm(int code) {
    this.code = code;
  }

  /**
   * Reads a form, which must fit the number of descriptors.
   *
   * @throws PeerException if it doesn't exist, or there is a descriptor too many or too few
   */
  static FenceForm read(Frame frame, int code) {
    for (FenceForm form : values()) {
      if (form.code == code) {
        int wanted = form == NONE ? 0 : 1;
        if (frame.descriptors() != wanted) {
          throw frame.wrong(
              Problem.DESCRIPTORS,
              "%d descriptors with a fence of the form %s".formatted(wanted, form),
              frame.descriptors());
        }
        return form;
      }
    }
    throw frame.wrong(Problem.CONTENT, "a form of fence from 0 to 2", code);
  }
}

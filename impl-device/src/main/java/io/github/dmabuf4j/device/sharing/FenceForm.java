package io.github.dmabuf4j.device.sharing;

import io.github.dmabuf4j.device.sharing.PeerException.Problem;

/** As what a fence travels. */
enum FenceForm {
  /** There is nothing to wait for. */
  NONE(0, 0),
  /** An event, a timerfd or an eventfd: a fence of the other process. */
  EVENT(1, 1),
  /** A sync_file: a fence of the kernel. */
  SYNC_FILE(2, 1),
  /** A point of a timeline that comes along, a syncobj and a file of failures. */
  POINT_OF_NEW_TIMELINE(3, 2),
  /** A point of a timeline that came before. */
  POINT(4, 0);

  /** The number in a frame. */
  final int code;

  /** How many descriptors come along. */
  final int descriptors;

  FenceForm(int code, int descriptors) {
    this.code = code;
    this.descriptors = descriptors;
  }

  /** Whether its timeline and its number there are said, too. */
  boolean isPoint() {
    return this == POINT || this == POINT_OF_NEW_TIMELINE;
  }

  /**
   * Reads a form, which must fit the number of descriptors.
   *
   * @throws PeerException if it doesn't exist, or there is a descriptor too many or too few
   */
  static FenceForm read(Frame frame, int code) {
    for (FenceForm form : values()) {
      if (form.code == code) {
        if (frame.descriptors() != form.descriptors) {
          throw frame.wrong(
              Problem.DESCRIPTORS,
              "%d descriptors with a fence of the form %s".formatted(form.descriptors, form),
              frame.descriptors());
        }
        return form;
      }
    }
    throw frame.wrong(Problem.CONTENT, "a form of fence from 0 to 4", code);
  }
}
